// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import io.gpuslice.config.Sizes;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The room on the file system of a directory.
 *
 * @param directory which exists
 * @param needed bytes that must be left
 */
record DiskSpace(Path directory, long needed) {

    /** Bytes that LevelDB may write before anybody looks again: logs, tables and a compaction, of both journals. */
    static final long FOR_JOURNALS = 32L << 20;

    /** @throws IOException if there is too little; the message has the numbers */
    void check() throws IOException {
        long free = directory.toFile().getUsableSpace();
        if (free < needed) {
            throw new IOException("only " + Sizes.format(free) + " are free on the file system of " + directory
                    + ", and the journals need " + Sizes.format(needed) + ": make room there");
        }
    }
}
