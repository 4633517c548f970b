// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * How far each persistence id of a journal has come, in a file beside it. A log that was cut off between two records, or is
 * gone with all that was in it, looks whole to everybody; this file tells. A mark is made after the write and before its
 * answer, in mapped memory that outlives the daemon, so no answered write is beyond its mark, and no mark beyond the journal.
 *
 * <p>Cells of 64 bytes, from the first one on: {@code {u64 number of the last event, u32 CRC-32C of the rest}}, little-endian, and
 * the persistence id, filled up with zeros.
 */
final class Marks {

    static final String NAME = "marks";

    private static final int CELL = 64;
    private static final int SUM = Long.BYTES;
    private static final int NAME_AT = SUM + Integer.BYTES;
    private static final int LONGEST_NAME = CELL - NAME_AT;
    /** Bytes that the file grows by. All are written when it grows, so that the disk has room for them. */
    private static final int GROWTH = 1 << 16;

    private static final ValueLayout.OfLong NUMBER = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt SUM_VALUE = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path file;
    private final Map<String, Long> places = new HashMap<>();
    private MemorySegment cells;

    private Marks(Path file) throws IOException {
        this.file = file;
        this.cells = map();
        for (long at = 0; at < cells.byteSize() && cells.get(ValueLayout.JAVA_BYTE, at + NAME_AT) != 0; at += CELL) {
            places.put(name(cells.asByteBuffer(), (int) at), at);
        }
    }

    /** Makes the file of a new journal. */
    static void create(Path file) throws IOException {
        Files.deleteIfExists(file);
        grow(file);
    }

    /** Opens the file of a journal that is to be written. */
    static Marks open(Path file) throws IOException {
        return new Marks(file);
    }

    /**
     * Reads the file: the number of the last event of each persistence id.
     *
     * @throws IOException if it cannot be read, or makes no sense
     */
    static SortedMap<String, Long> read(Path file) throws IOException {
        SortedMap<String, Long> marks = new TreeMap<>();
        ByteBuffer cells = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        boolean isOver = false;
        for (int at = 0; at + CELL <= cells.limit(); at += CELL) {
            boolean isUsed = cells.getLong(at) != 0;
            if (isUsed && (isOver || cells.getInt(at + SUM) != CheckSum.of(cells.slice(at + NAME_AT, LONGEST_NAME)))) {
                throw new IOException(new Damage(file, at, "").toString());
            }
            if (isUsed) {
                marks.put(name(cells, at), cells.getLong(at));
            }
            // A cell that a killed daemon had not finished has no number yet, and is the last one.
            isOver |= !isUsed;
        }
        return marks;
    }

    /** Writes a file that says just this. */
    static void write(Path file, Map<String, Long> marks) throws IOException {
        create(file);
        Marks written = open(file);
        for (Map.Entry<String, Long> mark : marks.entrySet()) {
            written.prepare(mark.getKey());
            written.set(mark.getKey(), mark.getValue());
        }
    }

    /**
     * Makes room for a mark, so that making it cannot fail.
     *
     * @throws IOException if the disk has none
     */
    void prepare(String persistenceId) throws IOException {
        if (places.containsKey(persistenceId)) {
            return;
        }
        byte[] name = persistenceId.getBytes(StandardCharsets.UTF_8);
        if (name.length == 0 || name.length > LONGEST_NAME) {
            throw new IllegalArgumentException(
                    "a persistence id has 1 to " + LONGEST_NAME + " bytes: " + persistenceId);
        }
        long at = (long) CELL * places.size();
        if (at == cells.byteSize()) {
            grow(file);
            cells = map();
        }
        byte[] filled = Arrays.copyOf(name, LONGEST_NAME);
        cells.set(SUM_VALUE, at + SUM, CheckSum.of(ByteBuffer.wrap(filled)));
        MemorySegment.copy(filled, 0, cells, ValueLayout.JAVA_BYTE, at + NAME_AT, LONGEST_NAME);
        places.put(persistenceId, at);
    }

    /** The persistence id, for which there is room, has come to this event. */
    void set(String persistenceId, long number) {
        cells.set(NUMBER, Objects.requireNonNull(places.get(persistenceId), persistenceId), number);
    }

    private MemorySegment map() throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return channel.map(MapMode.READ_WRITE, 0, channel.size() / CELL * CELL, Arena.ofAuto());
        }
    }

    private static void grow(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
            ByteBuffer zeros = ByteBuffer.allocate(GROWTH);
            while (zeros.hasRemaining()) {
                channel.write(zeros);
            }
            channel.force(true);
        }
    }

    private static String name(ByteBuffer cells, int at) {
        int length = 0;
        while (length < LONGEST_NAME && cells.get(at + NAME_AT + length) != 0) {
            length++;
        }
        byte[] name = new byte[length];
        cells.get(at + NAME_AT, name);
        return new String(name, StandardCharsets.UTF_8);
    }
}
