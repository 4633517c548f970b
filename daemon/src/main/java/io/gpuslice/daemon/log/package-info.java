// SPDX-License-Identifier: Apache-2.0
/** The daemon's own log: what of logback is not as it should be here, and the line of an occurrence. */
@NullMarked
package io.gpuslice.daemon.log;

import org.jspecify.annotations.NullMarked;
