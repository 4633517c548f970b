/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The memory pools of this process and which stream-ordered allocation is from which. A pool's record is a reservoir;
 * whoever allocates from it or frees to it holds its lock around the driver's call.
 */
#ifndef GPUSLICE_POOLS_H
#define GPUSLICE_POOLS_H

#include "cuda_types.h"
#include "state.h"

/* The record of a pool; NULL: not known. It is the pool's until it is locked, and then if pools_is() says so. */
struct reservoir *pools_find(struct process *process, gs_object pool);

/* Under the record's lock: whether it still is that pool's. Another thread may have destroyed the pool meanwhile. */
bool pools_is(const struct reservoir *record, gs_object pool);

/* The same, new if need be; `device` as in struct reservoir. NULL: no memory. */
struct reservoir *pools_add(struct process *process, gs_object pool, uint32_t device, bool created);

/* The pool is gone; its charge is dropped. Under the reservoir's lock. */
void pools_remove(struct process *process, struct reservoir *pool);

/* A live allocation. False: no memory for it. */
bool pools_remember(struct process *process, uint64_t address, struct reservoir *pool);

/* The pool that it is from; NULL: not a stream-ordered allocation of ours. */
struct reservoir *pools_of(struct process *process, uint64_t address);
/* The same, and it is forgotten; NULL: not a stream-ordered allocation of ours. */
struct reservoir *pools_forget(struct process *process, uint64_t address);

/* Gives back what the pools of `device` do not need, but for those that another thread is busy with. */
void pools_trim(const struct config *config, struct process *process, uint32_t device);

/* Corrects the charge of every pool of `device`. */
void pools_settle(const struct config *config, struct process *process, uint32_t device);

/* One pool, under its lock: settled, and destroyed if that was only waiting for its last memory. */
void pools_settle_one(const struct config *config, struct process *process, struct reservoir *pool);

/* cuMemPoolDestroy, under the lock. Once destroyed, a pool that is still in use cannot be measured any more; so the
 * driver is told only when all of its memory is back. Until then the program sees a pool that is destroyed. */
gs_result pools_destroy(const struct config *config, struct process *process, struct reservoir *pool);

#endif
