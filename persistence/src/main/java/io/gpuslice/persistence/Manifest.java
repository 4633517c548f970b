// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Which files of a journal LevelDB reads; it deletes the others when it opens the journal.
 *
 * @param tables their sizes, by their numbers
 * @param log the number of the first log that counts
 */
record Manifest(SortedMap<Long, Long> tables, long log) {

    private static final String CURRENT = "CURRENT";

    private static final int COMPARATOR = 1;
    private static final int LOG = 2;
    private static final int NEXT_FILE = 3;
    private static final int LAST_SEQUENCE = 4;
    private static final int COMPACT_POINTER = 5;
    private static final int DELETED_FILE = 6;
    private static final int NEW_FILE = 7;
    private static final int PREVIOUS_LOG = 9;

    /** @throws IOException if there is none, or it cannot be read from end to end */
    static Manifest read(Path journal) throws IOException {
        // Latin-1 has a character for every byte: a damaged name is to be told about, not to be choked on.
        String name = Files.readString(journal.resolve(CURRENT), StandardCharsets.ISO_8859_1);
        if (!name.matches("MANIFEST-\\d+\n")) {
            throw new IOException(journal.resolve(CURRENT) + " names no MANIFEST");
        }
        Path file = journal.resolve(name.strip());
        SortedMap<Long, Long> tables = new TreeMap<>();
        Map<Integer, Long> numbers = new HashMap<>();
        LogFile read;
        try {
            read = LogFile.read(file, edit -> apply(edit, tables, numbers));
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            throw new IOException(file + " makes no sense", e);
        }
        Optional<Damage> damage = read.damage();
        if (damage.isPresent()) {
            throw new IOException(damage.get().toString());
        }
        if (!numbers.keySet().containsAll(List.of(LOG, NEXT_FILE, LAST_SEQUENCE))) {
            throw new IOException(file + " is cut off");
        }
        return new Manifest(tables, Objects.requireNonNull(numbers.get(LOG)));
    }

    private static void apply(ByteBuffer edit, SortedMap<Long, Long> tables, Map<Integer, Long> numbers) {
        while (edit.hasRemaining()) {
            int tag = (int) Varint.read(edit);
            switch (tag) {
                case COMPARATOR -> Varint.bytes(edit);
                case LOG, NEXT_FILE, LAST_SEQUENCE, PREVIOUS_LOG -> numbers.put(tag, Varint.read(edit));
                case COMPACT_POINTER -> {
                    Varint.read(edit);
                    Varint.bytes(edit);
                }
                case DELETED_FILE -> {
                    Varint.read(edit);
                    tables.remove(Varint.read(edit));
                }
                case NEW_FILE -> {
                    Varint.read(edit);
                    tables.put(Varint.read(edit), Varint.read(edit));
                    Varint.bytes(edit);
                    Varint.bytes(edit);
                }
                default -> throw new IllegalArgumentException("unknown tag " + tag);
            }
        }
    }
}
