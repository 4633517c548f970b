// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalHealthTest {

    private static final Path DURABLE = Path.of("durable/journal");
    private static final Path FAST = Path.of("fast/journal");

    @TempDir
    private Path directory;

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 5);
    private JournalHealth health;

    @BeforeEach
    void make() {
        health = new JournalHealth(List.of(new DiskSpace(directory, 1)), nanos::get);
    }

    @Test
    void nothingIsWrongBeforeTheFirstWriteAndAfterOneThatSucceeded() {
        assertThat(health.problem()).isEmpty();
        health.begins(FAST);
        health.succeeded(FAST);
        assertThat(health.problem()).isEmpty();
    }

    @Test
    void aWriteThatFailedIsAProblemUntilOneOfThatJournalSucceeds() {
        fail(DURABLE, "Input/output error");
        write(FAST);
        assertThat(health.problem()).contains("the last write to durable/journal failed: Input/output error");

        health.begins(DURABLE);
        assertThat(health.problem()).contains("the last write to durable/journal failed: Input/output error");
        health.succeeded(DURABLE);
        assertThat(health.problem()).isEmpty();
    }

    @Test
    void aWriteThatTakesLongerThanASecondIsAProblemUntilItEnds() {
        health.begins(FAST);
        pass(Duration.ofSeconds(1));
        assertThat(health.problem()).isEmpty();

        pass(Duration.ofMillis(1));
        assertThat(health.problem()).contains("a write to fast/journal has been under way for 1001 ms");
        health.succeeded(FAST);
        assertThat(health.problem()).isEmpty();
    }

    @Test
    void tooLittleRoomIsAProblemBeforeAnythingIsWritten() {
        JournalHealth cramped = new JournalHealth(
                List.of(new DiskSpace(directory, 1), new DiskSpace(directory, Long.MAX_VALUE)), nanos::get);

        assertThat(cramped.problem())
                .hasValueSatisfying(problem ->
                        assertThat(problem).contains(directory.toString()).contains("make room there"));
    }

    private void write(Path journal) {
        health.begins(journal);
        health.succeeded(journal);
    }

    private void fail(Path journal, String why) {
        health.begins(journal);
        health.failed(journal, new IOException(why));
    }

    private void pass(Duration time) {
        nanos.addAndGet(time.toNanos());
    }
}
