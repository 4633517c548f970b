// SPDX-License-Identifier: Apache-2.0
/** Tests of the wire: against the C side's bytes and description first, then against itself. */
@NullMarked
package io.gpuslice.wire;

import org.jspecify.annotations.NullMarked;
