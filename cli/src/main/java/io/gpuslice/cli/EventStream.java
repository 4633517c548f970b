// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.util.Optional;

/** What happens in a daemon, as it happens. */
public interface EventStream {

    /**
     * The next event.
     *
     * @return empty: for a while nothing has happened
     * @throws Failure if nothing more comes
     */
    Optional<Json> next() throws Failure;
}
