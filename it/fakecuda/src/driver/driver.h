/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the simulated driver share. */
#ifndef DRIVER_H
#define DRIVER_H

#include <cuda.h>
#include <stdbool.h>

#include "card.h"

#define API __attribute__((visibility("default")))
/* Defines `name` as another exported name of `target`, which must be defined in the same file. */
#define ALIAS(name, target) extern __typeof(target) name __attribute__((alias(#target), visibility("default")))

#define DRIVER_VERSION 13000

/* The process's opening of the card; set once by cuInit and never changed after. */
struct driver {
    struct card card;
    int device_count;                  /* visible to this process */
    uint32_t device[FAKECUDA_DEVICES]; /* ordinal -> the card's device */
    unsigned alloc_delay_us;           /* FAKECUDA_ALLOC_DELAY_US */
    unsigned long fail_free;           /* FAKECUDA_FAIL_FREE: which free fails, counted from 1; 0 = none */
    uint64_t pool_chunk;               /* FAKECUDA_POOL_CHUNK: pools and graphs take multiples of it from the card */
    uint64_t context_overhead;         /* FAKECUDA_CONTEXT_OVERHEAD: what a context itself takes */
    bool stream_async;                 /* FAKECUDA_STREAM_ASYNC=1: frees wait for a synchronization */
};
extern struct driver driver;

/* A page that the kernel clears in a forked child: a child of an initialised process is not initialised. */
struct process_page {
    bool initialised;
};
extern struct process_page *process_page;

static inline bool driver_ready(void)
{
    return process_page->initialised;
}

/* Fills in the ordinals that CUDA_VISIBLE_DEVICES makes visible (visible.c). */
void driver_find_visible_devices(struct driver *driver);

/* A context; never freed, so that a stale handle is recognised instead of followed. */
struct CUctx_st {
    bool alive;
    bool primary;
    unsigned references; /* of a primary context */
    unsigned flags;
    unsigned api; /* 3010 for contexts of the old ABI, else 3020 */
    int ordinal;
    uint32_t device;
    unsigned attached; /* cuCtxAttach less cuCtxDetach */
    struct CUctx_st *next;
};

/* The calling thread's context if it can be used with that API version: "CUDA_ERROR_INVALID_CONTEXT ... can also be
 * returned if the user mixes different API versions (i.e. 3010 context with 3020 API calls)" (CUDA driver API,
 * CUresult). */
CUresult context_current(CUcontext *context, unsigned api);
bool context_known(CUcontext context);
/* CUDA_ERROR_NOT_INITIALIZED, CUDA_ERROR_INVALID_DEVICE or success. */
CUresult context_check_device(CUdevice device);
#define OLD_ABI 3010u
#define NEW_ABI 3020u

#endif
