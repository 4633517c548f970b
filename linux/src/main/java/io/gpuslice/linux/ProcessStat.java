// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.nio.charset.StandardCharsets;

/**
 * The parts of /proc/&lt;pid&gt;/stat that matter here.
 *
 * @param command at most 15 bytes of the program's name, as the process last set it; never to be trusted
 * @param state such as R, S, T (stopped), Z (zombie)
 * @param threads number of threads, an exited leader included
 * @param startTime clock ticks after boot: with the boot id and the pid it names a process for ever
 */
public record ProcessStat(String command, char state, int parent, int threads, long startTime) {

    /** Whether it only waits to be reaped. A leader that exited before its other threads is a zombie, but not dead. */
    public boolean isDead() {
        return state == 'X' || (state == 'Z' && threads <= 1);
    }

    static ProcessStat parse(byte[] stat) {
        String line = new String(stat, StandardCharsets.UTF_8);
        // The command may contain blanks and parentheses: fields are counted from the last ')'.
        int open = line.indexOf('(');
        int close = line.lastIndexOf(')');
        if (open < 0 || close < open) {
            throw new IllegalArgumentException("not a line of /proc/<pid>/stat: " + line);
        }
        String[] fields = line.substring(close + 1).strip().split(" ");
        return new ProcessStat(
                line.substring(open + 1, close),
                field(fields, 3).charAt(0),
                Integer.parseInt(field(fields, 4)),
                Integer.parseInt(field(fields, 20)),
                Long.parseLong(field(fields, 22)));
    }

    /** Field by its number in proc(5); the first behind the command is 3. */
    private static String field(String[] fields, int number) {
        return fields[number - 3];
    }
}
