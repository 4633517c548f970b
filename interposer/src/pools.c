/* SPDX-License-Identifier: Apache-2.0 */
#include "pools.h"

#include <errno.h>
#include <sys/mman.h>

#include "imports.h"
#include "lock.h"
#include "map.h"
#include "reservoir.h"
#include "resolve.h"

struct by_handle {
    uint64_t pool;
    struct reservoir *reservoir;
};

struct pointer {
    uint64_t address;
    struct reservoir *pool;
};

static gs_object object_of(const struct reservoir *pool)
{
    return (gs_object)(uintptr_t)pool->handle;
}

/* ------------------------------------------------------------ records */

/* Slabs are never given back: a record that is looked at is always there, if perhaps another's. */
static struct reservoir *free_record(struct pools *pools)
{
    _Atomic(struct pool_slab *) *link = &pools->slabs;
    for (struct pool_slab *slab; (slab = atomic_load_explicit(link, memory_order_acquire)) != NULL; link = &slab->next) {
        for (uint32_t i = 0; i < POOLS_PER_SLAB; i++) {
            if (!atomic_load_explicit(&slab->pools[i].in_use, memory_order_acquire))
                return &slab->pools[i];
        }
    }
    int saved = errno;
    struct pool_slab *slab =
        mmap(NULL, sizeof *slab, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slab != MAP_FAILED)
        madvise(slab, sizeof *slab, MADV_DONTFORK);
    errno = saved;
    if (slab == MAP_FAILED)
        return NULL;
    atomic_store_explicit(link, slab, memory_order_release);
    return &slab->pools[0];
}

struct reservoir *pools_find(struct process *process, gs_object pool)
{
    int state = lock_enter(&process->pools.lock);
    const struct by_handle *known = map_find(&process->pools.by_handle, sizeof *known, (uintptr_t)pool);
    struct reservoir *found = known == NULL ? NULL : known->reservoir;
    lock_leave(&process->pools.lock, state);
    return found;
}

struct reservoir *pools_add(struct process *process, gs_object pool, uint32_t device, bool created)
{
    struct pools *pools = &process->pools;
    int state = lock_enter(&pools->lock);
    struct by_handle *known = map_add(&pools->by_handle, sizeof *known, (uintptr_t)pool);
    if (known != NULL && known->reservoir == NULL) {
        known->reservoir = free_record(pools);
        if (known->reservoir == NULL) {
            map_remove(&pools->by_handle, sizeof *known, known);
            known = NULL;
        } else {
            struct reservoir *record = known->reservoir;
            record->kind = GPUSLICE_KIND_POOL;
            record->device = device;
            record->handle = (uintptr_t)pool;
            record->created = created;
            record->to_destroy = false;
            record->charged = 0;
            /* release pairs with the acquire of those that walk the slabs: the record is complete. */
            atomic_store_explicit(&record->in_use, true, memory_order_release);
        }
    }
    struct reservoir *record = known == NULL ? NULL : known->reservoir;
    atomic_store_explicit(&process->measures, 1, memory_order_relaxed);
    lock_leave(&pools->lock, state);
    return record;
}

bool pools_is(const struct reservoir *record, gs_object pool)
{
    return atomic_load_explicit(&record->in_use, memory_order_acquire) && object_of(record) == pool;
}

static void unlist(struct process *process, const struct reservoir *pool)
{
    int state = lock_enter(&process->pools.lock);
    struct by_handle *known = map_find(&process->pools.by_handle, sizeof *known, pool->handle);
    if (known != NULL && known->reservoir == pool)
        map_remove(&process->pools.by_handle, sizeof *known, known);
    lock_leave(&process->pools.lock, state);
}

/* Found by its handle to the last: the driver may have handed that out again, and who was given it waits for the lock. */
void pools_remove(struct process *process, struct reservoir *pool)
{
    if (pool->device != RESERVOIR_NO_VRAM)
        reservoir_drop(process, pool);
    imports_end(process, pool->handle);
    unlist(process, pool);
    atomic_store_explicit(&pool->in_use, false, memory_order_release);
}

/* ------------------------------------------------------------ pointers */

bool pools_remember(struct process *process, uint64_t address, struct reservoir *pool)
{
    int state = lock_enter(&process->pools.lock);
    struct pointer *pointer = map_add(&process->pools.pointers, sizeof *pointer, address);
    if (pointer != NULL)
        pointer->pool = pool;
    lock_leave(&process->pools.lock, state);
    return pointer != NULL;
}

struct reservoir *pools_of(struct process *process, uint64_t address)
{
    int state = lock_enter(&process->pools.lock);
    const struct pointer *pointer = map_find(&process->pools.pointers, sizeof *pointer, address);
    struct reservoir *pool = pointer == NULL ? NULL : pointer->pool;
    lock_leave(&process->pools.lock, state);
    return pool;
}

struct reservoir *pools_forget(struct process *process, uint64_t address)
{
    int state = lock_enter(&process->pools.lock);
    struct pointer *pointer = map_find(&process->pools.pointers, sizeof *pointer, address);
    struct reservoir *pool = NULL;
    if (pointer != NULL) {
        pool = pointer->pool;
        map_remove(&process->pools.pointers, sizeof *pointer, pointer);
    }
    lock_leave(&process->pools.lock, state);
    return pool;
}

/* ------------------------------------------------------------ settling */

static void trim_one(const struct reservoir *pool)
{
    cuMemPoolTrimTo_fn *trim = DRIVER_REAL(cuMemPoolTrimTo);
    if (trim != NULL)
        trim(object_of(pool), 0);
}

/* Whether nothing of the pool is left, free operations that have not completed included. */
static bool is_empty(struct process *process, const struct reservoir *pool)
{
    struct reservoir_level level;
    trim_one(pool);
    return !reservoir_measure(process, pool, &level) || level.reserved == 0;
}

static gs_result destroy_now(struct process *process, struct reservoir *pool)
{
    cuMemPoolDestroy_fn *destroy = DRIVER_REAL(cuMemPoolDestroy);
    gs_result result = destroy == NULL ? GS_NOT_INITIALIZED : destroy(object_of(pool));
    if (result == GS_SUCCESS)
        pools_remove(process, pool);
    return result;
}

void pools_settle_one(const struct config *config, struct process *process, struct reservoir *pool)
{
    if (pool->to_destroy && is_empty(process, pool))
        destroy_now(process, pool);
    else
        reservoir_settle(config, process, pool);
}

/* A current pool that is destroyed makes room for the device's default one. */
static void step_down(struct process *process, const struct reservoir *pool)
{
    gs_device device = process->devices.handle[pool->device];
    cuDeviceGetMemPool_fn *get = DRIVER_REAL(cuDeviceGetMemPool);
    cuDeviceGetDefaultMemPool_fn *get_default = DRIVER_REAL(cuDeviceGetDefaultMemPool);
    cuDeviceSetMemPool_fn *set = DRIVER_REAL(cuDeviceSetMemPool);
    gs_object current, replacement;
    if (get != NULL && get_default != NULL && set != NULL && get(&current, device) == GS_SUCCESS &&
        current == object_of(pool) && get_default(&replacement, device) == GS_SUCCESS)
        set(device, replacement);
}

gs_result pools_destroy(const struct config *config, struct process *process, struct reservoir *pool)
{
    if (pool->to_destroy)
        return GS_INVALID_VALUE;
    if (!pool->created || pool->device == RESERVOIR_NO_VRAM || is_empty(process, pool))
        return destroy_now(process, pool);
    cuMemPoolSetAttribute_fn *set = DRIVER_REAL(cuMemPoolSetAttribute);
    uint64_t keep_nothing = 0;
    if (set != NULL)
        set(object_of(pool), GS_POOL_RELEASE_THRESHOLD, &keep_nothing);
    step_down(process, pool);
    pool->to_destroy = true;
    reservoir_settle(config, process, pool);
    return GS_SUCCESS;
}

static bool is_on(const struct reservoir *pool, uint32_t device)
{
    return atomic_load_explicit(&pool->in_use, memory_order_acquire) && pool->device == device;
}

/* Every pool of `device`; those that another thread is busy with are waited for, or left out: a thread that allocates
 * from a pool comes here with that pool's lock held. */
static void for_each(struct process *process, uint32_t device, bool wait,
                     void (*visit)(const struct config *, struct process *, struct reservoir *),
                     const struct config *config)
{
    struct pool_slab *slab = atomic_load_explicit(&process->pools.slabs, memory_order_acquire);
    for (; slab != NULL; slab = atomic_load_explicit(&slab->next, memory_order_acquire)) {
        for (uint32_t i = 0; i < POOLS_PER_SLAB; i++) {
            struct reservoir *pool = &slab->pools[i];
            if (!is_on(pool, device))
                continue;
            int state = 0;
            if (wait)
                state = lock_enter(&pool->lock);
            else if (!lock_try_enter(&pool->lock, &state))
                continue;
            if (is_on(pool, device))
                visit(config, process, pool);
            lock_leave(&pool->lock, state);
        }
    }
}

static void trim_and_settle(const struct config *config, struct process *process, struct reservoir *pool)
{
    trim_one(pool);
    pools_settle_one(config, process, pool);
}

void pools_trim(const struct config *config, struct process *process, uint32_t device)
{
    for_each(process, device, false, trim_and_settle, config);
}

void pools_settle(const struct config *config, struct process *process, uint32_t device)
{
    for_each(process, device, true, pools_settle_one, config);
}
