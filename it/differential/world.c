/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

size_t some_size(struct world *world)
{
    if (one_in(world, 200)) {
        static const size_t odd[] = {0, SIZE_MAX, SIZE_MAX / 2 + 1, (size_t)1 << 40, (size_t)1 << 56};
        return odd[pick(world, sizeof odd / sizeof *odd)];
    }
    size_t size = (draw(world) & (((size_t)1 << (8 + pick(world, 16))) - 1)) + 1;
    return one_in(world, 4) ? (size + 511) & ~(size_t)511 : size;
}

void bag_add(struct world *world, struct bag *bag, const void *object)
{
    unsigned place = bag->count < BAG ? bag->count++ : pick(world, BAG);
    bag->item[place] = (uintptr_t)object;
}

unsigned long long bag_any(struct world *world, const struct bag *bag)
{
    return bag->count == 0 ? 0 : bag->item[pick(world, bag->count)];
}

void bag_remove(struct bag *bag, unsigned long long item)
{
    for (unsigned i = 0; i < bag->count; i++)
        if (bag->item[i] == item) {
            bag->item[i] = bag->item[--bag->count];
            return;
        }
}

CUdevice some_device(struct world *world)
{
    return (CUdevice)pick(world, DEVICES);
}

int current_device(void)
{
    CUdevice device;
    return cuCtxGetDevice(&device) == CUDA_SUCCESS ? device : -1;
}

/* A stream goes with its context. What becomes of calls on it after that is undefined: it is forgotten. */
static bool is_alive(CUstream stream)
{
    CUcontext context;
    if (cuStreamGetCtx(stream, &context) != CUDA_SUCCESS || cuCtxPushCurrent_v2(context) != CUDA_SUCCESS)
        return false;
    cuCtxPopCurrent_v2(&context);
    return true;
}

CUstream some_stream(struct world *world)
{
    CUstream stream;
    switch (pick(world, 6)) {
    case 0: return NULL;
    case 1: return CU_STREAM_LEGACY;
    case 2: return CU_STREAM_PER_THREAD;
    default:
        stream = any_of(world, &world->streams);
        if (stream != NULL && !is_alive(stream)) {
            drop(&world->streams, stream);
            stream = NULL;
        }
        return stream;
    }
}
