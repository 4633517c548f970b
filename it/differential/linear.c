/* SPDX-License-Identifier: Apache-2.0 */
/* Linear, managed and pitched memory in both ABIs, and every way to free any pointer, wrong ones included. */
#include "world.h"

/* cuda.h names the newest ABI; these are the others. */
#undef cuMemAlloc
#undef cuMemAllocPitch
#undef cuMemFree

#define FULL(world) ((world)->pointers.count >= BAG - 2)

static void keep(struct world *world, CUresult result, CUdeviceptr pointer)
{
    if (result == CUDA_SUCCESS)
        bag_add(world, &world->pointers, (void *)(uintptr_t)pointer);
}

static void make_room(struct world *world)
{
    while (FULL(world))
        free_pointer(world, bag_any(world, &world->pointers));
}

static void allocate(struct world *world)
{
    make_room(world);
    CUdeviceptr p = 0;
    size_t bytes = some_size(world);
    CUresult result = cuMemAlloc_v2(&p, bytes);
    did(world, result, "cuMemAlloc_v2(%#zx) = %#llx", bytes, p);
    keep(world, result, p);
    expect_reason(world, result, -1, bytes);
}

static void allocate_old(struct world *world)
{
    make_room(world);
    CUdeviceptr_v1 p = 0;
    unsigned bytes = (unsigned)some_size(world);
    CUresult result = cuMemAlloc(&p, bytes);
    did(world, result, "cuMemAlloc(%#x) = %#x", bytes, p);
    keep(world, result, p);
}

static void allocate_managed(struct world *world)
{
    make_room(world);
    CUdeviceptr p = 0;
    size_t bytes = some_size(world);
    unsigned flags = one_in(world, 20) ? pick(world, 9) : CU_MEM_ATTACH_GLOBAL;
    CUresult result = cuMemAllocManaged(&p, bytes, flags);
    did(world, result, "cuMemAllocManaged(%#zx, %u) = %#llx", bytes, flags, p);
    keep(world, result, p);
}

static void allocate_pitched(struct world *world)
{
    static const unsigned elements[] = {4, 8, 16, 1, 3};
    make_room(world);
    CUdeviceptr p = 0;
    size_t pitch = 0, width = some_size(world), height = pick(world, 40);
    if (width > MIB && width <= 8 * MIB)
        width = width % MIB;
    unsigned element = elements[one_in(world, 10) ? pick(world, 5) : pick(world, 3)];
    CUresult result = cuMemAllocPitch_v2(&p, &pitch, width, height, element);
    did(world, result, "cuMemAllocPitch_v2(%#zx, %zu, %u) = %#llx", width, height, element, p);
    keep(world, result, p);
}

static void allocate_pitched_old(struct world *world)
{
    make_room(world);
    CUdeviceptr_v1 p = 0;
    unsigned pitch = 0, width = pick(world, 5000), height = pick(world, 400);
    CUresult result = cuMemAllocPitch(&p, &pitch, width, height, 4);
    did(world, result, "cuMemAllocPitch(%u, %u) = %#x", width, height, p);
    keep(world, result, p);
}

static void allocate_into_nothing(struct world *world)
{
    size_t pitch, bytes = some_size(world);
    CUdeviceptr p;
    switch (pick(world, 5)) {
    case 0: did(world, cuMemAlloc_v2(NULL, bytes), "cuMemAlloc_v2(NULL)"); break;
    case 1: did(world, cuMemAllocManaged(NULL, bytes, 1), "cuMemAllocManaged(NULL)"); break;
    case 2: did(world, cuMemAllocPitch_v2(NULL, &pitch, 100, 100, 4), "cuMemAllocPitch_v2(NULL, &pitch)"); break;
    case 3: did(world, cuMemAllocPitch_v2(&p, NULL, 100, 100, 4), "cuMemAllocPitch_v2(&p, NULL)"); break;
    case 4: did(world, cuMemAllocAsync(NULL, bytes, NULL), "cuMemAllocAsync(NULL)"); break;
    }
}

/* ------------------------------------------------------------ free */

/* A free that is captured comes true with each launch of its graph: several threads, and it is another's that it frees. */
static CUstream stream_of_free(struct world *world)
{
    CUstream stream = some_stream(world);
    return world->alone || stream != world->capturing ? stream : NULL;
}

static CUresult free_somehow(struct world *world, CUdeviceptr pointer)
{
    CUstream stream;
    switch (pick(world, 4)) {
    case 0:
        stream = stream_of_free(world);
        return did(world, cuMemFreeAsync(pointer, stream), "cuMemFreeAsync(%#llx, %p)", pointer, (void *)stream);
    case 1:
        if (pointer >> 32 == 0)
            return did(world, cuMemFree((CUdeviceptr_v1)pointer), "cuMemFree(%#llx)", pointer);
        stream = stream_of_free(world);
        return did(world, cuMemFreeAsync_ptsz(pointer, stream), "cuMemFreeAsync_ptsz(%#llx, %p)", pointer, (void *)stream);
    default:
        return did(world, cuMemFree_v2(pointer), "cuMemFree_v2(%#llx)", pointer);
    }
}

static bool is_alive(CUdeviceptr pointer)
{
    CUmemorytype type;
    return cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, pointer) != CUDA_ERROR_INVALID_VALUE;
}

/* In some way first; if that could not be, with everything out of its way. */
void free_pointer(struct world *world, CUdeviceptr pointer)
{
    if (free_somehow(world, pointer) != CUDA_SUCCESS && is_alive(pointer)) {
        if (!one_in(world, 3))
            return;
        end_capture(world);
        if (world->retained[0] > 0)
            cuCtxSetCurrent(world->primary[0]);
        CUresult result = did(world, cuMemFree_v2(pointer), "cuMemFree_v2(%#llx) once more", pointer);
        if (result == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)
            return; /* another thread captures */
    }
    bag_remove(&world->pointers, pointer);
    bag_add(world, &world->stale, (void *)(uintptr_t)pointer);
}

static void free_one(struct world *world)
{
    if (world->pointers.count > 0)
        free_pointer(world, bag_any(world, &world->pointers));
}

static void free_many(struct world *world)
{
    for (unsigned i = world->pointers.count; i > 0; i--)
        free_one(world);
}

static void free_wrong(struct world *world)
{
    CUdeviceptr pointer = bag_any(world, &world->pointers);
    switch (pick(world, 8)) {
    case 0: free_somehow(world, 0); break;
    case 1: free_somehow(world, 1); break;
    case 2: free_somehow(world, pointer + 256); break;
    case 3: free_somehow(world, (uintptr_t)&pointer); break;
    case 4: free_somehow(world, draw(world)); break;
    case 5: free_somehow(world, bag_any(world, &world->arrays)); break;
    case 6: free_somehow(world, world->stretches[pick(world, STRETCHES)].at); break;
    case 7: /* several threads: by now perhaps another's, and not yet known to be */
        if (world->alone)
            free_somehow(world, bag_any(world, &world->stale));
        break;
    }
}

const struct operation linear_operations[] = {
    {"alloc", 60, allocate, false},
    {"alloc-v1", 12, allocate_old, false},
    {"managed", 16, allocate_managed, false},
    {"pitch", 16, allocate_pitched, false},
    {"pitch-v1", 6, allocate_pitched_old, false},
    {"into-nothing", 4, allocate_into_nothing, false},
    {"free", 120, free_one, false},
    {"free-many", 1, free_many, false},
    {"free-wrong", 16, free_wrong, false},
    {NULL, 0, NULL, false},
};
