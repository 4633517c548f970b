// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/** Whether the journals of one state directory write. Its journals tell; anybody may ask, from any thread. */
public final class JournalHealth {

    /** A write that takes longer delays whoever waits for it beyond what a guest bears. */
    private static final Duration TOO_LONG = Duration.ofSeconds(1);

    /** @param failure why the last write failed; empty: it did not */
    private record Writing(boolean underWay, long since, String failure) {}

    private final List<DiskSpace> disks;
    private final LongSupplier nanos;
    private final Map<Path, Writing> journals = new ConcurrentHashMap<>();

    /**
     * @param disks that the journals are on
     * @param nanos a monotonic clock
     */
    JournalHealth(List<DiskSpace> disks, LongSupplier nanos) {
        this.disks = disks;
        this.nanos = nanos;
    }

    /** A write to this journal begins. */
    void begins(Path journal) {
        journals.merge(
                journal,
                new Writing(true, nanos.getAsLong(), ""),
                (former, now) -> new Writing(true, now.since(), former.failure()));
    }

    /** The write that began is done. */
    void succeeded(Path journal) {
        journals.put(journal, new Writing(false, 0, ""));
    }

    /** The write that began has failed. */
    void failed(Path journal, Throwable cause) {
        journals.put(journal, new Writing(false, 0, "the last write to " + journal + " failed: " + cause.getMessage()));
    }

    /** Why the journals do not write now, for people; empty: they do, as far as is known. Looks at the disk. */
    public Optional<String> problem() {
        Stream<String> ofWrites =
                journals.entrySet().stream().flatMap(journal -> problem(journal.getKey(), journal.getValue()));
        return Stream.concat(ofWrites, disks.stream().flatMap(JournalHealth::problem))
                .findFirst();
    }

    private Stream<String> problem(Path journal, Writing writing) {
        long millis = Duration.ofNanos(nanos.getAsLong() - writing.since()).toMillis();
        if (writing.underWay() && millis > TOO_LONG.toMillis()) {
            return Stream.of("a write to " + journal + " has been under way for " + millis + " ms");
        }
        return writing.failure().isEmpty() ? Stream.empty() : Stream.of(writing.failure());
    }

    private static Stream<String> problem(DiskSpace disk) {
        try {
            disk.check();
            return Stream.empty();
        } catch (IOException e) {
            return Stream.of(String.valueOf(e.getMessage()));
        }
    }
}
