// SPDX-License-Identifier: Apache-2.0
/**
 * The one thread that reads the sockets, hears of deaths and runs the deciding actors. Nothing here knows
 * what a session is.
 */
@NullMarked
package io.gpuslice.actors.eventloop;

import org.jspecify.annotations.NullMarked;
