// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.util.Arrays;
import java.util.Optional;

/** The first line of a script, by the kernel's rules. */
final class Shebang {
    private Shebang() {}

    /** Bytes of a file that the kernel looks at. */
    static final int LONGEST_LINE = 256;

    /**
     * The interpreter that {@code head}, the beginning of a file, names; empty when it is no script, or one that the
     * kernel would not run: no name, or one cut off by the limit.
     */
    static Optional<byte[]> interpreter(byte[] head) {
        if (head.length < 2 || head[0] != '#' || head[1] != '!') {
            return Optional.empty();
        }
        int start = 2;
        while (start < head.length && isBlank(head[start])) {
            start++;
        }
        int end = start;
        while (end < head.length && !isBlank(head[end]) && head[end] != '\n' && head[end] != 0) {
            end++;
        }
        boolean cutOff = end == LONGEST_LINE;
        return end == start || cutOff ? Optional.empty() : Optional.of(Arrays.copyOfRange(head, start, end));
    }

    private static boolean isBlank(byte b) {
        return b == ' ' || b == '\t';
    }
}
