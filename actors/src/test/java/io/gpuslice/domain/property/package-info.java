// SPDX-License-Identifier: Apache-2.0
/**
 * Random histories of a session against the invariants: guests that take single steps, also in the middle of a
 * decision, and a daemon that is killed between any two of its own.
 */
@NullMarked
package io.gpuslice.domain.property;

import org.jspecify.annotations.NullMarked;
