/* SPDX-License-Identifier: Apache-2.0 */
/* Stream-ordered memory pools: a reserve of the card's memory (segments) out of which allocations (pieces) are cut. */
#ifndef POOL_H
#define POOL_H

#include "heap.h"
#include "reserve.h"

/* Never freed while allocations are outstanding; then only if it was destroyed. */
struct CUmemPoolHandle_st {
    struct reserve reserve;
    CUmemPoolProps props;
    uint32_t device; /* of the card; meaningless where the memory is the host's */
    int ordinal;
    bool is_default;
    bool destroyed;
    bool imported;
    uint64_t threshold;
    int follow_events, opportunistic, internal_dependencies;
    CUmemAccess_flags access[FAKECUDA_DEVICES]; /* by ordinal */
    uint64_t identity[2]; /* the same in every process that imported it (pool_share.c); 0 = not exported */
    struct CUmemPoolHandle_st *next;
};

/* One asynchronous allocation. */
struct piece {
    CUmemoryPool pool;
    struct range *range;
};

/* Every pool is under this lock, as are graph memory and streams' pending work. */
void pools_lock(void);
void pools_unlock(void);

CUmemoryPool pool_new(const CUmemPoolProps *props, uint32_t device, int ordinal);
CUresult pool_allocate(CUdeviceptr *pointer, uint64_t bytes, CUmemoryPool pool, CUstream stream, enum fakecuda_call call);
/* Frees a claimed block of a pool; in stream order, or at once if the stream is NULL (0 is spelled CU_STREAM_LEGACY
 * here). */
void pool_free(CUdeviceptr address, struct block *block, CUstream stream, enum fakecuda_call call);
/* The pool that cuMemAllocAsync uses on the device (pool_current.c). */
CUmemoryPool pool_current(int ordinal);
void pool_not_current(CUmemoryPool pool);

/* A moment in the order of all frees. */
uint64_t pools_order(void);
/* What was freed on the stream (NULL: on any) up to that moment is known to be done. */
void pools_complete(CUstream stream, uint64_t until);
/* The same at a synchronization, when pools also give back what is over their release thresholds. */
void pools_synchronized(CUstream stream, uint64_t until);
/* Has a plain allocation, claimed for it, freed when the stream gets there. */
bool pools_free_later(CUdeviceptr address, struct block *block, CUstream stream);
/* When the device is full: every pool gives back what it does not use. True if something came free. */
bool pools_give_way(uint32_t device);
/* The same for a caller that holds the lock. */
bool pools_give_way_locked(uint32_t device);

#endif
