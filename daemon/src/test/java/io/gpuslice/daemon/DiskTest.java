// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gpuslice.actors.page.MemfdPages;
import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.daemon.DaemonProcess.Http;
import io.gpuslice.domain.ImageId;
import io.gpuslice.linux.Memfd;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A daemon whose disk is full, cannot be written, does not sync, or takes its time. */
class DiskTest {

    private static final long KIB = 1 << 10;
    /** Strict: nothing is granted ahead, so each charge is journaled. */
    private static final int FLAGS = Abi.FLAG_KEEP | Abi.FLAG_STRICT;

    private static final String IMAGE = "00112233445566778899aabbccddeeff";
    private static final List<UUID> DEVICES = List.of(UUID.fromString("01234567-89ab-cdef-0123-456789abcdef"));

    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    private Memfd page;
    private long charge;

    @BeforeEach
    void mapAPage() throws IOException {
        // Stands for the page that came with WELCOME, which these clients do not take.
        page = Memfd.create(MemfdPages.name(new ImageId(IMAGE)), 4096);
        page.map();
    }

    @AfterEach
    void unmapIt() throws IOException {
        page.close();
    }

    @Test
    void onAFullDiskNothingIsGrantedUntilThereIsRoomAndNothingThatWasIsForgotten() throws Exception {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), 160)) {
            String[] there = {"--state-dir", disk.directory().resolve("state").toString()};
            Frame.Opened session;
            try (DaemonProcess daemon = DaemonProcess.start(directory, there);
                    Client client = daemon.connect();
                    Client member = daemon.connect()) {
                session = open(client);
                join(member, session);
                assertThat(more(member)).isInstanceOf(Frame.Granted.class);
                disk.fill();
                await().untilAsserted(() -> assertThat(refusal(client)).contains("0 B are free", "make room there"));
                assertThat(more(member))
                        .isInstanceOf(Frame.ErrorFrame.class)
                        .asString()
                        .contains("0 B are free");

                disk.empty();
                await().untilAsserted(() -> assertThat(more(member)).isInstanceOf(Frame.Granted.class));
                daemon.kill();
            }
            assertRemembered(session, there);
        }
    }

    @Test
    void onADiskThatIsReadOnlyItDoesNotStartAndWhatIsThereCanStillBeRead() throws Exception {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), 160)) {
            String[] there = {"--state-dir", disk.directory().resolve("state").toString()};
            try (DaemonProcess daemon = DaemonProcess.start(directory, there);
                    Client client = daemon.connect()) {
                open(client);
                daemon.stop();
            }
            disk.readOnly();

            try (DaemonProcess daemon = DaemonProcess.launch(directory, there);
                    DaemonProcess verify = journal("verify", there);
                    DaemonProcess export = journal("export", there);
                    DaemonProcess repair = journal("repair", there)) {
                assertThat(daemon.exitCode()).isEqualTo(1);
                assertThat(daemon.errors()).contains(there[1], "Read-only file system");
                assertThat(verify.output()).contains("1 sessions").doesNotContain("BAD");
                assertThat(verify.exitCode()).isZero();
                assertThat(export.output()).contains("\"event\":\"sessions.opened.2\"");
                assertThat(repair.exitCode()).isEqualTo(1);
                assertThat(repair.errors()).contains("cannot be written");
            }
        }
    }

    @Test
    void aFileThatMayNotGrowRefusesChargesAndLosesNoneThatWereGranted() throws Exception {
        Frame.Opened session;
        try (DaemonProcess daemon = DaemonProcess.start(directory);
                Client client = daemon.connect();
                Client member = daemon.connect()) {
            session = open(client);
            join(member, session);
            // Room for what is mapped now: the log that goes on behind it cannot have its next piece.
            limitFiles(daemon, "131072");
            Frame last = more(member);
            while (last instanceof Frame.Granted) {
                last = more(member);
            }
            assertThat(last).isInstanceOf(Frame.ErrorFrame.class).asString().contains("could not be recorded");
            assertThat(daemon.http().get("/health/ready").statusCode()).isEqualTo(503);
            daemon.kill();
        }
        assertRemembered(session);
    }

    @Test
    void afterASyncThatFailedTheListIsNotWrittenUntilTheDaemonIsStartedAgainAndChargesGoOn() throws Exception {
        Path mode = Files.writeString(directory.resolve("mode"), "well");
        Frame.Opened session;
        try (DaemonProcess daemon = DaemonProcess.startWith(badDisk(mode), directory);
                Client client = daemon.connect();
                Client member = daemon.connect()) {
            session = open(client);
            join(member, session);
            Http http = daemon.http();
            assertThat(http.get("/health/ready").statusCode()).isEqualTo(200);

            Files.writeString(mode, "fail");
            assertThat(refusal(client)).contains("could not be recorded");
            Files.writeString(mode, "well");

            // What the kernel could not write once it may have forgotten: only what is opened anew is known to be
            // there.
            assertThat(refusal(client)).contains("restart gpusliced");
            assertThat(http.get("/health/ready").body()).contains("restart gpusliced");
            assertThat(more(member)).isInstanceOf(Frame.Granted.class);
            daemon.kill();
        }
        assertRemembered(session);
    }

    @Test
    void aSyncThatTakesLongHoldsUpWhoeverNeedsItAndNobodyElse() throws Exception {
        Path mode = Files.writeString(directory.resolve("mode"), "well");
        try (DaemonProcess daemon = DaemonProcess.startWith(badDisk(mode), directory);
                Client client = daemon.connect();
                Client member = daemon.connect()) {
            Frame.Opened session = open(client);
            join(member, session);
            Http http = daemon.http();

            Files.writeString(mode, "hang");
            CompletableFuture<Frame> waiting = CompletableFuture.supplyAsync(() -> {
                try {
                    return client.ask(new Frame.Open("", "64MB", "late", 0, Abi.FLAG_KEEP));
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(
                            () -> assertThat(http.get("/health/ready").body()).contains("has been under way"));
            assertThat(more(member)).isInstanceOf(Frame.Granted.class);
            assertThat(waiting).isNotDone();

            Files.writeString(mode, "well");
            assertThat(waiting.get(20, TimeUnit.SECONDS)).isInstanceOf(Frame.Opened.class);
            await().untilAsserted(() ->
                    assertThat(http.get("/health/ready").statusCode()).isEqualTo(200));
        }
    }

    /** Charges as they were granted, after another start; and the daemon grants again. */
    private void assertRemembered(Frame.Opened session, String... there) throws Exception {
        try (DaemonProcess again = DaemonProcess.start(directory, there);
                Client member = again.connect()) {
            join(member, session);
            Frame.Status status = member.ask(new Frame.Query(), Frame.Status.class);
            assertThat(status.devices())
                    .singleElement()
                    .satisfies(device -> assertThat(device.charge()).isEqualTo(charge));
            assertThat(more(member)).isInstanceOf(Frame.Granted.class);
        }
    }

    /** Asks for more than the member has: each raises the charge, and so is journaled. */
    private Frame more(Client member) throws Exception {
        Frame answer = member.ask(new Frame.Charge(charge + 4 * KIB, 0));
        if (answer instanceof Frame.Granted granted) {
            charge = granted.charge();
        }
        return answer;
    }

    private static Frame.Opened open(Client client) throws Exception {
        return client.ask(new Frame.Open("", "1GB", "train", 0, FLAGS), Frame.Opened.class);
    }

    private static String refusal(Client client) throws Exception {
        Frame.ErrorFrame refused = client.ask(new Frame.Open("", "1GB", "train", 0, FLAGS), Frame.ErrorFrame.class);
        assertThat(refused.code()).isEqualTo(ErrorCode.INTERNAL);
        return refused.text();
    }

    private static void join(Client member, Frame.Opened session) throws Exception {
        member.ask(new Frame.Hello(session.sessionId(), session.token(), IMAGE, DEVICES), Frame.Welcome.class);
    }

    private DaemonProcess journal(String verb, String... there) throws IOException {
        return DaemonProcess.launch(directory, "journal", verb, there[0], there[1]);
    }

    private static void limitFiles(DaemonProcess daemon, String bytes) throws Exception {
        Process limit = new ProcessBuilder("prlimit", "--pid", Long.toString(daemon.pid()), "--fsize=" + bytes)
                .inheritIO()
                .start();
        assertThat(limit.waitFor()).isZero();
    }

    /** The variables of a daemon whose disk syncs as {@code mode} says. */
    private List<String> badDisk(Path mode) throws Exception {
        Path library = directory.resolve("bad_disk.so");
        Process compiler = new ProcessBuilder(
                        "cc", "-shared", "-fPIC", "-o", library.toString(), "src/test/c/bad_disk.c", "-ldl")
                .redirectErrorStream(true)
                .start();
        String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assumeTrue(compiler.waitFor() == 0, "needs a C compiler: " + said);
        return List.of("LD_PRELOAD=" + library, "BAD_DISK=" + mode);
    }
}
