/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a device takes for a process's contexts, where the session counts that (GPUSLICE_COUNT_CONTEXT): charged with the
 * first context on a device, given back with the last. Either a size that is agreed on, reserved before; or what the
 * device has less free afterwards, by NVML: the driver itself tells that only to those who have a context.
 */
#ifndef GPUSLICE_OVERHEAD_H
#define GPUSLICE_OVERHEAD_H

#include "cuda_types.h"
#include "state.h"

struct overhead {
    const struct config *config;
    struct process *process; /* NULL: nothing is to be counted */
    uint32_t device;
    uint64_t bytes;          /* reserved */
    uint64_t free_before;    /* where it is measured */
    int cancel_state;
};

/* Before a call that makes or activates a context. False: denied; the driver is not called. */
bool overhead_begin(struct overhead *overhead, gs_device device);

/* After it. False: denied; the context is to be given back to the driver. */
bool overhead_end(struct overhead *overhead, gs_result result, gs_object context);

/* A context of `device` has ended: perhaps the last. */
void overhead_context_ended(struct process *process, uint32_t device);

#endif
