// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.fail;

import org.junit.jupiter.api.Assumptions;

/** What a test needs of the machine. Where {@code CI=true} all of it is there, and a lack of it is a failure. */
final class Needs {
    private Needs() {}

    /** @param otherwise what is missing, and how to get it */
    static void that(boolean there, String otherwise) {
        if (there) {
            return;
        }
        if ("true".equals(System.getenv("CI"))) {
            fail("%s; with CI=true nothing is skipped", otherwise);
        }
        Assumptions.abort(otherwise);
    }
}
