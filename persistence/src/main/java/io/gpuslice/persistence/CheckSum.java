// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** CRC-32C, plain and as LevelDB stores it. */
final class CheckSum {

    private CheckSum() {}

    static int of(ByteBuffer... parts) {
        CRC32C crc = new CRC32C();
        for (ByteBuffer part : parts) {
            crc.update(part.duplicate());
        }
        return (int) crc.getValue();
    }

    /** LevelDB stores check sums turned and shifted, so that one over bytes that contain one is not weak. */
    static int masked(ByteBuffer bytes) {
        return Integer.rotateRight(of(bytes), 15) + 0xa282ead8;
    }
}
