/* SPDX-License-Identifier: Apache-2.0 */
/* Stream-ordered allocation (CUDA driver API, stream ordered memory allocator). A pool's bytes on the card are what it
 * reserves, used or not. */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "graph.h"
#include "handles.h"
#include "import.h"
#include "memory.h"
#include "stream.h"

/* A plain allocation freed in stream order. */
struct late_free {
    CUdeviceptr address;
    struct block *block;
    CUstream stream;
    uint64_t order;
    struct late_free *next;
};

static struct {
    pthread_mutex_t lock;
    struct CUmemPoolHandle_st *all;
    struct late_free *late;
    uint64_t order;
} pools = {.lock = PTHREAD_MUTEX_INITIALIZER};

void pools_lock(void)
{
    pthread_mutex_lock(&pools.lock);
}

void pools_unlock(void)
{
    pthread_mutex_unlock(&pools.lock);
}

uint64_t pools_order(void)
{
    return __atomic_load_n(&pools.order, __ATOMIC_RELAXED);
}

CUmemoryPool pool_new(const CUmemPoolProps *props, uint32_t device, int ordinal)
{
    struct CUmemPoolHandle_st *pool = calloc(1, sizeof *pool);
    if (pool == NULL || !handle_add(HANDLE_POOL, pool)) {
        free(pool);
        return NULL;
    }
    bool on_host = props->location.type != CU_MEM_LOCATION_TYPE_DEVICE && props->location.type != CU_MEM_LOCATION_TYPE_NONE;
    *pool = (struct CUmemPoolHandle_st){
        .reserve = {.kind = FAKECUDA_KIND_pool, .device = device, .on_host = on_host, .max_size = props->maxSize},
        .props = *props,
        .device = device,
        .ordinal = ordinal,
        .follow_events = 1,
        .opportunistic = 1,
        .internal_dependencies = 1,
    };
    /* "By default, the pool's memory will be accessible from the device it is allocated on", or "from the host CPU" */
    if (!on_host)
        pool->access[ordinal] = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    pthread_mutex_lock(&pools.lock);
    pool->next = pools.all;
    pools.all = pool;
    pthread_mutex_unlock(&pools.lock);
    return pool;
}

/* --- allocating ------------------------------------------------------------------------------------------------- */

/* Free memory of every pool of this process goes back: a full device is no reason to fail while pools idle. The caller
 * holds the lock. */
bool pools_give_way_locked(uint32_t device)
{
    uint64_t given = 0;
    for (CUmemoryPool pool = pools.all; pool != NULL; pool = pool->next)
        if (pool->device == device && !pool->reserve.on_host)
            given += reserve_trim(&pool->reserve, 0);
    return given + graph_memory_trim(device) != 0;
}

bool pools_give_way(uint32_t device)
{
    pthread_mutex_lock(&pools.lock);
    bool given = pools_give_way_locked(device);
    pthread_mutex_unlock(&pools.lock);
    return given;
}

static struct range *take(CUmemoryPool pool, uint64_t bytes, CUstream stream)
{
    /* "Allow cuMemAllocAsync to insert new stream dependencies in order to establish the stream ordering required to
     * reuse a piece of memory released by cuMemFreeAsync (default enabled)" */
    bool any = pool->internal_dependencies != 0;
    struct range *range = reserve_take(&pool->reserve, bytes, stream, any);
    return range == NULL && pools_give_way_locked(pool->device) ? reserve_take(&pool->reserve, bytes, stream, any) : range;
}

CUresult pool_allocate(CUdeviceptr *pointer, uint64_t bytes, CUmemoryPool pool, CUstream stream, enum fakecuda_call call)
{
    struct block *block;
    struct piece *piece = malloc(sizeof *piece);
    if (piece == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    enum space space = pool->reserve.on_host || pool->props.allocType == CU_MEM_ALLOCATION_TYPE_MANAGED ? SPACE_MANAGED
                                                                                                        : SPACE_DEVICE;
    pthread_mutex_lock(&pools.lock);
    *piece = (struct piece){.pool = pool, .range = take(pool, bytes, stream)};
    CUdeviceptr address = piece->range != NULL ? heap_place(pool->device, space, bytes, &block) : 0;
    if (piece->range != NULL && address == 0)
        reserve_give(&pool->reserve, piece->range, false, NULL, 0);
    pthread_mutex_unlock(&pools.lock);
    if (address == 0) {
        free(piece);
        if (!pool->reserve.on_host)
            card_count_refusal(&driver.card, pool->device);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    block->context = NULL;
    block->ordinal = pool->ordinal;
    block->owner = OWNER_POOL;
    block->kind = FAKECUDA_KIND_pool;
    block->of = piece;
    heap_publish(block);
    if (!pool->reserve.on_host)
        card_count(&driver.card, pool->device, call, +1, bytes);
    *pointer = address;
    return CUDA_SUCCESS;
}

/* --- freeing ---------------------------------------------------------------------------------------------------- */

/* "the resources associated with the pool will be released automatically once there are no more outstanding
 * allocations". The caller holds the lock. */
static void end_if_done(CUmemoryPool pool)
{
    if (!pool->destroyed || pool->reserve.live != 0 || reserve_pending(&pool->reserve))
        return;
    reserve_trim(&pool->reserve, 0);
    for (struct CUmemPoolHandle_st **link = &pools.all; *link != NULL; link = &(*link)->next)
        if (*link == pool) {
            *link = pool->next;
            break;
        }
    free(pool);
}

void pool_free(CUdeviceptr address, struct block *block, CUstream stream, enum fakecuda_call call)
{
    struct piece *piece = block->of;
    uint32_t device = block->device;
    heap_vacate(address);
    pthread_mutex_lock(&pools.lock);
    bool on_host = piece->pool->reserve.on_host;
    bool pending = driver.stream_async && stream != NULL;
    uint64_t order = __atomic_add_fetch(&pools.order, 1, __ATOMIC_RELAXED);
    reserve_give(&piece->pool->reserve, piece->range, pending, stream, order);
    end_if_done(piece->pool);
    pthread_mutex_unlock(&pools.lock);
    if (!on_host)
        card_count(&driver.card, device, call, -1, 0);
    free(piece);
}

bool pools_free_later(CUdeviceptr address, struct block *block, CUstream stream)
{
    struct late_free *late = malloc(sizeof *late);
    if (late == NULL)
        return false;
    pthread_mutex_lock(&pools.lock);
    *late = (struct late_free){address, block, stream, __atomic_add_fetch(&pools.order, 1, __ATOMIC_RELAXED), pools.late};
    pools.late = late;
    pthread_mutex_unlock(&pools.lock);
    return true;
}

static void free_late(CUstream stream, uint64_t until)
{
    for (struct late_free **link = &pools.late; *link != NULL;) {
        struct late_free *late = *link;
        if ((stream != NULL && late->stream != stream) || late->order > until) {
            link = &late->next;
            continue;
        }
        *link = late->next;
        memory_give_back(late->address, late->block, FAKECUDA_CALL_cuMemFreeAsync);
        free(late);
    }
}

static void complete(CUstream stream, uint64_t until, bool release)
{
    pthread_mutex_lock(&pools.lock);
    free_late(stream, until);
    for (CUmemoryPool pool = pools.all, next; pool != NULL; pool = next) {
        next = pool->next;
        reserve_complete(&pool->reserve, stream, until);
        if (release && pool->reserve.reserved > pool->threshold)
            reserve_trim(&pool->reserve, pool->threshold);
        end_if_done(pool);
    }
    graph_memory_complete(stream, until);
    pthread_mutex_unlock(&pools.lock);
}

void pools_complete(CUstream stream, uint64_t until)
{
    complete(stream, until, false);
}

/* "When more than the release threshold bytes of memory are held by the memory pool, the allocator will try to release
 * memory back to the OS on the next call to stream, event or context synchronize" */
void pools_synchronized(CUstream stream, uint64_t until)
{
    complete(stream, until, true);
}

/* --- the calls -------------------------------------------------------------------------------------------------- */

static CUresult allocate(CUdeviceptr *pointer, size_t bytes, CUmemoryPool pool, bool from_current, CUstream stream,
                         bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (pointer == NULL || bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (from_current) /* "The allocation comes from the memory pool current to the stream's device" */
        pool = pool_current(use.context->ordinal);
    else if (!handle_known(HANDLE_POOL, pool) || pool->imported) /* "do not support creating new allocations" */
        return CUDA_ERROR_INVALID_VALUE;
    if (pool == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (use.capture != NULL)
        return capture_alloc(&use, pool, pointer, bytes);
    enum fakecuda_call call = from_current ? FAKECUDA_CALL_cuMemAllocAsync : FAKECUDA_CALL_cuMemAllocFromPoolAsync;
    return pool_allocate(pointer, bytes, pool, use.key, call);
}

API CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t bytes, CUstream stream)
{
    return allocate(pointer, bytes, NULL, true, stream, false);
}

API CUresult cuMemAllocAsync_ptsz(CUdeviceptr *pointer, size_t bytes, CUstream stream)
{
    return allocate(pointer, bytes, NULL, true, stream, true);
}

API CUresult cuMemAllocFromPoolAsync(CUdeviceptr *pointer, size_t bytes, CUmemoryPool pool, CUstream stream)
{
    return allocate(pointer, bytes, pool, false, stream, false);
}

API CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *pointer, size_t bytes, CUmemoryPool pool, CUstream stream)
{
    return allocate(pointer, bytes, pool, false, stream, true);
}

/* Of every owner: what cuMemAlloc returned may be freed in stream order too (CUDA C++ programming guide, stream ordered
 * memory allocator, interoperability with cudaMalloc and cudaFree). */
static CUresult free_async(CUdeviceptr pointer, CUstream stream, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (pointer == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (use.capture != NULL) /* "results in the creation of a free node" */
        return capture_free(&use, pointer);
    struct block *block = heap_claim(pointer);
    if (block == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (memory_free_must_fail()) {
        heap_unclaim(block);
        return CUDA_ERROR_UNKNOWN;
    }
    switch ((enum owner)block->owner) {
    case OWNER_CONTEXT:
        if (!driver.stream_async || !pools_free_later(pointer, block, use.key))
            memory_give_back(pointer, block, FAKECUDA_CALL_cuMemFreeAsync);
        return CUDA_SUCCESS;
    case OWNER_POOL: pool_free(pointer, block, use.key, FAKECUDA_CALL_cuMemFreeAsync); return CUDA_SUCCESS;
    case OWNER_GRAPH: return graph_memory_free(pointer, block, FAKECUDA_CALL_cuMemFreeAsync);
    case OWNER_IMPORT: return import_free(pointer, block, FAKECUDA_CALL_cuMemFreeAsync);
    }
    return CUDA_ERROR_INVALID_VALUE;
}

API CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream)
{
    return free_async(pointer, stream, false);
}

API CUresult cuMemFreeAsync_ptsz(CUdeviceptr pointer, CUstream stream)
{
    return free_async(pointer, stream, true);
}

/* "Destroying the current mempool of a device sets the default mempool of that device as the current mempool"; "A
 * device's default memory pool cannot be destroyed." */
API CUresult cuMemPoolDestroy(CUmemoryPool pool)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_POOL, pool) || pool->is_default || !handle_remove(HANDLE_POOL, pool))
        return CUDA_ERROR_INVALID_VALUE;
    uint32_t device = pool->device;
    pool_not_current(pool);
    pthread_mutex_lock(&pools.lock);
    pool->destroyed = true;
    end_if_done(pool);
    pthread_mutex_unlock(&pools.lock);
    card_count(&driver.card, device, FAKECUDA_CALL_cuMemPoolDestroy, 0, 0);
    return CUDA_SUCCESS;
}
