// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.completion;

/** The texts of the command line's model, which its library takes for format strings that have no arguments. */
public final class Text {
    private Text() {}

    /** Lines as people read them, in one. */
    public static String plain(String... lines) {
        return String.join(" ", lines).replace("%n", " ").replace("%%", "%").strip();
    }
}
