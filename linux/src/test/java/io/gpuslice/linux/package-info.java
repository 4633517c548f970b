// SPDX-License-Identifier: Apache-2.0
/** Tests against the running kernel, with real processes. */
@NullMarked
package io.gpuslice.linux;

import org.jspecify.annotations.NullMarked;
