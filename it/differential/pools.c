/* SPDX-License-Identifier: Apache-2.0 */
/* Stream-ordered memory: default, current and created pools, on devices and on the host. */
#include "world.h"

static CUmemoryPool some_pool(struct world *world)
{
    CUmemoryPool pool = NULL;
    if (world->pools.count > 0 && !one_in(world, 4))
        return any_of(world, &world->pools);
    if (one_in(world, 30))
        return NULL;
    cuDeviceGetDefaultMemPool(&pool, some_device(world));
    return pool;
}

static void keep(struct world *world, CUresult result, CUstream stream, CUdeviceptr pointer)
{
    bool is_node = stream != NULL && stream == world->capturing;
    if (result != CUDA_SUCCESS || (is_node && !world->alone)) /* it dies with its graph: see graphs.c */
        return;
    while (world->pointers.count >= BAG - 2)
        free_pointer(world, bag_any(world, &world->pointers));
    bag_add(world, &world->pointers, (void *)(uintptr_t)pointer);
}

static void allocate(struct world *world)
{
    CUdeviceptr p = 0;
    size_t bytes = some_size(world);
    CUstream stream = some_stream(world);
    bool ptsz = one_in(world, 4);
    CUresult result = ptsz ? cuMemAllocAsync_ptsz(&p, bytes, stream) : cuMemAllocAsync(&p, bytes, stream);
    did(world, result, "cuMemAllocAsync%s(%#zx, %p) = %#llx", ptsz ? "_ptsz" : "", bytes, (void *)stream, p);
    keep(world, result, stream, p);
}

static void allocate_from(struct world *world)
{
    CUdeviceptr p = 0;
    size_t bytes = some_size(world);
    CUmemoryPool pool = some_pool(world);
    CUstream stream = some_stream(world);
    bool ptsz = one_in(world, 4);
    CUresult result = ptsz ? cuMemAllocFromPoolAsync_ptsz(&p, bytes, pool, stream)
                           : cuMemAllocFromPoolAsync(&p, bytes, pool, stream);
    did(world, result, "cuMemAllocFromPoolAsync%s(%#zx, %p, %p) = %#llx", ptsz ? "_ptsz" : "", bytes, (void *)pool,
        (void *)stream, p);
    keep(world, result, stream, p);
}

static void create(struct world *world)
{
    CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                            .location = {CU_MEM_LOCATION_TYPE_DEVICE, some_device(world)}};
    CUmemoryPool pool = NULL;
    if (world->pools.count >= 6)
        return;
    if (one_in(world, 6))
        props.location = (CUmemLocation){CU_MEM_LOCATION_TYPE_HOST, 0};
    if (one_in(world, 20))
        props.location.id = 7;
    if (one_in(world, 6))
        props.maxSize = some_size(world);
    CUresult result = cuMemPoolCreate(&pool, &props);
    did(world, result, "cuMemPoolCreate(type %d id %d max %#zx) = %p", props.location.type, props.location.id, props.maxSize,
        (void *)pool);
    if (result == CUDA_SUCCESS)
        bag_add(world, &world->pools, pool);
}

static void destroy(struct world *world)
{
    CUmemoryPool pool = one_in(world, 10) ? some_pool(world) : any_of(world, &world->pools);
    if (did(world, cuMemPoolDestroy(pool), "cuMemPoolDestroy(%p)", (void *)pool) == CUDA_SUCCESS)
        drop(&world->pools, pool);
}

static void trim(struct world *world)
{
    CUmemoryPool pool = some_pool(world);
    size_t left = one_in(world, 2) ? 0 : some_size(world);
    did(world, cuMemPoolTrimTo(pool, left), "cuMemPoolTrimTo(%p, %#zx)", (void *)pool, left);
}

static void set_threshold(struct world *world)
{
    CUmemoryPool pool = some_pool(world);
    cuuint64_t threshold = one_in(world, 2) ? 0 : one_in(world, 2) ? UINT64_MAX : some_size(world);
    did(world, cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold), "cuMemPoolSetAttribute(%p, %#llx)",
        (void *)pool, (unsigned long long)threshold);
}

static void set_current(struct world *world)
{
    CUmemoryPool pool = some_pool(world);
    CUdevice device = some_device(world);
    did(world, cuDeviceSetMemPool(device, pool), "cuDeviceSetMemPool(%d, %p)", device, (void *)pool);
}

static void synchronize(struct world *world)
{
    CUstream stream = some_stream(world);
    if (one_in(world, 3))
        did(world, cuCtxSynchronize(), "cuCtxSynchronize()");
    else
        did(world, cuStreamSynchronize(stream), "cuStreamSynchronize(%p)", (void *)stream);
}

static void create_stream(struct world *world)
{
    CUstream stream;
    unsigned flags = pick(world, 2);
    if (world->streams.count < 6 &&
        did(world, cuStreamCreate(&stream, flags), "cuStreamCreate(%u)", flags) == CUDA_SUCCESS)
        bag_add(world, &world->streams, stream);
}

static void destroy_stream(struct world *world)
{
    CUstream stream = any_of(world, &world->streams);
    if (stream != NULL && stream == world->capturing)
        end_capture(world);
    did(world, cuStreamDestroy_v2(stream), "cuStreamDestroy(%p)", (void *)stream);
    drop(&world->streams, stream);
}

const struct operation pool_operations[] = {
    {"alloc-async", 40, allocate, false},
    {"alloc-from-pool", 40, allocate_from, false},
    {"pool-create", 8, create, false},
    {"pool-destroy", 8, destroy, false},
    {"pool-trim", 8, trim, false},
    {"pool-threshold", 6, set_threshold, false},
    {"pool-set-current", 4, set_current, true},
    {"synchronize", 16, synchronize, false},
    {"stream-create", 8, create_stream, false},
    {"stream-destroy", 3, destroy_stream, false},
    {NULL, 0, NULL, false},
};
