// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * Looks through LevelDB's write-ahead logs for damage. LevelDB itself skips what it cannot read and opens what is left,
 * which is right for the record that a killed daemon was writing, the last one, and a silent loss for any other.
 *
 * <p>A log is a row of blocks of 32 KiB; in each, records {@code {u32 masked CRC-32C of type and data, u16 length, u8 type,
 * data}}, little-endian; a record never crosses a block; zeros are filling.
 */
final class LogCheck {

    private static final int BLOCK = 32768;
    private static final int HEADER = 7;
    private static final int LAST_TYPE = 4;

    private LogCheck() {}

    /**
     * Reads every log of a journal.
     *
     * @throws IOException if there is none, or one is damaged before its end
     */
    static void check(Path journal) throws IOException {
        List<Path> logs;
        try (Stream<Path> files = Files.list(journal)) {
            logs = files.filter(file -> file.toString().endsWith(".log")).toList();
        }
        if (logs.isEmpty()) {
            throw new IOException("its log is gone");
        }
        for (Path log : logs) {
            check(log, ByteBuffer.wrap(Files.readAllBytes(log)).order(ByteOrder.LITTLE_ENDIAN));
        }
    }

    private static void check(Path log, ByteBuffer bytes) throws IOException {
        int damage = -1;
        for (int block = 0; block < bytes.limit(); block += BLOCK) {
            int end = Math.min(block + BLOCK, bytes.limit());
            int position = block;
            while (position + HEADER <= end) {
                int length = record(bytes, position, end);
                if (length > 0 && damage >= 0) {
                    throw new IOException(log.getFileName() + " is damaged at byte " + damage
                            + ", and whole again at byte " + position);
                }
                if (length == 0 && damage < 0) {
                    break;
                }
                if (length < 0 && damage < 0) {
                    damage = position;
                }
                // Behind damage the next whole record may begin at any byte, and zeros need not be filling.
                position += Math.max(length, 1);
            }
        }
    }

    /** Bytes of the whole record that begins at {@code position}; 0 for filling; −1 if there is none. */
    private static int record(ByteBuffer bytes, int position, int end) {
        int length = Short.toUnsignedInt(bytes.getShort(position + 4));
        int type = bytes.get(position + 6);
        if (type == 0 && length == 0) {
            return bytes.getInt(position) == 0 ? 0 : -1;
        }
        if (type < 1 || type > LAST_TYPE || position + HEADER + length > end) {
            return -1;
        }
        CRC32C crc = new CRC32C();
        crc.update(bytes.slice(position + 6, length + 1));
        return masked((int) crc.getValue()) == bytes.getInt(position) ? HEADER + length : -1;
    }

    /** LevelDB stores check sums turned and shifted, so that one over bytes that contain one is not weak. */
    private static int masked(int crc) {
        return Integer.rotateRight(crc, 15) + 0xa282ead8;
    }
}
