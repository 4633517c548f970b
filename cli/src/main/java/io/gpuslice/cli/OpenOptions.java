// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.util.Optional;

/**
 * What may be said about a session that is to be opened, as typed.
 *
 * @param name empty: none
 * @param outside open one although this is inside of another
 * @param quiet no warnings
 */
record OpenOptions(
        Optional<String> limit, String name, Optional<String> ttl, boolean strict, boolean outside, boolean quiet) {}
