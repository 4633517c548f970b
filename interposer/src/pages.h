/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Mapping the page that came with WELCOME, and taking over from an earlier one.
 */
#ifndef GPUSLICE_PAGES_H
#define GPUSLICE_PAGES_H

#include "state.h"

/* Takes `number`, a memfd from the daemon, over: the page this process has already, or the new current one. False: it
 * is no page of ours; `reason` (of `size` bytes) says why, and the descriptor is closed. Under the lock. */
bool pages_adopt(struct process *process, int number, uint64_t size, char *reason, size_t reason_size);

#endif
