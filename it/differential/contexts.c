/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts come, are current, and go with what was allocated in them. */
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

/* cuda.h names the newest ABI; the oldest one's contexts are those that the oldest allocations want. */
#undef cuCtxCreate

static void set_current(struct world *world)
{
    unsigned device = pick(world, DEVICES);
    if (world->retained[device] == 0 && cuDevicePrimaryCtxRetain(&world->primary[device], (CUdevice)device) == CUDA_SUCCESS)
        world->retained[device]++;
    CUcontext context = world->primary[device], popped;
    while (one_in(world, 2) && cuCtxPopCurrent_v2(&popped) == CUDA_SUCCESS)
        continue;
    if (world->contexts.count > 0 && one_in(world, 3))
        context = any_of(world, &world->contexts);
    if (one_in(world, 40))
        context = NULL;
    did(world, cuCtxSetCurrent(context), "cuCtxSetCurrent(%p)", (void *)context);
}

static void create(struct world *world)
{
    CUcontext context;
    CUdevice device = some_device(world);
    if (world->contexts.count >= 5)
        return;
    unsigned version = pick(world, 3);
    CUresult result = version == 0   ? cuCtxCreate(&context, 0, device)
                      : version == 1 ? cuCtxCreate_v2(&context, 0, device)
                                     : cuCtxCreate_v4(&context, NULL, 0, device);
    if (did(world, result, "cuCtxCreate(%d), version %u", device, version) == CUDA_SUCCESS)
        bag_add(world, &world->contexts, context);
    if (result == CUDA_SUCCESS && one_in(world, 2))
        cuCtxPopCurrent_v2(&context);
}

static void attach(struct world *world)
{
    CUcontext context;
    if (did(world, cuCtxAttach(&context, 0), "cuCtxAttach()") == CUDA_SUCCESS && !one_in(world, 8))
        did(world, cuCtxDetach(context), "cuCtxDetach(%p)", (void *)context);
}

static void destroy(struct world *world)
{
    CUcontext context = any_of(world, &world->contexts);
    if (context == NULL)
        return;
    /* What it holds goes with it, and then what is in the bags may be another thread's. */
    for (unsigned i = world->pointers.count; !world->alone && i > 0; i--)
        free_pointer(world, bag_any(world, &world->pointers));
    if (!world->alone && world->pointers.count + world->arrays.count + world->mipmaps.count > 0)
        return;
    CUresult result = one_in(world, 6) ? cuCtxDetach(context) : cuCtxDestroy_v2(context);
    if (did(world, result, "cuCtxDestroy(%p)", (void *)context) == CUDA_SUCCESS)
        drop(&world->contexts, context);
}

static void push_and_pop(struct world *world)
{
    CUcontext popped;
    if (one_in(world, 2))
        did(world, cuCtxPushCurrent_v2(world->primary[pick(world, DEVICES)]), "cuCtxPushCurrent()");
    else
        did(world, cuCtxPopCurrent_v2(&popped), "cuCtxPopCurrent()");
}

static void reset(struct world *world)
{
    CUdevice device = some_device(world);
    did(world, cuDevicePrimaryCtxReset_v2(device), "cuDevicePrimaryCtxReset(%d)", device);
}

static void release_primary(struct world *world)
{
    CUdevice device = some_device(world);
    if (did(world, cuDevicePrimaryCtxRelease_v2(device), "cuDevicePrimaryCtxRelease(%d)", device) == CUDA_SUCCESS)
        world->retained[device]--;
}

static void retain_primary(struct world *world)
{
    CUdevice device = some_device(world);
    if (world->retained[device] < 3 && did(world, cuDevicePrimaryCtxRetain(&world->primary[device], device),
                                           "cuDevicePrimaryCtxRetain(%d)", device) == CUDA_SUCCESS)
        world->retained[device]++;
}

/* A child that has CUDA from its parent alone cannot use it. Nothing of the parent's may change for it. */
static void fork_a_child(struct world *world)
{
    unsigned what = pick(world, 3);
    pid_t child = fork();
    if (child == 0) {
        CUdeviceptr p;
        if (what == 1)
            cuMemAlloc_v2(&p, MIB);
        else if (what == 2)
            cuMemFree_v2(bag_any(world, &world->pointers));
        _exit(0);
    }
    waitpid(child, NULL, 0);
    did(world, CUDA_SUCCESS, "fork(), in the child: %s", what == 0 ? "nothing" : what == 1 ? "cuMemAlloc_v2" : "cuMemFree_v2");
}

const struct operation context_operations[] = {
    {"set-current", 30, set_current, false},
    {"context-create", 6, create, false},
    {"context-attach", 2, attach, false},
    {"context-destroy", 4, destroy, false},
    {"push-pop", 4, push_and_pop, false},
    {"primary-reset", 1, reset, true},
    {"primary-release", 2, release_primary, true},
    {"primary-retain", 2, retain_primary, true},
    {"fork", 1, fork_a_child, true},
    {NULL, 0, NULL, false},
};
