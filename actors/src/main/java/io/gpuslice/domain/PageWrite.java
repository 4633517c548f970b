// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/**
 * A store into a page that is to be made after the events beside it are in the journal. It never takes
 * anything away: the charge in it is the journaled one, and a page is at most that.
 *
 * @param process whose page; where it is lost by then, nothing is to be done
 * @param device index into that process's devices
 * @param word the journaled charge, with or without {@link Page#GATED}
 */
public record PageWrite(ProcessId process, int device, long word) {}
