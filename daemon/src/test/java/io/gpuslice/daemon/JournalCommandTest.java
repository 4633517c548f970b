// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.actors.page.MemfdPages;
import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.domain.ImageId;
import io.gpuslice.linux.Memfd;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalCommandTest {

    private static final long MIB = 1 << 20;
    private static final String IMAGE = "00112233445566778899aabbccddeeff";
    private static final List<UUID> DEVICES = List.of(UUID.fromString("01234567-89ab-cdef-0123-456789abcdef"));
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    @Test
    void aStateThatADaemonIsUsingIsLeftAloneAndThePidIsSaid() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory);
                DaemonProcess verify = DaemonProcess.launch(directory, "journal", "verify")) {
            assertThat(verify.exitCode()).isEqualTo(1);
            assertThat(verify.errors()).contains("pid " + daemon.pid());
            assertThat(verify.output()).isEmpty();
        }
    }

    @Test
    void aCommandThatMakesNoSenseIsAUsageErrorThatNamesThoseThatDo() throws Exception {
        try (DaemonProcess destroy = DaemonProcess.launch(directory, "journal", "destroy");
                DaemonProcess none = DaemonProcess.launch(directory, "journal", "verify")) {
            assertThat(destroy.exitCode()).isEqualTo(2);
            assertThat(destroy.errors()).contains("destroy", "verify, export and repair");
            assertThat(none.exitCode()).isEqualTo(1);
            assertThat(none.errors()).contains("there is no state directory " + directory.resolve("state"));
            assertThat(directory.resolve("state")).doesNotExist();
        }
    }

    @Test
    void whatIsDamagedIsNamedRefusedAndRepairedWithoutTouchingTheOtherSession() throws Exception {
        try (Memfd page = Memfd.create(MemfdPages.name(new ImageId(IMAGE)), 4096)) {
            page.map();
            Frame.Opened hurt;
            Frame.Opened whole;
            try (DaemonProcess daemon = DaemonProcess.start(directory);
                    Client client = daemon.connect()) {
                hurt = open(client, "hurt");
                whole = open(client, "whole");
                charge(daemon, hurt, 48);
                charge(daemon, whole, 32);
                daemon.kill();
            }
            assertThat(journal("verify", 0)).contains("durable/sessions: events 1 to 3; 2 sessions", "48.0 MiB");
            List<JsonNode> events = new ArrayList<>();
            for (String line : journal("export", 0).lines().toList()) {
                events.add(JSON.readTree(line));
            }
            assertThat(events)
                    .anySatisfy(event -> {
                        assertThat(event.path("event").asText()).isEqualTo("sessions.opened.2");
                        assertThat(event.path("fields").path("name").asText()).isEqualTo("whole");
                    })
                    .anySatisfy(event -> {
                        assertThat(event.path("journal").asText()).isEqualTo("fast");
                        assertThat(event.path("event").asText()).isEqualTo("ledger.charged.1");
                        assertThat(event.path("fields").path("charge").asLong()).isEqualTo(48 * MIB);
                    });

            Path log = damageTheBooksInSlot0();
            assertThat(journal("verify", 1))
                    .contains(log + " is damaged at byte ", "BAD   fast/session-0", "ok    fast/session-1");
            try (DaemonProcess daemon = DaemonProcess.launch(directory)) {
                assertThat(daemon.exitCode()).isEqualTo(1);
                assertThat(daemon.errors())
                        .contains(
                                "gpusliced journal repair --state-dir " + directory.resolve("state"),
                                "is damaged at byte");
            }
            assertThat(journal("repair", 0))
                    .contains("closed  session " + hurt.sessionId() + " (hurt), limit 64MB", "last known: ")
                    .contains("kept    session " + whole.sessionId() + " (whole), limit 64MB");
            assertThat(journal("verify", 0)).doesNotContain("BAD");
            assertThat(journal("repair", 0)).contains("nothing to repair");

            try (DaemonProcess daemon = DaemonProcess.start(directory);
                    Client late = daemon.connect();
                    Client member = daemon.connect()) {
                assertThat(late.ask(hello(hurt), Frame.ErrorFrame.class).code()).isEqualTo(ErrorCode.SESSION_CLOSED);
                member.ask(hello(whole), Frame.Welcome.class);
                assertThat(member.ask(new Frame.Query(), Frame.Status.class).devices())
                        .singleElement()
                        .satisfies(device -> assertThat(device.charge()).isEqualTo(32 * MIB));
            }
        }
    }

    private String journal(String verb, int code) throws Exception {
        try (DaemonProcess command = DaemonProcess.launch(directory, "journal", verb)) {
            String output = command.output();
            assertThat(command.exitCode()).as(output + command.errors()).isEqualTo(code);
            return output;
        }
    }

    private static Frame.Opened open(Client client, String name) throws Exception {
        return client.ask(new Frame.Open("", "64MB", name, 0, Abi.FLAG_KEEP | Abi.FLAG_STRICT), Frame.Opened.class);
    }

    private static void charge(DaemonProcess daemon, Frame.Opened session, int mebibytes) throws Exception {
        try (Client member = daemon.connect()) {
            member.ask(hello(session), Frame.Welcome.class);
            for (int i = 1; i <= mebibytes; i++) {
                // Strict, so nothing is granted ahead: each raises the charge, and so is journaled.
                member.ask(new Frame.Charge(i * MIB, 0), Frame.Granted.class);
            }
        }
    }

    private static Frame.Hello hello(Frame.Opened session) {
        return new Frame.Hello(session.sessionId(), session.token(), IMAGE, DEVICES);
    }

    /** Turns a bit over in the last event but a few. */
    private Path damageTheBooksInSlot0() throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve("state/fast/journal"))) {
            Path log = files.filter(file -> file.toString().endsWith(".log"))
                    .findFirst()
                    .orElseThrow();
            String text = Files.readString(log, StandardCharsets.ISO_8859_1);
            int place = text.length();
            for (int i = 0; i < 3; i++) {
                place = text.lastIndexOf("session-0", place - 1);
            }
            byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
            bytes[place] ^= 1;
            Files.write(log, bytes);
            return log;
        }
    }
}
