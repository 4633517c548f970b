/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual memory management: create, map, unmap, retain and release in every order, and multicast objects. */
#include "world.h"

static struct stretch *some_stretch(struct world *world)
{
    return &world->stretches[pick(world, STRETCHES)];
}

static void create(struct world *world)
{
    CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                .location = {CU_MEM_LOCATION_TYPE_DEVICE, some_device(world)}};
    CUmemGenericAllocationHandle handle = 0;
    size_t bytes = GRANULE * (1 + pick(world, 3));
    if (world->handles.count >= 16)
        return;
    if (one_in(world, 12))
        prop.location = (CUmemLocation){CU_MEM_LOCATION_TYPE_HOST, 0};
    if (one_in(world, 40))
        prop.location.id = 9;
    if (one_in(world, 40))
        bytes = some_size(world);
    CUresult result = cuMemCreate(&handle, bytes, &prop, 0);
    did(world, result, "cuMemCreate(%#zx, type %d id %d) = %#llx", bytes, prop.location.type, prop.location.id, handle);
    if (result == CUDA_SUCCESS)
        bag_add(world, &world->handles, (void *)(uintptr_t)handle);
    if (prop.location.type == CU_MEM_LOCATION_TYPE_DEVICE)
        expect_reason(world, result, prop.location.id, bytes);
}

static void release(struct world *world)
{
    CUmemGenericAllocationHandle handle = bag_any(world, &world->handles);
    if (one_in(world, 20))
        handle = bag_any(world, one_in(world, 2) ? &world->stale : &world->pointers);
    did(world, cuMemRelease(handle), "cuMemRelease(%#llx)", handle);
    bag_remove(&world->handles, handle);
    if (one_in(world, 4))
        bag_add(world, &world->stale, (void *)(uintptr_t)handle);
}

static void reserve(struct world *world)
{
    struct stretch *stretch = some_stretch(world);
    CUdeviceptr p;
    if (stretch->at == 0 &&
        did(world, cuMemAddressReserve(&p, GRANULES * GRANULE, 0, 0, 0), "cuMemAddressReserve()") == CUDA_SUCCESS)
        stretch->at = p;
}

static void free_reserved(struct world *world)
{
    struct stretch *stretch = some_stretch(world);
    if (stretch->at != 0 && did(world, cuMemAddressFree(stretch->at, GRANULES * GRANULE), "cuMemAddressFree(%#llx)",
                                stretch->at) == CUDA_SUCCESS)
        stretch->at = 0;
}

static void map(struct world *world)
{
    struct stretch *stretch = some_stretch(world);
    CUmemGenericAllocationHandle handle = bag_any(world, one_in(world, 6) ? &world->multicasts : &world->handles);
    if (stretch->at == 0)
        return;
    CUdeviceptr at = stretch->at + pick(world, GRANULES) * GRANULE;
    size_t bytes = GRANULE * (1 + pick(world, 3));
    did(world, cuMemMap(at, bytes, 0, handle, 0), "cuMemMap(%#llx, %#zx, %#llx)", at, bytes, handle);
}

static void unmap(struct world *world)
{
    struct stretch *stretch = some_stretch(world);
    if (stretch->at == 0)
        return;
    CUdeviceptr at = stretch->at + pick(world, GRANULES) * GRANULE;
    size_t bytes = GRANULE * (1 + pick(world, 4));
    did(world, cuMemUnmap(at, bytes), "cuMemUnmap(%#llx, %#zx)", at, bytes);
}

/* Granule by granule: a mapping of several goes with the call that has its size, whatever else that unmaps. */
void unmap_all(struct world *world)
{
    for (struct stretch *stretch = world->stretches; stretch < world->stretches + STRETCHES; stretch++)
        for (unsigned i = 0; stretch->at != 0 && i < GRANULES; i++)
            for (unsigned n = 1; n <= 3 && i + n <= GRANULES; n++)
                if (cuMemUnmap(stretch->at + i * GRANULE, n * GRANULE) == CUDA_SUCCESS)
                    did(world, CUDA_SUCCESS, "cuMemUnmap(%#llx, %#zx)", stretch->at + i * GRANULE, n * GRANULE);
}

static void retain(struct world *world)
{
    struct stretch *stretch = some_stretch(world);
    CUmemGenericAllocationHandle handle = 0;
    if (stretch->at == 0)
        return;
    CUdeviceptr at = stretch->at + pick(world, GRANULES) * GRANULE + (one_in(world, 2) ? 12345 : 0);
    if (one_in(world, 20))
        at = bag_any(world, &world->pointers);
    CUresult result = cuMemRetainAllocationHandle(&handle, (void *)(uintptr_t)at);
    if (did(world, result, "cuMemRetainAllocationHandle(%#llx) = %#llx", at, handle) != CUDA_SUCCESS)
        return;
    if (world->handles.count < BAG - 2)
        bag_add(world, &world->handles, (void *)(uintptr_t)handle);
    else
        did(world, cuMemRelease(handle), "cuMemRelease(%#llx)", handle);
}

/* ------------------------------------------------------------ multicast */

static void create_multicast(struct world *world)
{
    CUmulticastObjectProp prop = {.numDevices = DEVICES, .size = 2 * GRANULE};
    CUmemGenericAllocationHandle object;
    if (world->multicasts.count >= 3 ||
        did(world, cuMulticastCreate(&object, &prop), "cuMulticastCreate()") != CUDA_SUCCESS)
        return;
    bag_add(world, &world->multicasts, (void *)(uintptr_t)object);
    for (int device = 0; device < DEVICES && !one_in(world, 10); device++)
        did(world, cuMulticastAddDevice(object, device), "cuMulticastAddDevice(%#llx, %d)", object, device);
}

static void bind(struct world *world)
{
    CUmemGenericAllocationHandle object = bag_any(world, &world->multicasts), memory = bag_any(world, &world->handles);
    size_t offset = pick(world, 2) * GRANULE, bytes = (1 + pick(world, 2)) * GRANULE;
    if (!one_in(world, 3)) {
        did(world, cuMulticastBindMem(object, offset, memory, 0, bytes, 0), "cuMulticastBindMem(%#llx, %#zx, %#llx, 0, %#zx)",
            object, offset, memory, bytes);
    } else {
        CUdeviceptr at = some_stretch(world)->at + pick(world, GRANULES) * GRANULE;
        did(world, cuMulticastBindAddr(object, offset, at, bytes, 0), "cuMulticastBindAddr(%#llx, %#zx, %#llx, %#zx)", object,
            offset, at, bytes);
    }
}

static void unbind(struct world *world)
{
    CUmemGenericAllocationHandle object = bag_any(world, &world->multicasts);
    CUdevice device = some_device(world);
    size_t offset = pick(world, 2) * GRANULE, bytes = (1 + pick(world, 2)) * GRANULE;
    did(world, cuMulticastUnbind(object, device, offset, bytes), "cuMulticastUnbind(%#llx, %d, %#zx, %#zx)", object, device,
        offset, bytes);
}

static void release_multicast(struct world *world)
{
    CUmemGenericAllocationHandle object = bag_any(world, &world->multicasts);
    did(world, cuMemRelease(object), "cuMemRelease(multicast %#llx)", object);
    bag_remove(&world->multicasts, object);
}

const struct operation physical_operations[] = {
    {"create", 24, create, false},
    {"release", 24, release, false},
    {"reserve", 8, reserve, false},
    {"unreserve", 4, free_reserved, false},
    {"map", 40, map, false},
    {"unmap", 40, unmap, false},
    {"unmap-all", 1, unmap_all, false},
    {"retain", 10, retain, false},
    {"multicast-create", 3, create_multicast, false},
    {"multicast-bind", 6, bind, false},
    {"multicast-unbind", 6, unbind, false},
    {"multicast-release", 2, release_multicast, false},
    {NULL, 0, NULL, false},
};
