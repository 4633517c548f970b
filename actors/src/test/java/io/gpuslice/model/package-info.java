// SPDX-License-Identifier: Apache-2.0
/**
 * The charge protocol as a checked model: every interleaving of guests, daemon, deaths and daemon kills within a
 * bound, on a few bytes. It knows nothing of the code; the names of its steps are the domain's.
 */
@NullMarked
package io.gpuslice.model;

import org.jspecify.annotations.NullMarked;
