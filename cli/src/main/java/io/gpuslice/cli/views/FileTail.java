// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The end of a file of lines, and what is added to it. */
final class FileTail {
    private static final int BLOCK = 1 << 14;

    private final Path file;
    private final int lines;
    /** Bytes of the file that have been copied; below 0: not begun. */
    private long copied = -1;

    /** @param lines to begin with */
    FileTail(Path file, int lines) {
        this.file = file;
        this.lines = lines;
    }

    /** Copies what is new: the last lines at first, everything if the file was begun anew. */
    void copyTo(OutputStream out) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            if (copied < 0) {
                copied = startOfLast(channel, size);
            } else if (size < copied) {
                copied = 0;
            }
            WritableByteChannel target = Channels.newChannel(out);
            while (copied < size) {
                copied += channel.transferTo(copied, size - copied, target);
            }
            out.flush();
        }
    }

    private long startOfLast(FileChannel channel, long size) throws IOException {
        if (lines == 0) {
            return size;
        }
        int left = lines;
        for (long end = size; end > 0; ) {
            long start = Math.max(0, end - BLOCK);
            ByteBuffer block = ByteBuffer.allocate((int) (end - start));
            while (block.hasRemaining() && channel.read(block, start + block.position()) > 0) {
                // Until it is full, or the file has become shorter.
            }
            for (int at = block.position() - 1; at >= 0; at--) {
                // The one at the very end closes the last line, and begins none.
                if (block.get(at) == '\n' && start + at != size - 1 && --left == 0) {
                    return start + at + 1;
                }
            }
            end = start;
        }
        return 0;
    }
}
