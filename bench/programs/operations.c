/* SPDX-License-Identifier: Apache-2.0 */
/* One way of each family to take memory and to give it back, on device 0. */
#include "operations.h"

#include <cuda_runtime_api.h>
#include <string.h>

#define BLOCK ((size_t)4096)
#define CHUNK ((size_t)2 << 20) /* what pools and physical memory come in */

static CUdevice device;

int operations_open(CUcontext *context)
{
    int code = cuInit(0);
    if (code == 0)
        code = cuDeviceGet(&device, 0);
    if (code == 0)
        code = cuDevicePrimaryCtxRetain(context, device);
    return code != 0 ? code : (int)cuCtxSetCurrent(*context);
}

static int take_linear(struct slot *slot)
{
    return cuMemAlloc(&slot->address, BLOCK);
}

static int give_address(struct slot *slot)
{
    return cuMemFree(slot->address);
}

static int take_runtime(struct slot *slot)
{
    return cudaMalloc(&slot->pointer, BLOCK);
}

static int give_runtime(struct slot *slot)
{
    return cudaFree(slot->pointer);
}

static int take_managed(struct slot *slot)
{
    return cuMemAllocManaged(&slot->address, BLOCK, CU_MEM_ATTACH_GLOBAL);
}

static int take_pitched(struct slot *slot)
{
    size_t pitch;
    return cuMemAllocPitch(&slot->address, &pitch, 512, 8, 4);
}

/* ------------------------------------------------------------------ stream-ordered */

static CUmemoryPool pool;

static int make_pool(void)
{
    CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                            .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device}};
    return cuMemPoolCreate(&pool, &props);
}

static int take_async(struct slot *slot)
{
    return cuMemAllocAsync(&slot->address, BLOCK, NULL);
}

static int take_from_pool(struct slot *slot)
{
    return cuMemAllocFromPoolAsync(&slot->address, BLOCK, pool, NULL);
}

static int give_async(struct slot *slot)
{
    return cuMemFreeAsync(slot->address, NULL);
}

/* ------------------------------------------------------------------ virtual memory management */

static int take_physical(struct slot *slot)
{
    CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device}};
    return cuMemCreate(&slot->handle, CHUNK, &prop, 0);
}

static int give_physical(struct slot *slot)
{
    return cuMemRelease(slot->handle);
}

/* A segment grows by a piece and shrinks again, as PyTorch's expandable segments do. */
static CUdeviceptr segment;

static int reserve_segment(void)
{
    return cuMemAddressReserve(&segment, CHUNK, 0, 0, 0);
}

static int take_mapped(struct slot *slot)
{
    CUmemAccessDesc access = {.location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device},
                              .flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    int code = take_physical(slot);
    if (code == 0)
        code = cuMemMap(segment, CHUNK, 0, slot->handle, 0);
    return code != 0 ? code : (int)cuMemSetAccess(segment, CHUNK, &access, 1);
}

static int give_mapped(struct slot *slot)
{
    int code = cuMemUnmap(segment, CHUNK);
    return code != 0 ? code : give_physical(slot);
}

/* ------------------------------------------------------------------ arrays */

static int take_array(struct slot *slot)
{
    CUDA_ARRAY_DESCRIPTOR floats = {.Width = 64, .Height = 64, .Format = CU_AD_FORMAT_FLOAT, .NumChannels = 1};
    return cuArrayCreate(&slot->array, &floats);
}

static int give_array(struct slot *slot)
{
    return cuArrayDestroy(slot->array);
}

static int take_mipmapped(struct slot *slot)
{
    CUDA_ARRAY3D_DESCRIPTOR floats = {.Width = 64, .Height = 64, .Format = CU_AD_FORMAT_FLOAT, .NumChannels = 1};
    return cuMipmappedArrayCreate(&slot->mipmapped, &floats, 3);
}

static int give_mipmapped(struct slot *slot)
{
    return cuMipmappedArrayDestroy(slot->mipmapped);
}

/* ------------------------------------------------------------------ graphs: a launch takes memory and frees it */

static CUgraphExec exec;

static int make_graph(void)
{
    CUDA_MEM_ALLOC_NODE_PARAMS params = {
        .poolProps = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                      .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device}},
        .bytesize = CHUNK,
    };
    CUgraph graph;
    CUgraphNode take, give;
    int code = cuGraphCreate(&graph, 0);
    if (code == 0)
        code = cuGraphAddMemAllocNode(&take, graph, NULL, 0, &params);
    if (code == 0)
        code = cuGraphAddMemFreeNode(&give, graph, &take, 1, params.dptr);
    return code != 0 ? code : (int)cuGraphInstantiate(&exec, graph, 0);
}

static int launch_graph(struct slot *slot)
{
    (void)slot;
    return cuGraphLaunch(exec, NULL);
}

/* ------------------------------------------------------------------ calls that take nothing */

static int ask_info(struct slot *slot)
{
    size_t available, total;
    (void)slot;
    return cuMemGetInfo(&available, &total);
}

static int launch_kernel(struct slot *slot)
{
    (void)slot;
    return cuLaunchKernel(NULL, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL);
}

static const struct operation operations[] = {
    {"linear", NULL, take_linear, give_address},
    {"runtime", NULL, take_runtime, give_runtime},
    {"managed", NULL, take_managed, give_address},
    {"pitched", NULL, take_pitched, give_address},
    {"async", NULL, take_async, give_async},
    {"pool", make_pool, take_from_pool, give_async},
    {"physical", NULL, take_physical, give_physical},
    {"mapped", reserve_segment, take_mapped, give_mapped},
    {"array", NULL, take_array, give_array},
    {"mipmapped", NULL, take_mipmapped, give_mipmapped},
    {"graph", make_graph, launch_graph, NULL},
    {"info", NULL, ask_info, NULL},
    {"kernel", NULL, launch_kernel, NULL},
};

const struct operation *operation_named(const char *name)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}
