// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

/**
 * What the guests of all sessions did since this daemon started, as far as their pages have been read: what they did
 * before is not in it, what the guests of ended sessions did is. It never falls.
 *
 * @param denials that guests saw, whoever denied
 */
public record Totals(long allocations, long frees, long denials) {}
