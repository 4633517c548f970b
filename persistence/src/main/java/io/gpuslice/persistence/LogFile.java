// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * One of LevelDB's logs: what was written ahead of its tables, or its MANIFEST. LevelDB itself skips what it cannot read and opens
 * what is left, which is right for the record that a killed daemon was writing, the last one, and a silent loss for any other.
 *
 * <p>A log is a row of blocks of 32 KiB; in each, fragments of records {@code {u32 masked CRC-32C of type and data, u16 length, u8
 * type, data}}, little-endian; a fragment never crosses a block; zeros are filling.
 *
 * @param damage in front of something whole
 * @param cut whether the last record is not whole: whoever was writing it was not answered
 */
record LogFile(Optional<Damage> damage, boolean cut) {

    private static final int BLOCK = 32768;
    private static final int HEADER = 7;
    private static final int WHOLE = 1;
    private static final int FIRST = 2;
    private static final int LAST = 4;

    /** Reads it; every whole record is handed over, those behind damage, too. */
    static LogFile read(Path log, Consumer<ByteBuffer> records) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(log)).order(ByteOrder.LITTLE_ENDIAN);
        Joint joint = new Joint(records);
        int broken = -1;
        int wholeAgain = -1;
        for (int block = 0; block < bytes.limit(); block += BLOCK) {
            int end = Math.min(block + BLOCK, bytes.limit());
            int position = block;
            while (position + HEADER <= end) {
                int length = fragment(bytes, position, end);
                if (length == 0 && broken < 0) {
                    break;
                }
                if (length > 0) {
                    wholeAgain = broken >= 0 && wholeAgain < 0 ? position : wholeAgain;
                    joint.add(bytes.get(position + 6), bytes.slice(position + HEADER, length - HEADER));
                } else if (length < 0 && broken < 0) {
                    broken = position;
                    joint.tear();
                }
                // Behind damage the next whole fragment may begin at any byte, and zeros need not be filling.
                position += Math.max(length, 1);
            }
        }
        int at = broken;
        return wholeAgain < 0
                ? new LogFile(Optional.empty(), broken >= 0 || joint.isOpen())
                : new LogFile(Optional.of(new Damage(log, at, "whole again at byte " + wholeAgain)), joint.isOpen());
    }

    /** Bytes of the whole fragment that begins at {@code position}; 0 for filling; −1 if there is none. */
    private static int fragment(ByteBuffer bytes, int position, int end) {
        int length = Short.toUnsignedInt(bytes.getShort(position + 4));
        int type = bytes.get(position + 6);
        if (type == 0 && length == 0) {
            return bytes.getInt(position) == 0 ? 0 : -1;
        }
        if (type < WHOLE || type > LAST || position + HEADER + length > end) {
            return -1;
        }
        return CheckSum.masked(bytes.slice(position + 6, length + 1)) == bytes.getInt(position) ? HEADER + length : -1;
    }

    /** Makes records of fragments. */
    private static final class Joint {
        private final Consumer<ByteBuffer> records;
        private final ByteArrayOutputStream begun = new ByteArrayOutputStream();
        private boolean open;

        Joint(Consumer<ByteBuffer> records) {
            this.records = records;
        }

        void add(int type, ByteBuffer data) {
            if (type == WHOLE || type == FIRST) {
                begun.reset();
                open = true;
            }
            if (!open) {
                // The rest of a record whose beginning was damaged.
                return;
            }
            byte[] bytes = new byte[data.remaining()];
            data.get(bytes);
            begun.writeBytes(bytes);
            if (type == WHOLE || type == LAST) {
                open = false;
                records.accept(ByteBuffer.wrap(begun.toByteArray()).order(ByteOrder.LITTLE_ENDIAN));
            }
        }

        void tear() {
            open = false;
        }

        boolean isOpen() {
            return open;
        }
    }
}
