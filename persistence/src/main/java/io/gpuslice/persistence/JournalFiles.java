// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The files of one LevelDB, read without opening it: opening changes them. */
final class JournalFiles {

    private static final Pattern NAME = Pattern.compile("(\\d+)\\.(log|ldb|sst)");
    /** Behind each key in a table: {@code u64 sequence << 8 | kind}. */
    private static final int KEY_SUFFIX = Long.BYTES;

    private static final int PUT = 1;

    /** Gets what is stored, in no order. */
    @FunctionalInterface
    interface Entries {
        /**
         * One entry.
         *
         * @param sequence of two entries of one key the higher one counts
         * @param value none: the key was deleted
         */
        void entry(byte[] key, long sequence, byte @Nullable [] value);
    }

    private final Path journal;

    JournalFiles(Path journal) {
        this.journal = journal;
    }

    /**
     * Reads what LevelDB would read.
     *
     * @return what is wrong, for people; of each file the first damage
     */
    List<String> read(Entries entries) throws IOException {
        Manifest manifest;
        try {
            manifest = Manifest.read(journal);
        } catch (IOException e) {
            return List.of(String.valueOf(e.getMessage()));
        }
        List<String> wrong = new ArrayList<>();
        SortedMap<Long, Path> tables = numbered("ldb|sst");
        for (Map.Entry<Long, Long> table : manifest.tables().entrySet()) {
            Path file = tables.get(table.getKey());
            if (file == null) {
                wrong.add("table " + table.getKey() + " of " + journal + " is gone");
            } else if (Files.size(file) != table.getValue()) {
                wrong.add(file + " has " + Files.size(file) + " bytes instead of " + table.getValue());
            } else {
                table(file, entries).ifPresent(damage -> wrong.add(damage.toString()));
            }
        }
        SortedMap<Long, Path> logs = numbered("log").tailMap(manifest.log(), true);
        if (logs.isEmpty()) {
            wrong.add("the log of " + journal + " is gone");
        }
        for (Path log : logs.values()) {
            log(log, entries).damage().ifPresent(damage -> wrong.add(damage.toString()));
        }
        return wrong;
    }

    /** Reads everything that can be read, whether LevelDB would read it or not. */
    void salvage(Entries entries) throws IOException {
        for (Path table : numbered("ldb|sst").values()) {
            table(table, entries);
        }
        for (Path log : numbered("log").values()) {
            log(log, entries);
        }
    }

    /**
     * Whether a write that failed has left something behind: then LevelDB would go on behind it, which it cannot read.
     *
     * @param written whether this is what was to be written
     */
    boolean isTouched(Predicate<byte[]> written) throws IOException {
        NavigableMap<Long, Path> logs = numbered("log");
        if (logs.isEmpty()) {
            return false;
        }
        boolean[] found = {false};
        LogFile log =
                log(logs.lastEntry().getValue(), (_, _, value) -> found[0] |= value != null && written.test(value));
        return found[0] || log.cut() || log.damage().isPresent();
    }

    private NavigableMap<Long, Path> numbered(String kinds) throws IOException {
        NavigableMap<Long, Path> found = new TreeMap<>();
        try (Stream<Path> files = Files.list(journal)) {
            for (Path file : files.toList()) {
                Matcher name = NAME.matcher(file.getFileName().toString());
                if (name.matches() && name.group(2).matches(kinds) && Files.isRegularFile(file)) {
                    found.put(Long.parseLong(name.group(1)), file);
                }
            }
        }
        return found;
    }

    private static Optional<Damage> table(Path file, Entries entries) throws IOException {
        return TableFile.read(file, (key, value) -> {
            int length = key.length - KEY_SUFFIX;
            long suffix = ByteBuffer.wrap(key, length, KEY_SUFFIX)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .getLong();
            entries.entry(Arrays.copyOf(key, length), suffix >>> Byte.SIZE, (suffix & 0xff) == PUT ? value : null);
        });
    }

    private static LogFile log(Path file, Entries entries) throws IOException {
        return LogFile.read(file, record -> batch(record, entries));
    }

    /** A record is {@code u64 sequence, u32 count} and so many entries {@code u8 kind, key[, value]}. */
    private static void batch(ByteBuffer record, Entries entries) {
        try {
            long sequence = record.getLong();
            int count = record.getInt();
            for (int i = 0; i < count; i++) {
                boolean put = record.get() == PUT;
                byte[] key = Varint.bytes(record);
                entries.entry(key, sequence + i, put ? Varint.bytes(record) : null);
            }
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            // Its check sum was right, so this is how it was written; nobody of ours writes so.
        }
    }
}
