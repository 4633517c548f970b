// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

/**
 * What a check found.
 *
 * @param text what is so, with its numbers
 * @param fix what to do next; empty where nothing is to be done
 */
public record Finding(Verdict verdict, String text, String fix) {
    /** From best to worst but for the last. */
    public enum Verdict {
        OK,
        /** Programs are limited all the same, or it may be meant so. */
        WARN,
        /** Programs are not limited, or do not run. */
        FAIL,
        /** There is nothing here to look at. */
        SKIP
    }

    static Finding ok(String text) {
        return new Finding(Verdict.OK, text, "");
    }

    static Finding warn(String text, String fix) {
        return new Finding(Verdict.WARN, text, fix);
    }

    static Finding fail(String text, String fix) {
        return new Finding(Verdict.FAIL, text, fix);
    }

    static Finding skip(String text) {
        return new Finding(Verdict.SKIP, text, "");
    }
}
