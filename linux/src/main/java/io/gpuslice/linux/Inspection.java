// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

/** Whether a limit can be put on a program, by what its file says. */
public sealed interface Inspection {

    /** The dynamic loader will load the interposer into it. */
    record Enforceable(String loader) implements Inspection {}

    /** The interposer cannot be loaded into it, and {@code text} tells people why. */
    record Unenforceable(Reason reason, String text) implements Inspection {}

    /** Why not. */
    enum Reason {
        /** It is not a file, cannot be read, or is neither ELF nor a script. */
        NOT_A_PROGRAM,
        /** It says it is ELF, but its headers make no sense. */
        MALFORMED,
        /** It has no dynamic loader. */
        STATIC,
        /** It gets rights by being run, and the loader then ignores LD_PRELOAD. */
        PRIVILEGED,
        /** It is for another kind of machine. */
        FOREIGN,
        /** Its loader is not glibc's. */
        FOREIGN_LOADER
    }
}
