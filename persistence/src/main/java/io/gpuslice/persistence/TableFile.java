// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One of LevelDB's tables: blocks of sorted entries, each block with a check sum behind it; an index block that says where they
 * are; and at the end where that is.
 */
final class TableFile {

    private static final int FOOTER = 48;
    private static final long MAGIC = 0xdb4775248b80fb57L;
    /** Behind each block: how it is compressed, and its check sum. */
    private static final int TRAILER = 5;

    private static final int PLAIN = 0;
    private static final int SNAPPY = 1;

    private final Path file;
    private final ByteBuffer bytes;
    private @Nullable Damage first;

    private TableFile(Path file, ByteBuffer bytes) {
        this.file = file;
        this.bytes = bytes;
    }

    /**
     * Reads it.
     *
     * @param entries gets the key, with what LevelDB adds to it, and the value of each entry that is in a whole block
     * @return the first damage
     */
    static Optional<Damage> read(Path file, BiConsumer<byte[], byte[]> entries) throws IOException {
        TableFile table =
                new TableFile(file, ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN));
        table.read(entries);
        return Optional.ofNullable(table.first);
    }

    private void read(BiConsumer<byte[], byte[]> entries) {
        int footer = bytes.limit() - FOOTER;
        if (footer < 0 || bytes.getLong(bytes.limit() - Long.BYTES) != MAGIC) {
            damaged(Math.max(footer, 0), "where its end should be");
            return;
        }
        ByteBuffer places = bytes.slice(footer, FOOTER).order(ByteOrder.LITTLE_ENDIAN);
        try {
            // The first place is of a block about blocks, which has nothing in it here.
            Varint.read(places);
            Varint.read(places);
            ByteBuffer index = block(places, footer);
            if (index != null) {
                entries(index, (_, place) -> {
                    ByteBuffer block = block(ByteBuffer.wrap(place), footer);
                    if (block != null) {
                        entries(block, entries);
                    }
                });
            }
        } catch (BufferUnderflowException | IllegalArgumentException | IndexOutOfBoundsException e) {
            damaged(footer, "in what says where its blocks are");
        }
    }

    /** The whole block at that place, or none if it is damaged. */
    private @Nullable ByteBuffer block(ByteBuffer place, int from) {
        long offset = Varint.read(place);
        long size = Varint.read(place);
        if (offset < 0 || size < 0 || size > bytes.limit() || offset + size + TRAILER > bytes.limit()) {
            damaged(from, "in what says where its blocks are");
            return null;
        }
        int end = (int) (offset + size);
        int compression = bytes.get(end);
        if (CheckSum.masked(bytes.slice((int) offset, (int) size + 1)) != bytes.getInt(end + 1)
                || (compression != PLAIN && compression != SNAPPY)) {
            damaged(offset, "in a block of " + size + " bytes");
            return null;
        }
        if (compression == PLAIN) {
            return bytes.slice((int) offset, (int) size).order(ByteOrder.LITTLE_ENDIAN);
        }
        try {
            return ByteBuffer.wrap(Snappy.uncompress(bytes.slice((int) offset, (int) size)))
                    .order(ByteOrder.LITTLE_ENDIAN);
        } catch (BufferUnderflowException | IllegalArgumentException | IndexOutOfBoundsException e) {
            damaged(offset, "in a block of " + size + " bytes");
            return null;
        }
    }

    /** Each key has the beginning of the one before it in common; where the row starts afresh is said at the end. */
    private static void entries(ByteBuffer block, BiConsumer<byte[], byte[]> entries) {
        int restarts = block.getInt(block.limit() - Integer.BYTES);
        ByteBuffer rest = block.slice(0, block.limit() - Integer.BYTES * (restarts + 1));
        byte[] key = {};
        while (rest.hasRemaining()) {
            int shared = (int) Varint.read(rest);
            int own = (int) Varint.read(rest);
            byte[] value = new byte[(int) Varint.read(rest)];
            byte[] next = new byte[shared + own];
            System.arraycopy(key, 0, next, 0, shared);
            rest.get(next, shared, own).get(value);
            key = next;
            entries.accept(key, value);
        }
    }

    private void damaged(long offset, String more) {
        if (first == null) {
            first = new Damage(file, offset, more);
        }
    }
}
