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

    /** Where in its memory the environment lies; {@code from} is 0 for whom it may not be shown. */
    record Environment(long from, long to) {
        static Environment parse(byte[] stat) {
            String[] fields = fields(new String(stat, StandardCharsets.UTF_8));
            return new Environment(
                    Long.parseUnsignedLong(field(fields, 50)), Long.parseUnsignedLong(field(fields, 51)));
        }
    }

    static ProcessStat parse(byte[] stat) {
        String line = new String(stat, StandardCharsets.UTF_8);
        String[] fields = fields(line);
        return new ProcessStat(
                line.substring(line.indexOf('(') + 1, line.lastIndexOf(')')),
                field(fields, 3).charAt(0),
                Integer.parseInt(field(fields, 4)),
                Integer.parseInt(field(fields, 20)),
                Long.parseLong(field(fields, 22)));
    }

    /** Those behind the command, which may contain blanks and parentheses: they are counted from the last ')'. */
    private static String[] fields(String line) {
        int open = line.indexOf('(');
        int close = line.lastIndexOf(')');
        if (open < 0 || close < open) {
            throw new IllegalArgumentException("not a line of /proc/<pid>/stat: " + line);
        }
        return line.substring(close + 1).strip().split(" ");
    }

    /** Field by its number in proc(5); the first behind the command is 3. */
    private static String field(String[] fields, int number) {
        return fields[number - 3];
    }
}
