// SPDX-License-Identifier: Apache-2.0
/**
 * {@code gpusliced}: the composition root. Reads the settings, puts the parts together, starts and
 * stops them in order; decides nothing itself.
 */
@NullMarked
package io.gpuslice.daemon;

import org.jspecify.annotations.NullMarked;
