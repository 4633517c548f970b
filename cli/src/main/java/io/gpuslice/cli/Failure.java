// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.io.Serial;

/** Why a verb cannot do what was asked, for the person who asked: what happened with its numbers, and what to do next. */
public final class Failure extends Exception {
    @Serial
    private static final long serialVersionUID = 1L;

    /** Decides the exit code. */
    public enum Kind {
        /** Ours: 125 from the verbs that become the program, else 1. */
        OURS,
        /** What was typed: 125 from the verbs that become the program, else 2. */
        USAGE,
        /** The program is there, but cannot be executed or limited: 126. */
        NOT_EXECUTABLE,
        /** The program is not there: 127. */
        NOT_FOUND
    }

    private final Kind kind;
    private final String what;
    private final String next;

    /**
     * With a way on.
     *
     * @param next a sentence, possibly of several lines; empty where {@code what} already says it
     */
    public Failure(Kind kind, String what, String next) {
        super(what);
        this.kind = kind;
        this.what = what;
        this.next = next;
    }

    /** Of ours: exit code 125 from the verbs that become the program, else 1. */
    public Failure(String what, String next) {
        this(Kind.OURS, what, next);
    }

    /** The way on; empty where the message already says it. */
    String next() {
        return next;
    }

    /** Two lines: {@code what happened}, and indented the next step. */
    public String forPeople() {
        return next.isEmpty() ? what : what + "\n  " + next.replace("\n", "\n  ");
    }

    /**
     * The process's.
     *
     * @param becomesProgram whether the verb's other exit codes are the program's
     */
    int exitCode(boolean becomesProgram) {
        return switch (kind) {
            case OURS -> becomesProgram ? ExitCode.NO_PROGRAM : ExitCode.FAILED;
            case USAGE -> becomesProgram ? ExitCode.NO_PROGRAM : ExitCode.USAGE;
            case NOT_EXECUTABLE -> ExitCode.NOT_EXECUTABLE;
            case NOT_FOUND -> ExitCode.NOT_FOUND;
        };
    }
}
