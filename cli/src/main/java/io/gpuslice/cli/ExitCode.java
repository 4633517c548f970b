// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

/**
 * What {@code gpuslice} exits with, as docs/exit-codes.md explains it. {@code run} and {@code exec} keep their own to
 * 125 … 127, as the shell and docker do: what is below belongs to the program that they become.
 */
public final class ExitCode {
    public static final int DONE = 0;
    public static final int FAILED = 1;
    public static final int USAGE = 2;
    /** Of run and exec, whatever of ours failed before the program began. */
    public static final int NO_PROGRAM = 125;

    public static final int NOT_EXECUTABLE = 126;
    public static final int NOT_FOUND = 127;
    /** Whoever read our output has had enough: what a shell says of a program that SIGPIPE has ended. */
    public static final int READER_GONE = 128 + 13;

    private ExitCode() {}
}
