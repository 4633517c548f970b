// SPDX-License-Identifier: Apache-2.0
/** The socket: who connects, what they say, and what they hear. Decides nothing about memory. */
@NullMarked
package io.gpuslice.actors.ingress;

import org.jspecify.annotations.NullMarked;
