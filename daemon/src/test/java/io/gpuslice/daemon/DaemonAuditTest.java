// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.linux.PrivateDirectory;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DaemonAuditTest {
    private static final long MIB = 1 << 20;
    private static final String DEVICE = "01234567-89ab-cdef-0123-456789abcdef";
    private static final long SELF = ProcessHandle.current().pid();

    // Sockets have short paths.
    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    private Path audit;

    @BeforeEach
    void nameIt() {
        audit = directory.resolve("state/audit.jsonl");
    }

    private static Frame.Opened open(Client client, String name) throws IOException {
        return client.ask(new Frame.Open("", "64MB", name, 0, Abi.FLAG_KEEP), Frame.Opened.class);
    }

    private static List<JsonNode> linesOf(List<JsonNode> lines, String session) {
        return lines.stream()
                .filter(line -> line.path("session_id").asText().equals(session))
                .toList();
    }

    private static List<String> operations(List<JsonNode> lines) {
        return lines.stream().map(line -> line.path("operation").asText()).toList();
    }

    private static void deny(DaemonProcess daemon, Frame.Opened session) throws IOException {
        try (Client member = daemon.connect()) {
            member.ask(
                    new Frame.Hello(
                            session.sessionId(),
                            session.token(),
                            "00112233445566778899aabbccddeeff",
                            List.of(UUID.fromString(DEVICE))),
                    Frame.Welcome.class);
            member.ask(new Frame.Charge(16 * MIB, 0), Frame.Granted.class);
            member.ask(new Frame.Charge(65 * MIB, 0), Frame.Denied.class);
        }
    }

    @Test
    void aSessionsLifeIsInTheAuditLogAndInTheLogWithTheSameFields() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory, "--log-level=debug");
                Client client = daemon.connect()) {
            Frame.Opened session = open(client, "train");
            deny(daemon, session);
            Frame.Opened brief = open(client, "brief");
            client.ask(
                    new Frame.Call("{\"method\":\"DELETE\",\"path\":\"/sessions/" + brief.sessionId() + "\"}"),
                    Frame.Reply.class);
            assertThat(daemon.stop()).isZero();

            List<JsonNode> lines = DaemonProcess.jsonLines(audit);
            assertThat(operations(lines)).first().isEqualTo("start");
            assertThat(operations(lines)).last().isEqualTo("stop");
            assertThat(operations(linesOf(lines, brief.sessionId()))).containsExactly("open", "close");
            for (List<JsonNode> said :
                    List.of(linesOf(lines, session.sessionId()), linesOf(daemon.log(), session.sessionId()))) {
                assertThat(operations(said)).startsWith("open", "join", "grant", "deny");
                assertThat(said.get(0).path("pid").asLong()).isEqualTo(SELF);
                assertThat(said.get(0).path("uid").asInt()).isEqualTo(PrivateDirectory.uid());
                assertThat(said.get(2).path("bytes").asLong()).isGreaterThanOrEqualTo(16 * MIB);
                assertThat(said.get(2).path("result").asText()).isEqualTo("ok");
                assertThat(said.get(3).path("bytes").asLong()).isEqualTo(65 * MIB);
                assertThat(said.get(3).path("device").asText()).isEqualTo("GPU-" + DEVICE);
                assertThat(said.get(3).path("result").asText()).isEqualTo("denied");
                assertThat(said.get(3).path("error_code").asText()).isEqualTo("QUOTA_EXCEEDED");
            }
        }
    }

    @Test
    void onHangupTheAuditLogIsOpenedAnewAndNothingElseHappens() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory);
                Client client = daemon.connect()) {
            Frame.Opened before = open(client, "before");
            Path moved = directory.resolve("moved.jsonl");
            Files.move(audit, moved);

            daemon.hangUp();
            await().until(() -> Files.exists(audit));

            Frame.Opened after = open(client, "after");
            daemon.stop();
            assertThat(linesOf(DaemonProcess.jsonLines(moved), before.sessionId()))
                    .hasSize(1);
            assertThat(linesOf(DaemonProcess.jsonLines(audit), after.sessionId()))
                    .hasSize(1);
            assertThat(daemon.errors()).contains("opened anew");
        }
    }

    @Test
    void anAuditFileThatCannotBeIsAReasonNotToStart() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("/dev/null"));
        try (DaemonProcess daemon = DaemonProcess.launch(directory, "--audit-file", link.toString())) {
            assertThat(daemon.exitCode()).isEqualTo(1);
            assertThat(daemon.errors())
                    .contains(link + " cannot be opened: it is not a regular file")
                    .contains("audit.file");
        }
    }

    @Test
    void withoutAnAuditLogHangupDoesNothing() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory, "--audit-file=off", "--log-format=text");
                Client client = daemon.connect()) {
            daemon.hangUp();
            await().untilAsserted(() -> assertThat(daemon.errors()).contains("SIGHUP: the audit log is off"));
            open(client, "still-there");
            assertThat(audit).doesNotExist();
        }
    }
}
