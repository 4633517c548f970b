/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the hooks of memory with a known size do around the real call, denials and failures included:
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
    uint64_t bytes; /* reserved; 0 for what takes no memory, which is not recorded */
    bool uncounted; /* no device could be told: the driver must fail too, or the memory is taken back */
};

/* Reserves `bytes`. False: denied; the driver is not called. */
bool charged_begin(struct charged *charged, uint64_t bytes);

/* Reserves nothing: nobody can say which device this would be for, or how much. Should the driver succeed all the same,
 * charged_end takes the memory back. */
void charged_begin_uncounted(struct charged *charged);

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
    uint64_t used;
    uint64_t free;
    uint64_t total;
};
struct charged_view charged_look(void);                     /* the current context's device */
struct charged_view charged_look_at(gs_device device);       /* by the driver's number */
bool charged_look_at_uuid(const uint8_t *uuid, struct charged_view *view); /* false: not a device of this process */

/* What a pointer that is about to be freed turned out to be. */
struct freeing {
    enum { FREEING_UNKNOWN, FREEING_ENTRY, FREEING_ASYNC } what;
    struct taken taken;     /* FREEING_ENTRY */
    uint64_t context;       /* that it goes with, if that is no primary one */
    uint64_t address;
    /* FREEING_ASYNC. The record is the pool's for as long as this memory lives: what is needed of it later is copied. */
    struct reservoir *pool;
    uint64_t pool_handle;
    uint32_t device;
    uint64_t export;        /* shares.h */
};

/* Around the real free of a pointer. */
void charged_free_begin(uint64_t address, struct freeing *freeing);
void charged_free_end(const struct freeing *freeing, gs_result result);
/* The same where the memory is free when `stream` gets there. */
void charged_free_end_in(const struct freeing *freeing, gs_result result, gs_object stream, bool per_thread);

/* The same for what is no pointer: a handle of one of these kinds (TABLE_KIND). */
void charged_free_begin_kind(uint64_t handle, uint32_t kinds, struct freeing *freeing);

#endif
