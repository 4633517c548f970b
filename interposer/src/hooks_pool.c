/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stream-ordered memory: a pool is charged by what it reserves of its device. Pools of host memory are not charged.
 */
#include "charged.h"
#include "devices.h"
#include "export.h"
#include "graphs.h"
#include "lock.h"
#include "pools.h"
#include "process.h"
#include "relief.h"
#include "reservoir.h"
#include "resolve.h"

/* One of the four allocations. */
struct request {
    size_t bytes;
    gs_object pool; /* NULL: the current one of the stream's device */
    gs_object stream;
    bool per_thread; /* stream 0 is the thread's own */
};

static gs_result call_real(const struct request *request, gs_deviceptr *address)
{
    if (request->pool != NULL) {
        cuMemAllocFromPoolAsync_fn *real =
            request->per_thread ? DRIVER_REAL(cuMemAllocFromPoolAsync_ptsz) : DRIVER_REAL(cuMemAllocFromPoolAsync);
        if (real != NULL) /* or else it was not the program that named it */
            return real(address, request->bytes, request->pool, request->stream);
    }
    cuMemAllocAsync_fn *real = request->per_thread ? DRIVER_REAL(cuMemAllocAsync_ptsz) : DRIVER_REAL(cuMemAllocAsync);
    return real(address, request->bytes, request->stream);
}

static bool is_capturing(const struct request *request)
{
    cuStreamIsCapturing_fn *ask =
        request->per_thread ? DRIVER_REAL(cuStreamIsCapturing_ptsz) : DRIVER_REAL(cuStreamIsCapturing);
    int status = GS_CAPTURE_NONE;
    return ask != NULL && ask(request->stream, &status) == GS_SUCCESS && status != GS_CAPTURE_NONE;
}

/* ------------------------------------------------------------ which pool */

static struct reservoir *current_pool(struct process *process, uint32_t device, gs_object *pool)
{
    cuDeviceGetMemPool_fn *get = DRIVER_REAL(cuDeviceGetMemPool);
    if (get == NULL || get(pool, process->devices.handle[device]) != GS_SUCCESS)
        return NULL;
    struct reservoir *known = pools_find(process, *pool);
    return known != NULL ? known : pools_add(process, *pool, device, false);
}

/* A pool that nobody has seen being created: a device's default one, most likely. */
static struct reservoir *strange_pool(struct process *process, const struct request *request, uint32_t device)
{
    cuDeviceGetDefaultMemPool_fn *get_default = DRIVER_REAL(cuDeviceGetDefaultMemPool);
    for (uint32_t i = 0; get_default != NULL && i < process->devices.count; i++) {
        gs_object pool;
        if (get_default(&pool, process->devices.handle[i]) == GS_SUCCESS && pool == request->pool)
            device = i;
    }
    return pools_add(process, request->pool, device, false);
}

/* And its handle. NULL: neither device nor pool can be told. */
static struct reservoir *pool_of(struct process *process, const struct request *request, gs_object *pool)
{
    *pool = request->pool;
    struct reservoir *known = request->pool == NULL ? NULL : pools_find(process, request->pool);
    uint32_t device;
    if (known != NULL)
        return known;
    if (devices_of_stream(process, request->stream, &device) != DEVICES_FOUND)
        return NULL;
    return request->pool == NULL ? current_pool(process, device, pool) : strange_pool(process, request, device);
}

/* ------------------------------------------------------------ allocate */

static gs_result undo(uint64_t address, const void *context)
{
    const struct request *request = context;
    cuMemFreeAsync_fn *real = request->per_thread ? DRIVER_REAL(cuMemFreeAsync_ptsz) : DRIVER_REAL(cuMemFreeAsync);
    return real == NULL ? GS_NOT_INITIALIZED : real(address, request->stream);
}

static bool fits_after_trim(struct process *process, struct reservoir *pool)
{
    cuMemPoolTrimTo_fn *trim = DRIVER_REAL(cuMemPoolTrimTo);
    struct reservoir_level level;
    if (trim != NULL)
        trim((gs_object)(uintptr_t)pool->handle, 0);
    return reservoir_measure(process, pool, &level) && level.reserved <= pool->charged;
}

/* The memory goes back to the pool in the stream's order. Once that has come about, the pool can let go of it; what it
 * keeps all the same is charged although nobody asked for it. Not under the lock while it waits: what the stream waits
 * for may be a thread that wants the pool. */
static void take_back(const struct config *config, struct process *process, struct reservoir *pool,
                      const struct request *request, gs_deviceptr address, int *state)
{
    cuStreamSynchronize_fn *synchronize =
        request->per_thread ? DRIVER_REAL(cuStreamSynchronize_ptsz) : DRIVER_REAL(cuStreamSynchronize);
    gs_result result = undo(address, request);
    if (!fits_after_trim(process, pool) && result == GS_SUCCESS && synchronize != NULL) {
        lock_leave(&pool->lock, *state);
        synchronize(request->stream);
        *state = lock_enter(&pool->lock);
        fits_after_trim(process, pool);
    }
    reservoir_settle(config, process, pool);
}

/* Under the pool's lock, which is let go of. From the pool that the request names: which one is current may change. */
static gs_result allocate_from(const struct config *config, struct process *process, struct reservoir *pool, int state,
                               const struct request *request, gs_deviceptr *address)
{
    gs_deviceptr handle = 0;
    if (!reservoir_foresee(config, process, pool, request->bytes)) {
        lock_leave(&pool->lock, state);
        return GS_OUT_OF_MEMORY;
    }
    gs_result result = call_real(request, &handle);
    bool covered = reservoir_cover(config, process, pool, result == GS_SUCCESS);
    if (result == GS_SUCCESS && (!covered || !pools_remember(process, handle, pool))) {
        take_back(config, process, pool, request, handle, &state);
        result = GS_OUT_OF_MEMORY;
    }
    lock_leave(&pool->lock, state);
    if (result == GS_SUCCESS) {
        ledger_count_allocation(process, pool->device);
        *address = handle;
    }
    return result;
}

static gs_result allocate_uncounted(const struct request *request, gs_deviceptr *address)
{
    struct charged charged = {.kind = GPUSLICE_KIND_POOL, .undo = undo, .undo_context = request};
    gs_deviceptr handle = 0;
    charged_begin_uncounted(&charged);
    gs_result result = call_real(request, &handle);
    result = charged_end(&charged, result, handle);
    if (result == GS_SUCCESS)
        *address = handle;
    return result;
}

static gs_result allocate(const struct request *request, gs_deviceptr *address)
{
    struct process *process = process_get();
    if (process == NULL)
        return GS_OUT_OF_MEMORY;
    if (is_capturing(request)) {
        graphs_will_allocate(process); /* a node of the graph; the memory comes when that is launched */
        return call_real(request, address);
    }
    for (;;) {
        struct request of = *request;
        struct reservoir *pool = pool_of(process, request, &of.pool);
        if (pool == NULL)
            return allocate_uncounted(request, address);
        if (pool->device == RESERVOIR_NO_VRAM)
            return call_real(request, address);
        int state = lock_enter(&pool->lock);
        if (pools_is(pool, of.pool) && !pool->to_destroy)
            return allocate_from(config_get(), process, pool, state, &of, address);
        lock_leave(&pool->lock, state);
        /* Destroyed by another thread since it was looked up. If it was the current one, another is now. */
        if (request->pool != NULL)
            return GS_INVALID_VALUE;
    }
}

static gs_result guarded(void *real, const struct request *request, gs_deviceptr *address)
{
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || request->bytes == 0 || !guard_enter())
        return call_real(request, address);
    gs_result result = allocate(request, address);
    guard_leave();
    return result;
}

gs_result cuMemAllocAsync(gs_deviceptr *address, size_t bytes, gs_object stream)
{
    struct request request = {bytes, NULL, stream, false};
    return guarded(resolve_driver(DRIVER_cuMemAllocAsync), &request, address);
}

gs_result cuMemAllocAsync_ptsz(gs_deviceptr *address, size_t bytes, gs_object stream)
{
    struct request request = {bytes, NULL, stream, true};
    return guarded(resolve_driver(DRIVER_cuMemAllocAsync_ptsz), &request, address);
}

gs_result cuMemAllocFromPoolAsync(gs_deviceptr *address, size_t bytes, gs_object pool, gs_object stream)
{
    cuMemAllocFromPoolAsync_fn *real = DRIVER_REAL(cuMemAllocFromPoolAsync);
    struct request request = {bytes, pool, stream, false};
    if (real != NULL && pool == NULL)
        return real(address, bytes, pool, stream);
    return guarded((void *)real, &request, address);
}

gs_result cuMemAllocFromPoolAsync_ptsz(gs_deviceptr *address, size_t bytes, gs_object pool, gs_object stream)
{
    cuMemAllocFromPoolAsync_ptsz_fn *real = DRIVER_REAL(cuMemAllocFromPoolAsync_ptsz);
    struct request request = {bytes, pool, stream, true};
    if (real != NULL && pool == NULL)
        return real(address, bytes, pool, stream);
    return guarded((void *)real, &request, address);
}

/* ------------------------------------------------------------ free */

/* `per_thread`: what a NULL stream means. */
static gs_result free_async(cuMemFreeAsync_fn *real, gs_deviceptr address, gs_object stream, bool per_thread)
{
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (!guard_enter())
        return real(address, stream);
    struct freeing freeing;
    charged_free_begin(address, &freeing);
    gs_result result = real(address, stream);
    charged_free_end_in(&freeing, result, stream, per_thread);
    guard_leave();
    return result;
}

gs_result cuMemFreeAsync(gs_deviceptr address, gs_object stream)
{
    return free_async(DRIVER_REAL(cuMemFreeAsync), address, stream, false);
}

gs_result cuMemFreeAsync_ptsz(gs_deviceptr address, gs_object stream)
{
    return free_async(DRIVER_REAL(cuMemFreeAsync_ptsz), address, stream, true);
}

/* ------------------------------------------------------------ pools */

/* Where a pool's memory is. Managed pools may have no location: then it is the current device's, as managed memory. */
static uint32_t device_of(struct process *process, const struct gs_location *location, int type)
{
    uint32_t device;
    if (location->type == GS_LOCATION_DEVICE)
        return devices_of_ordinal(process, location->id, &device) == DEVICES_FOUND ? device : RESERVOIR_NO_VRAM;
    if (location->type == GS_LOCATION_NONE && type == GS_ALLOCATION_MANAGED)
        return devices_of_context(process, &device) == DEVICES_FOUND ? device : 0;
    return RESERVOIR_NO_VRAM;
}

/* What a call with a handle that meant nothing left behind says nothing about the pool that has it now. */
static void forget(struct process *process, gs_object pool)
{
    for (struct reservoir *stale; (stale = pools_find(process, pool)) != NULL;) {
        int state = lock_enter(&stale->lock);
        if (pools_is(stale, pool)) /* or else the thread that destroyed it has just taken it out */
            pools_remove(process, stale);
        lock_leave(&stale->lock, state);
    }
}

gs_result cuMemPoolCreate(gs_object *pool, const struct gs_pool_props *props)
{
    cuMemPoolCreate_fn *real = DRIVER_REAL(cuMemPoolCreate);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (pool == NULL || props == NULL || !guard_enter())
        return real(pool, props);
    gs_result result = real(pool, props);
    struct process *process = process_get();
    /* No memory for a record: it is made at the first allocation, or that is refused. */
    if (result == GS_SUCCESS && process != NULL) {
        forget(process, *pool);
        pools_add(process, *pool, device_of(process, &props->location, props->type), true);
    }
    guard_leave();
    return result;
}

gs_result cuMemPoolDestroy(gs_object pool)
{
    cuMemPoolDestroy_fn *real = DRIVER_REAL(cuMemPoolDestroy);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (!guard_enter())
        return real(pool);
    struct process *process = process_if_started();
    struct reservoir *known = process == NULL ? NULL : pools_find(process, pool);
    gs_result result;
    if (known == NULL) {
        result = real(pool);
    } else {
        int state = lock_enter(&known->lock);
        result = pools_is(known, pool) ? pools_destroy(config_get(), process, known) : GS_INVALID_VALUE;
        lock_leave(&known->lock, state);
    }
    guard_leave();
    return result;
}

gs_result cuMemPoolTrimTo(gs_object pool, size_t keep)
{
    cuMemPoolTrimTo_fn *real = DRIVER_REAL(cuMemPoolTrimTo);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (!guard_enter())
        return real(pool, keep);
    struct process *process = process_if_started();
    struct reservoir *known = process == NULL ? NULL : pools_find(process, pool);
    gs_result result = real(pool, keep);
    if (known != NULL && known->device != RESERVOIR_NO_VRAM) {
        int state = lock_enter(&known->lock);
        if (pools_is(known, pool))
            pools_settle_one(config_get(), process, known);
        lock_leave(&known->lock, state);
    }
    guard_leave();
    return result;
}

/* Pools that belong to nobody in particular: where they are is known from the question. */
static void remember(gs_object pool, const struct gs_location *location, int type)
{
    struct process *process = process_get();
    if (process != NULL && pools_find(process, pool) == NULL)
        pools_add(process, pool, device_of(process, location, type), false);
}

gs_result cuMemGetDefaultMemPool(gs_object *pool, struct gs_location *location, int type)
{
    cuMemGetDefaultMemPool_fn *real = DRIVER_REAL(cuMemGetDefaultMemPool);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    gs_result result = real(pool, location, type);
    if (result != GS_SUCCESS || pool == NULL || location == NULL || !guard_enter())
        return result;
    remember(*pool, location, type);
    guard_leave();
    return result;
}

gs_result cuMemGetMemPool(gs_object *pool, struct gs_location *location, int type)
{
    cuMemGetMemPool_fn *real = DRIVER_REAL(cuMemGetMemPool);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    gs_result result = real(pool, location, type);
    if (result != GS_SUCCESS || pool == NULL || location == NULL || !guard_enter())
        return result;
    remember(*pool, location, type);
    guard_leave();
    return result;
}
