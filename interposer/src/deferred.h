/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Linear, managed and pitched memory that was freed in the order of a stream (cuMemFreeAsync): the device has it until the
 * stream has got there and was synchronized with. Until then it stays charged; an event tells when.
 */
#ifndef GPUSLICE_DEFERRED_H
#define GPUSLICE_DEFERRED_H

#include "cuda_types.h"
#include "ledger.h"
#include "state.h"

/* `taken` was freed in `stream`, by a thread whose stream 0 is its own or not; `context` is that which it goes with, if
 * that is no primary one. */
void deferred_free(struct process *process, const struct taken *taken, uint64_t context, gs_object stream,
                   bool per_thread);

/* Credits what has been reached. */
void deferred_settle(struct process *process);

/* A context, or `device`'s primary one where that is 0, is about to end, and its memory with it: back into the table. */
void deferred_context_ends(struct process *process, uint32_t device, uint64_t context);

#endif
