/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What every allocating hook does around the real call, denials and failures included:
 *
 *     gs_result result = GS_OUT_OF_MEMORY;
 *     if (charged_begin(&charged, bytes))
 *         result = charged_end(&charged, real(…), handle);
 */
#ifndef GPUSLICE_CHARGED_H
#define GPUSLICE_CHARGED_H

#include "ledger.h"
#include "state.h"

struct charged {
    uint32_t kind;                    /* enum gpuslice_allocation_kind */
    const int *ordinal;               /* the runtime's device; NULL: the current context's */
    gs_result (*undo)(uint64_t, const void *); /* frees a handle: the real free */
    const void *undo_context;

    /* Filled in by charged_begin. */
    const struct config *config;
    struct process *process;
    uint32_t device;
    uint64_t bytes; /* reserved */
    bool uncounted; /* no device could be told: the driver must fail too, or the memory is taken back */
};

/* Reserves `bytes`. False: denied; the driver is not called. */
bool charged_begin(struct charged *charged, uint64_t bytes);

/* Reserves what a pitched allocation is expected to take. False: denied, or it does not fit into 64 bits. */
bool charged_begin_pitched(struct charged *charged, uint64_t width, uint64_t height);

/* The real call returned `result` and, where that is success, `handle`. Returns what the program is to see. */
gs_result charged_end(struct charged *charged, gs_result result, uint64_t handle);

/* The same, where the driver took pitch × height: the rest goes back, or what is missing is reserved as well. */
gs_result charged_end_pitched(struct charged *charged, gs_result result, uint64_t handle, uint64_t pitch,
                              uint64_t height);

/* What cuMemGetInfo may show at most: the session's limit, and what is left of it. No more than 0 is free where that
 * cannot be told. */
struct charged_view {
    uint64_t free;
    uint64_t total;
};
struct charged_view charged_look(void);

/* Around the real free. False: not one of ours; only forward it. */
bool charged_free_begin(uint64_t handle, struct taken *taken);
void charged_free_end(const struct taken *taken, gs_result result);

#endif
