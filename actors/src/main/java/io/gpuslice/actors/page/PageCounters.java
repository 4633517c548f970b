// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.page;

/**
 * What a process says it has done, all devices together. Only for people: nothing is decided by it.
 *
 * @param allocations that succeeded, ever
 * @param frees of those
 * @param denials that it was told, ever
 */
public record PageCounters(long allocations, long frees, long denials) {}
