// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import java.io.IOException;

/** Keys that are no characters, and how terminals send them. */
final class Key {
    static final int NONE = -1;
    static final int UP = -2;
    static final int DOWN = -3;
    static final int HOME = -4;
    static final int END = -5;
    static final int OTHER = -6;
    static final int CTRL_C = 3;
    static final int ENTER = 13;
    static final int CTRL_U = 21;
    static final int ESCAPE = 27;
    static final int BACKSPACE = 127;

    private static final int CTRL_H = 8;
    private static final int NEWLINE = 10;
    /** Milliseconds: what belongs to an escape comes at once, also over a slow line. */
    private static final long REST_OF_ESCAPE = 50;

    private Key() {}

    /** Where characters come from. */
    @FunctionalInterface
    interface Source {
        /** The next one; below 0: none within that many milliseconds. */
        int read(long milliseconds) throws IOException;
    }

    /** The next one; {@link #NONE} if there is none within that time. */
    static int next(Source source, long milliseconds) throws IOException {
        int character = source.read(milliseconds);
        return switch (character) {
            case NEWLINE -> ENTER;
            case CTRL_H -> BACKSPACE;
            case ESCAPE -> escape(source);
            default -> character < 0 ? NONE : character;
        };
    }

    private static int escape(Source source) throws IOException {
        int second = source.read(REST_OF_ESCAPE);
        if (second < 0) {
            return ESCAPE;
        }
        if (second != '[' && second != 'O') {
            return OTHER;
        }
        int last = source.read(REST_OF_ESCAPE);
        int first = last;
        // Parameters, up to a letter or a tilde.
        while ((last >= '0' && last <= '9') || last == ';') {
            last = source.read(REST_OF_ESCAPE);
        }
        return switch (last) {
            case 'A' -> UP;
            case 'B' -> DOWN;
            case 'H' -> HOME;
            case 'F' -> END;
            case '~' -> first == '1' || first == '7' ? HOME : first == '4' || first == '8' ? END : OTHER;
            default -> OTHER;
        };
    }
}
