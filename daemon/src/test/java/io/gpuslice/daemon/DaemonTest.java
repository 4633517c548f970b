// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.page.MemfdPages;
import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.domain.ImageId;
import io.gpuslice.linux.Memfd;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DaemonTest {

    private static final long MIB = 1 << 20;
    private static final String IMAGE = "00112233445566778899aabbccddeeff";
    private static final List<UUID> DEVICES = List.of(UUID.fromString("01234567-89ab-cdef-0123-456789abcdef"));

    // Sockets have short paths.
    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    @BeforeEach
    void notInASession() {
        assertThat(System.getenv()).doesNotContainKey("GPUSLICE_SESSION");
    }

    @Test
    void aDaemonThatWasKilledHasItsBooksWhenItIsBack() throws Exception {
        Frame.Opened session;
        try (Memfd page = mappedPage();
                DaemonProcess daemon = DaemonProcess.start(directory);
                Client client = daemon.connect()) {
            int flags = Abi.FLAG_KEEP | Abi.FLAG_STRICT;
            session = client.ask(new Frame.Open("", "64MB", "train", 0, flags), Frame.Opened.class);
            try (Client member = daemon.connect()) {
                member.ask(hello(session), Frame.Welcome.class);
                for (int i = 1; i <= 250; i++) {
                    // More than before, and nothing is used: each raises the charge, and so is journaled.
                    member.ask(new Frame.Charge(i * 64L * 1024, 0), Frame.Granted.class);
                }
                assertThat(member.ask(new Frame.Charge(65 * MIB, 0))).isInstanceOf(Frame.Denied.class);
                daemon.kill();
            }

            try (DaemonProcess again = DaemonProcess.start(directory);
                    Client member = again.connect()) {
                member.ask(hello(session), Frame.Welcome.class);
                Frame.Status status = member.ask(new Frame.Query(), Frame.Status.class);
                assertThat(status.devices()).singleElement().satisfies(device -> {
                    assertThat(device.limit()).isEqualTo(64 * MIB);
                    assertThat(device.charge()).isEqualTo(250 * 64L * 1024);
                });
            }
            assertThat(page.fd()).isNotNegative();
        }
    }

    @Test
    void aProgramThatIsNoMoreWhenTheDaemonIsBackHasNoCharge() throws Exception {
        Frame.Opened session;
        try (DaemonProcess daemon = DaemonProcess.start(directory);
                Client client = daemon.connect();
                Client member = daemon.connect()) {
            session = client.ask(new Frame.Open("", "64MB", "train", 0, Abi.FLAG_KEEP), Frame.Opened.class);
            try (Memfd page = mappedPage()) {
                member.ask(hello(session), Frame.Welcome.class);
                member.ask(new Frame.Charge(48 * MIB, 0), Frame.Granted.class);
                daemon.kill();
                assertThat(page.fd()).isNotNegative();
            }
        }

        // The process lives, but has no page of that program any more.
        try (DaemonProcess daemon = DaemonProcess.start(directory);
                Client member = daemon.connect()) {
            member.ask(hello(session), Frame.Welcome.class);
            Frame.Status status = member.ask(new Frame.Query(), Frame.Status.class);
            assertThat(status.devices())
                    .singleElement()
                    .satisfies(device -> assertThat(device.charge()).isZero());
        }
    }

    @Test
    void aDaemonToldToStopEndsWithZeroAndTakesItsSocketWithIt() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            assertThat(daemon.socket()).exists();

            assertThat(daemon.stop()).isZero();

            assertThat(daemon.socket()).doesNotExist();
        }
    }

    @Test
    void aDaemonThatIsInterruptedHasBeenToldToStop() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            assertThat(daemon.interrupt()).isZero();
        }
    }

    @Test
    void anEndThatNobodyAskedForIsAFailureAndSaidAsOne() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.startUnsteady(directory)) {
            daemon.endByItself();

            assertThat(daemon.exitCode()).isEqualTo(1);
            assertThat(daemon.errors()).contains("nobody asked for it");
            assertThat(daemon.socket()).doesNotExist();
        }
        assertThat(Files.readString(directory.resolve("state/audit.jsonl")))
                .contains("\"operation\":\"start\"")
                .doesNotContain("\"operation\":\"stop\"");
    }

    @Test
    void itsOwnLogIsBegunAnewWhenItIsLarge() throws Exception {
        Path state = Files.createDirectory(
                directory.resolve("state"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Path log = state.resolve("gpusliced.log");
        String before = "x".repeat(16 << 20);
        Files.writeString(log, before);

        try (DaemonProcess daemon = DaemonProcess.startWithLog(log, directory)) {
            assertThat(daemon.stop()).isZero();
        }

        assertThat(Files.readString(state.resolve("gpusliced.log.1"))).startsWith(before);
        assertThat(Files.readString(log)).contains("stopping").doesNotContain("x".repeat(100));
        assertThat(Files.size(log)).isLessThan(1 << 16);
    }

    @Test
    void aLogThatIsNotItsOwnIsLeftAlone() throws Exception {
        Path log = Files.writeString(directory.resolve("gpusliced.log"), "x".repeat(16 << 20));

        try (DaemonProcess daemon = DaemonProcess.startWithLog(log, directory)) {
            assertThat(daemon.stop()).isZero();
        }

        assertThat(Files.size(log)).isGreaterThan(16 << 20);
        assertThat(directory.resolve("gpusliced.log.1")).doesNotExist();
    }

    @Test
    void onADiskThatIsFullANewStateSaysWhereRoomIsMissing() throws Exception {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), 1)) {
            disk.fill();
            try (DaemonProcess daemon = DaemonProcess.launch(
                    directory, "--state-dir", disk.directory().resolve("state").toString())) {
                assertThat(daemon.exitCode()).isEqualTo(1);
                assertThat(daemon.errors())
                        .contains("gpusliced: the state in " + disk.directory() + "/state cannot be opened: ")
                        .contains("No space left on device")
                        .contains("--state-dir");
            }
        }
    }

    @Test
    void aSecondDaemonOnTheSameStateIsRefusedWithThePidOfTheFirst() throws Exception {
        try (DaemonProcess first = DaemonProcess.start(directory);
                DaemonProcess second = DaemonProcess.launch(
                        directory, "--ipc-sock", directory.resolve("another").toString())) {
            assertThat(second.exitCode()).isEqualTo(1);
            assertThat(second.errors())
                    .contains("pid " + first.pid())
                    .contains(directory.resolve("state").toString());
        }
    }

    @Test
    void aListOfSessionsThatIsDamagedIsRefusedAndTheWayOutIsSaid() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory);
                Client client = daemon.connect()) {
            for (int i = 0; i < 20; i++) {
                client.ask(new Frame.Open("", "64MB", "train", 0, Abi.FLAG_KEEP), Frame.Opened.class);
            }
            daemon.stop();
        }
        // Opening it again moves the log into a table, whose blocks have check sums.
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            daemon.stop();
        }
        damageTables(directory.resolve("state/durable/journal"));

        try (DaemonProcess daemon = DaemonProcess.launch(directory)) {
            assertThat(daemon.exitCode()).isEqualTo(1);
            assertThat(daemon.errors())
                    .contains("mv " + directory.resolve("state"))
                    .doesNotContain("..");
        }
    }

    @Test
    void aSocketThatIsTakenIsSaidAndTheStateIsNotBlamed() throws Exception {
        try (DaemonProcess first = DaemonProcess.start(directory);
                DaemonProcess second = DaemonProcess.launch(
                        directory, "--state-dir", directory.resolve("another").toString())) {
            assertThat(second.exitCode()).isEqualTo(1);
            assertThat(second.errors())
                    .contains(first.socket().toString())
                    .doesNotContain("mv ")
                    .doesNotContain("..");
        }
    }

    @Test
    void aSocketThatCannotBeMadeIsSaidAndTheStateIsNotBlamed() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.launch(directory, "--ipc-sock", "/proc/nowhere/socket")) {
            assertThat(daemon.exitCode()).isEqualTo(1);
            assertThat(daemon.errors()).contains("/proc/nowhere").doesNotContain("mv ");
        }
    }

    @Test
    void aSettingThatMakesNoSenseIsAUsageError() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.launch(directory, "--sessions-max", "many")) {
            assertThat(daemon.exitCode()).isEqualTo(2);
            assertThat(daemon.errors()).startsWith("gpusliced: ").contains("many");
        }
    }

    @Test
    void aCheckOfTheSettingsSaysAllThatIsWrongAndStartsNothing() throws Exception {
        Path file = Files.writeString(
                directory.resolve("gpuslice.conf"), "sesions.max = 1\nsessions.max = many\naudit.max-size = 64\n");
        try (DaemonProcess daemon = DaemonProcess.launch(directory, "--check-config", "--config", file.toString())) {
            assertThat(daemon.exitCode()).isEqualTo(2);
            assertThat(daemon.errors().lines())
                    .satisfiesExactly(
                            line -> assertThat(line)
                                    .isEqualTo("gpusliced: " + file
                                            + ": 1: there is no setting sesions.max; did you mean sessions.max?"),
                            line -> assertThat(line).startsWith("gpusliced: " + file + ": 2: sessions.max: \"many\""),
                            line -> assertThat(line).startsWith("gpusliced: " + file + ": 3: audit.max-size: "));
        }
        Files.writeString(
                file, "http { address = \"0.0.0.0:0\", tls-store = /no/such }, access.users = nobody-of-that-name\n");
        try (DaemonProcess daemon = DaemonProcess.launch(
                directory, "--check-config", "--http-address=0.0.0.0:0", "--config", file.toString())) {
            assertThat(daemon.exitCode()).isEqualTo(2);
            assertThat(daemon.errors().lines())
                    .satisfiesExactly(
                            line -> assertThat(line).contains("set http.token"),
                            line -> assertThat(line).contains("/no/such"),
                            line -> assertThat(line).contains("access.users: there is no user"));
        }
        Files.writeString(file, "sessions.max = 1\n");
        try (DaemonProcess daemon = DaemonProcess.launch(directory, "--check-config", "--config", file.toString())) {
            assertThat(daemon.output()).isEqualTo("gpusliced: the settings make sense\n");
            assertThat(daemon.exitCode()).isZero();
            assertThat(daemon.socket()).doesNotExist();
            assertThat(directory.resolve("state")).doesNotExist();
        }
    }

    @Test
    void helpAndVersionAreDataOnStandardOutput() throws Exception {
        try (DaemonProcess help = DaemonProcess.launch(directory, "--help");
                DaemonProcess version = DaemonProcess.launch(directory, "--version")) {
            assertThat(help.output()).startsWith("Usage: gpusliced").contains("--state-dir");
            assertThat(version.output()).startsWith("gpusliced ");
            assertThat(help.exitCode()).isZero();
            assertThat(version.exitCode()).isZero();
        }
    }

    /** Stands for the page that came with WELCOME, which these clients do not take: that of a living program is mapped. */
    private static Memfd mappedPage() throws IOException {
        Memfd page = Memfd.create(MemfdPages.name(new ImageId(IMAGE)), 4096);
        page.map();
        return page;
    }

    private static Frame.Hello hello(Frame.Opened session) {
        return new Frame.Hello(session.sessionId(), session.token(), IMAGE, DEVICES);
    }

    /** Turns over bytes in the middle of every table. */
    private static void damageTables(Path journal) throws IOException {
        List<Path> tables;
        try (Stream<Path> files = Files.list(journal)) {
            tables = files.filter(file -> file.toString().matches(".*\\.(ldb|sst)"))
                    .toList();
        }
        assertThat(tables).isNotEmpty();
        for (Path table : tables) {
            try (RandomAccessFile file = new RandomAccessFile(table.toFile(), "rw")) {
                byte[] bytes = new byte[64];
                file.seek(file.length() / 4);
                file.readFully(bytes);
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i] ^= 0x55;
                }
                file.seek(file.length() / 4);
                file.write(bytes);
            }
        }
    }
}
