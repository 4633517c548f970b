// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.nio.ByteBuffer;

/** Numbers as LevelDB stores them: seven bits a byte, the lowest first, the top bit set where more follow. */
final class Varint {

    private static final int LONGEST = 10;

    private Varint() {}

    /** @throws IllegalArgumentException if there is no number */
    static long read(ByteBuffer bytes) {
        long value = 0;
        for (int i = 0; i < LONGEST; i++) {
            byte next = bytes.get();
            value |= (next & 0x7fL) << (7 * i);
            if (next >= 0) {
                return value;
            }
        }
        throw new IllegalArgumentException("no number");
    }

    /** Bytes with their length in front. */
    static byte[] bytes(ByteBuffer from) {
        long length = read(from);
        if (length < 0 || length > from.remaining()) {
            throw new IllegalArgumentException("no bytes");
        }
        byte[] bytes = new byte[(int) length];
        from.get(bytes);
        return bytes;
    }
}
