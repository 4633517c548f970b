// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.audit;

import java.util.Locale;

/** What the audit log says of itself and its daemon. Its name in JSON is the one in lower case. */
enum OwnOperation {
    START("The daemon has started; `pid` and `uid` are its own, `detail` is its version"),
    STOP(
            "The daemon has stopped, told to by SIGTERM or SIGINT. A `start` without a `stop` before it follows an end that "
                    + "nobody asked for"),
    LOST(
            "`count` lines were given up, because the file could not be written as fast as it grew. They are missing within "
                    + "the 65,536 lines that follow");

    private final String meaning;

    OwnOperation(String meaning) {
        this.meaning = meaning;
    }

    /** A sentence for the reference page, without its full stop. */
    String meaning() {
        return meaning;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
