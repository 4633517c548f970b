// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Takes apart what LevelDB compressed: Snappy's raw format, a length and then bytes and copies of earlier ones. */
final class Snappy {

    private static final int LITERAL = 0;
    private static final int NEAR = 1;
    private static final int FAR = 2;
    /** A literal of up to 60 bytes has its length in its tag, a longer one in 1 to 4 bytes behind it. */
    private static final int SHORT_LITERAL = 60;
    /** No block of LevelDB's is as large. */
    private static final int LARGEST = 64 << 20;

    private Snappy() {}

    /** @throws RuntimeException if the bytes are no such thing */
    static byte[] uncompress(ByteBuffer compressed) {
        ByteBuffer in = compressed.slice().order(ByteOrder.LITTLE_ENDIAN);
        long length = Varint.read(in);
        if (length < 0 || length > LARGEST) {
            throw new IllegalArgumentException("a block of " + length + " bytes");
        }
        byte[] out = new byte[(int) length];
        int at = 0;
        while (in.hasRemaining()) {
            int tag = Byte.toUnsignedInt(in.get());
            int upper = tag >>> 2;
            int kind = tag & 3;
            if (kind == LITERAL) {
                int bytes = 1 + (upper < SHORT_LITERAL ? upper : number(in, upper - SHORT_LITERAL + 1));
                in.get(out, at, bytes);
                at += bytes;
            } else {
                int bytes = kind == NEAR ? 4 + (upper & 7) : 1 + upper;
                int back = kind == NEAR
                        ? (upper >>> 3) << Byte.SIZE | Byte.toUnsignedInt(in.get())
                        : number(in, kind == FAR ? Short.BYTES : Integer.BYTES);
                if (back <= 0) {
                    throw new IllegalArgumentException("a copy of what is not there");
                }
                // One by one: a copy may go on into what it has just written.
                for (int end = at + bytes; at < end; at++) {
                    out[at] = out[at - back];
                }
            }
        }
        return out;
    }

    private static int number(ByteBuffer in, int bytes) {
        int value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= Byte.toUnsignedInt(in.get()) << (Byte.SIZE * i);
        }
        return value;
    }
}
