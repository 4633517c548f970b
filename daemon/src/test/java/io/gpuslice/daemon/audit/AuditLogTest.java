// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.daemon.SmallDisk;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.linux.PrivateDirectory;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

class AuditLogTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");

    @TempDir
    private Path directory;

    private Path file;

    @BeforeEach
    void nameIt() {
        file = directory.resolve("audit.jsonl");
    }

    private AuditLog open() throws IOException {
        return AuditLog.open(file, 0, "1.2.3");
    }

    /** A line that is being written is read as a cut one: not yet. */
    private static ConditionFactory soon() {
        return await().ignoreExceptionsInstanceOf(JsonProcessingException.class);
    }

    private static Occurrence number(long n) {
        return new Occurrence(
                Instant.EPOCH,
                Operation.GRANT,
                Result.OK,
                Optional.of(new SessionId("s")),
                1,
                1000,
                Optional.empty(),
                n,
                Optional.empty(),
                "");
    }

    private static List<JsonNode> read(Path file) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            lines.add(JSON.readTree(line));
        }
        return lines;
    }

    /** The bytes of all grants there, in order. */
    private static List<Long> numbers(Path file) throws IOException {
        return read(file).stream()
                .filter(line -> line.path("operation").asText().equals("grant"))
                .map(line -> line.path("bytes").asLong())
                .toList();
    }

    private static List<String> operations(Path file) throws IOException {
        return read(file).stream().map(line -> line.path("operation").asText()).toList();
    }

    private static long lost(Path file) throws IOException {
        return read(file).stream()
                .filter(line -> line.path("operation").asText().equals("lost"))
                .mapToLong(line -> line.path("count").asLong())
                .sum();
    }

    @Test
    void eachOccurrenceIsALineBetweenStartAndStop() throws Exception {
        try (AuditLog log = open()) {
            log.happened(new Occurrence(
                    Instant.parse("2026-03-01T12:00:00.000250Z"),
                    Operation.DENY,
                    Result.DENIED,
                    Optional.of(new SessionId("5d0c6a1f9b3e7724")),
                    4711,
                    1000,
                    Optional.of(DeviceId.valueOf("GPU-01234567-89ab-cdef-0123-456789abcdef")),
                    2L << 30,
                    Optional.of(ErrorCode.QUOTA_EXCEEDED),
                    "a \"word\"\nand \ud83d\ude00 and half of one: \ud83d"));
            log.stopping();
        }

        assertThat(Files.readAllLines(file)).hasSize(3).element(1).isEqualTo("""
                {"time":"2026-03-01T12:00:00.000250Z","session_id":"5d0c6a1f9b3e7724","pid":4711,"uid":1000,\
                "operation":"deny","device":"GPU-01234567-89ab-cdef-0123-456789abcdef","bytes":2147483648,\
                "result":"denied","error_code":"QUOTA_EXCEEDED","detail":"a \\"word\\"\\nand \ud83d\ude00 and half of one: ?"}""");
        assertThat(operations(file)).containsExactly("start", "deny", "stop");
        assertThat(read(file).getFirst().path("detail").asText()).isEqualTo("1.2.3");
        assertThat(read(file).getFirst().path("pid").asLong())
                .isEqualTo(ProcessHandle.current().pid());
    }

    @Test
    void whatThereIsNotIsAbsent() throws Exception {
        try (AuditLog log = open()) {
            log.happened(new Occurrence(
                    Instant.EPOCH,
                    Operation.LOGIN,
                    Result.DENIED,
                    Optional.empty(),
                    0,
                    -1,
                    Optional.empty(),
                    0,
                    Optional.empty(),
                    ""));
        }

        assertThat(Files.readAllLines(file))
                .element(1)
                .isEqualTo("{\"time\":\"1970-01-01T00:00:00.000000Z\",\"operation\":\"login\",\"result\":\"denied\"}");
    }

    @Test
    void whatIsSaidIsInTheFileAMomentLater() throws Exception {
        try (AuditLog log = open()) {
            for (long n = 1; n <= 3; n++) {
                long last = n;
                log.happened(number(n));
                soon().untilAsserted(() -> assertThat(numbers(file)).endsWith(last));
            }
        }
    }

    @Test
    void theNextStartGoesOnWhereTheLastEnded() throws Exception {
        open().close();
        open().close();

        assertThat(operations(file)).containsExactly("start", "start");
    }

    @Test
    void aLineThatACrashHasCutIsNotContinued() throws Exception {
        Files.writeString(file, "{\"time\":\"2026-03-01T12:0");

        open().close();

        List<String> lines = Files.readAllLines(file);
        assertThat(lines).hasSize(2).first().isEqualTo("{\"time\":\"2026-03-01T12:0");
        assertThat(JSON.readTree(lines.get(1)).path("operation").asText()).isEqualTo("start");
    }

    @Test
    void onlyTheOwnerMayReadItAlsoIfOthersMightBefore() throws Exception {
        open().close();
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(OWNER_ONLY);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-r--"));

        open().close();

        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(OWNER_ONLY);
    }

    @Test
    void whatIsNoFileOfTheUsersOwnIsRefusedWithWhatToDo() throws Exception {
        Path target = Files.createFile(directory.resolve("target"));
        Files.createSymbolicLink(file, target);
        assertRefused("it is not a regular file");
        Files.delete(file);

        assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor())
                .isZero();
        assertRefused("it is not a regular file");
        Files.delete(file);

        Files.createDirectory(file);
        assertRefused("it is not a regular file");

        file = directory.resolve("nowhere/audit.jsonl");
        assertRefused("there is no such directory");

        if (PrivateDirectory.uid() == 0) {
            file = Files.createFile(directory.resolve("foreign"));
            Files.setAttribute(file, "unix:uid", 4711);
            assertRefused("it belongs to uid 4711, not to uid 0");
        }
        assertThat(target).isEmptyFile();
    }

    private void assertRefused(String why) {
        assertThatThrownBy(this::open)
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("the audit log " + file + " cannot be opened: " + why)
                .hasMessageContaining("audit.file");
    }

    @Test
    void aFileThatWasMovedAwayIsReplacedWhenTold() throws Exception {
        Path moved = directory.resolve("audit.jsonl-20260301");
        try (AuditLog log = open()) {
            log.happened(number(1));
            soon().untilAsserted(() -> assertThat(numbers(file)).containsExactly(1L));
            Files.move(file, moved);
            log.happened(number(2));
            soon().untilAsserted(() -> assertThat(numbers(moved)).containsExactly(1L, 2L));

            log.reopen();
            soon().until(() -> Files.exists(file));
            log.happened(number(3));
            soon().untilAsserted(() -> assertThat(numbers(file)).containsExactly(3L));
            log.stopping();
        }

        assertThat(numbers(moved)).containsExactly(1L, 2L);
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(OWNER_ONLY);
        assertThat(operations(file)).last().isEqualTo("stop");
    }

    @Test
    void whatCannotBeOpenedAnewIsNoReasonToStop() throws Exception {
        Path moved = directory.resolve("moved");
        try (AuditLog log = open()) {
            soon().untilAsserted(() -> assertThat(operations(file)).containsExactly("start"));
            Files.move(file, moved);
            Files.createDirectory(file);
            log.reopen();
            log.happened(number(1));
            soon().untilAsserted(() -> assertThat(numbers(moved)).containsExactly(1L));
        }
    }

    @Test
    void atItsGreatestSizeItIsBegunAnewAndTheOneBeforeKept() throws Exception {
        Path before = directory.resolve("audit.jsonl.1");
        try (AuditLog log = AuditLog.open(file, 1 << 20, "")) {
            long n = 0;
            while (!Files.exists(before)) {
                for (int i = 0; i < 2_000; i++) {
                    log.happened(number(++n));
                }
                long sent = n;
                soon().untilAsserted(() -> assertThat(lastNumber()).isEqualTo(sent));
            }
            log.happened(number(++n));
            long last = n;
            soon().untilAsserted(() -> assertThat(lastNumber()).isEqualTo(last));

            assertThat(Files.size(before)).isBetween(1L << 20, (1L << 20) + (1 << 17));
            List<Long> all = new ArrayList<>(numbers(before));
            all.addAll(numbers(file));
            assertThat(all).hasSize((int) n).isSorted().doesNotHaveDuplicates();
            assertThat(Files.getPosixFilePermissions(file)).isEqualTo(OWNER_ONLY);
        }
    }

    @Test
    void itsGreatestSizeMayBecomeAnother() throws Exception {
        Path before = directory.resolve("audit.jsonl.1");
        try (AuditLog log = AuditLog.open(file, 0, "")) {
            log.happened(number(1));
            soon().untilAsserted(() -> assertThat(lastNumber()).isEqualTo(1));
            log.maxSize(1);
            log.happened(number(2));

            soon().untilAsserted(() -> assertThat(before).exists());
            assertThat(numbers(before)).contains(1L);
        }
    }

    /** Of both files: the newest is in the one that is being written, unless that one is quite new. */
    private long lastNumber() throws IOException {
        List<Long> there = Files.exists(file) ? numbers(file) : List.of();
        Path before = directory.resolve("audit.jsonl.1");
        return !there.isEmpty()
                ? there.getLast()
                : Files.exists(before) ? numbers(before).getLast() : 0;
    }

    @Test
    void onAFullDiskLinesWaitAndNoneIsLostOrCut() throws Exception {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), 1)) {
            file = disk.directory().resolve("audit.jsonl");
            try (AuditLog log = open()) {
                log.happened(number(1));
                soon().untilAsserted(() -> assertThat(numbers(file)).containsExactly(1L));
                disk.fill();
                for (long n = 2; n <= 2_000; n++) {
                    log.happened(number(n));
                }
                // The page that the file has already is filled, and a line is cut there.
                soon().until(() -> Files.size(file) % 4096 == 0);
                assertThat(Files.readString(file)).doesNotEndWith("\n");
                disk.empty();
                soon().untilAsserted(() -> assertThat(numbers(file)).hasSize(2_000));
                log.stopping();
            }

            assertThat(numbers(file)).isSorted().doesNotHaveDuplicates();
            assertThat(operations(file)).first().isEqualTo("start");
            assertThat(operations(file)).last().isEqualTo("stop");
        }
    }

    @Test
    void onAFullDiskAFileThatIsOpenedAnewBeginsWithAWholeLine() throws Exception {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), 1)) {
            Path full = disk.directory().resolve("audit.jsonl");
            file = directory.resolve("audit.jsonl");
            Files.createFile(full);
            try (AuditLog log = AuditLog.open(full, 0, "")) {
                soon().untilAsserted(() -> assertThat(operations(full)).containsExactly("start"));
                disk.fill();
                for (long n = 1; n <= 100; n++) {
                    log.happened(number(n));
                }
                soon().until(() -> Files.size(full) % 4096 == 0);
                Path moved = disk.directory().resolve("moved");
                Files.move(full, moved);
                disk.empty();
                log.reopen();
                soon().until(() -> Files.exists(full) && numbers(full).contains(100L));

                String cut = Files.readString(moved);
                long whole = cut.lines().count() - 2;
                assertThat(numbers(full).getFirst()).isEqualTo(whole + 1);
            }
        }
    }

    @Test
    void whatIsMoreThanCanBeKeptIsCountedAndSaid() throws Exception {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), 16)) {
            file = disk.directory().resolve("audit.jsonl");
            long said = AuditLog.MOST_WAITING + 10_000;
            try (AuditLog log = open()) {
                soon().untilAsserted(() -> assertThat(operations(file)).containsExactly("start"));
                disk.fill();
                for (long n = 1; n <= said; n++) {
                    log.happened(number(n));
                }
                assertThat(log.lost()).isPositive();
                disk.empty();
                soon().untilAsserted(() ->
                        assertThat(numbers(file).size() + lost(file)).isEqualTo(said));
                assertThat(lost(file)).isEqualTo(log.lost());
            }
        }
    }

    @Test
    void whileTheDiskIsFullLossesAreInTheLogAlready() throws Exception {
        ListAppender<ILoggingEvent> seen = new ListAppender<>();
        Logger own = (Logger) LoggerFactory.getLogger(AuditLog.class);
        seen.start();
        own.addAppender(seen);
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), 1)) {
            file = disk.directory().resolve("audit.jsonl");
            try (AuditLog log = open()) {
                disk.fill();

                // Again and again: the first may be lost to a writer that is merely slow, and that is said otherwise.
                soon().untilAsserted(() -> {
                    for (long n = 1; n <= 2 * AuditLog.MOST_WAITING; n++) {
                        log.happened(number(n));
                    }
                    assertThat(List.copyOf(seen.list))
                            .extracting(ILoggingEvent::getFormattedMessage)
                            .anyMatch(line -> line.matches("\\d+ lines of the audit log .* are lost already, .*"));
                });
                disk.empty();
            }
        } finally {
            own.detachAppender(seen);
        }
    }

    @Test
    void itDoesNotWaitForEverForADiskThatStaysFull() throws Exception {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), 1)) {
            file = disk.directory().resolve("audit.jsonl");
            AuditLog log = open();
            disk.fill();
            for (long n = 1; n <= 1_000; n++) {
                log.happened(number(n));
            }
            long began = System.nanoTime();

            log.close();

            assertThat((System.nanoTime() - began) / 1e9).isLessThan(4);
        }
    }

    @Test
    void aMillionAreTakenWithoutWaitingAndEachIsWrittenOrCounted() throws Exception {
        int million = 1_000_000;
        AuditLog log = open();
        Occurrence each = number(1);
        long began = System.nanoTime();
        for (int i = 0; i < million; i++) {
            log.happened(each);
        }
        long said = System.nanoTime() - began;
        log.close();
        long done = System.nanoTime() - began;

        try (var lines = Files.lines(file)) {
            long written = lines.filter(line -> line.contains("\"grant\"")).count();
            assertThat(written + log.lost()).isEqualTo(million);
            System.out.printf("audit: %d ns a call, %d ns a line%n", said / million, done / written);
        }
    }
}
