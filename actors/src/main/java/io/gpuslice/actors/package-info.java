// SPDX-License-Identifier: Apache-2.0
/**
 * The actors around the domain: who owns a session, who watches its processes, who speaks to the
 * sockets. Decisions are the domain's; here is only who asks, in which order, and what survives a
 * crash.
 */
@NullMarked
package io.gpuslice.actors;

import org.jspecify.annotations.NullMarked;
