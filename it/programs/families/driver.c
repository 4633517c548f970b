/* SPDX-License-Identifier: Apache-2.0 */
/* The families of the driver API, on device 0. */
#include <cuda.h>

#include "families.h"

static CUdevice device;
static CUdeviceptr pointers[FAMILY_MOST];

int families_open(void)
{
    CUcontext context;
    int code = cuInit(0);
    if (code == 0)
        code = cuDeviceGet(&device, 0);
    if (code == 0)
        code = cuDevicePrimaryCtxRetain(&context, device);
    return code != 0 ? code : (int)cuCtxSetCurrent(context);
}

static int free_pointer(size_t i)
{
    return cuMemFree(pointers[i]);
}

static int alloc_linear(size_t i)
{
    return cuMemAlloc(&pointers[i], MIB);
}

static int alloc_managed(size_t i)
{
    return cuMemAllocManaged(&pointers[i], MIB, CU_MEM_ATTACH_GLOBAL);
}

/* Rows of 512 bytes have no padding on any device that there is. */
static int alloc_pitched(size_t i)
{
    size_t pitch = 0;
    int code = cuMemAllocPitch(&pointers[i], &pitch, 512, 2048, 16);
    if (code == 0 && pitch != 512)
        say("pitch=%zu", pitch);
    return code;
}

/* ------------------------------------------------------------ stream-ordered: what a pool takes, it takes 2 MiB at a time */

static CUmemoryPool created_pool;

static int alloc_async(size_t i)
{
    return cuMemAllocAsync(&pointers[i], 2 * MIB, NULL);
}

static int free_async(size_t i)
{
    return cuMemFreeAsync(pointers[i], NULL);
}

static int trim(CUmemoryPool pool)
{
    int code = cuStreamSynchronize(NULL);
    return code != 0 ? code : (int)cuMemPoolTrimTo(pool, 0);
}

static int end_async(void)
{
    CUmemoryPool pool;
    int code = cuDeviceGetDefaultMemPool(&pool, device);
    return code != 0 ? code : trim(pool);
}

/* A pool that keeps all it ever had. */
static int alloc_from_pool(size_t i)
{
    CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                            .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device}};
    cuuint64_t threshold = UINT64_MAX;
    int code = 0;
    if (created_pool == NULL && (code = cuMemPoolCreate(&created_pool, &props)) == 0)
        code = cuMemPoolSetAttribute(created_pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold);
    return code != 0 ? code : (int)cuMemAllocFromPoolAsync(&pointers[i], 2 * MIB, created_pool, NULL);
}

static int end_pool(void)
{
    int code = trim(created_pool);
    return code != 0 ? code : (int)cuMemPoolDestroy(created_pool);
}

/* ------------------------------------------------------------ virtual memory, as PyTorch's expandable segments use it */

#define SEGMENT (2 * MIB)

static CUdeviceptr segment;
static CUmemGenericAllocationHandle handles[FAMILY_MOST];

static const CUmemAllocationProp *on_device(void)
{
    static CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                       .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE}};
    prop.location.id = device;
    return &prop;
}

/* Addresses for all that will ever be, memory for one piece more. */
static int grow_segment(size_t i)
{
    CUmemAccessDesc access = {.location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device},
                              .flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUdeviceptr address;
    int code = segment != 0 ? 0 : (int)cuMemAddressReserve(&segment, FAMILY_MOST * SEGMENT, 0, 0, 0);
    if (code == 0)
        code = cuMemCreate(&handles[i], SEGMENT, on_device(), 0);
    if (code != 0)
        return code;
    address = segment + i * SEGMENT;
    code = cuMemMap(address, SEGMENT, 0, handles[i], 0);
    return code != 0 ? code : (int)cuMemSetAccess(address, SEGMENT, &access, 1);
}

static int shrink_segment(size_t i)
{
    int code = cuMemUnmap(segment + i * SEGMENT, SEGMENT);
    return code != 0 ? code : (int)cuMemRelease(handles[i]);
}

/* NCCL's way: the handle goes at once, the mapping keeps the memory. */
static int grow_and_release(size_t i)
{
    int code = grow_segment(i);
    return code != 0 ? code : (int)cuMemRelease(handles[i]);
}

static int unmap(size_t i)
{
    return cuMemUnmap(segment + i * SEGMENT, SEGMENT);
}

static int end_segment(void)
{
    return cuMemAddressFree(segment, FAMILY_MOST * SEGMENT);
}

/* ------------------------------------------------------------ arrays */

static CUarray arrays[FAMILY_MOST];
static CUmipmappedArray mipmapped[FAMILY_MOST];

static int alloc_array(size_t i)
{
    CUDA_ARRAY_DESCRIPTOR floats = {.Width = 512, .Height = 512, .Format = CU_AD_FORMAT_FLOAT, .NumChannels = 1};
    return cuArrayCreate(&arrays[i], &floats);
}

static int alloc_array_3d(size_t i)
{
    CUDA_ARRAY3D_DESCRIPTOR bytes = {
        .Width = 64, .Height = 64, .Depth = 64, .Format = CU_AD_FORMAT_UNSIGNED_INT8, .NumChannels = 4};
    return cuArray3DCreate(&arrays[i], &bytes);
}

static int free_array(size_t i)
{
    return cuArrayDestroy(arrays[i]);
}

/* Levels of 512, 256 and 128 squared. */
static int alloc_mipmapped(size_t i)
{
    CUDA_ARRAY3D_DESCRIPTOR floats = {
        .Width = 512, .Height = 512, .Format = CU_AD_FORMAT_FLOAT, .NumChannels = 1};
    return cuMipmappedArrayCreate(&mipmapped[i], &floats, 3);
}

static int free_mipmapped(size_t i)
{
    return cuMipmappedArrayDestroy(mipmapped[i]);
}

/* ------------------------------------------------------------ graphs: one of one node for each block */

static CUgraphExec execs[FAMILY_MOST];

static int launch_graph(size_t i)
{
    CUDA_MEM_ALLOC_NODE_PARAMS params = {
        .poolProps = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                      .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device}},
        .bytesize = 2 * MIB,
    };
    CUgraph graph;
    CUgraphNode node;
    int code = cuGraphCreate(&graph, 0);
    if (code == 0)
        code = cuGraphAddMemAllocNode(&node, graph, NULL, 0, &params);
    if (code == 0)
        code = cuGraphInstantiate(&execs[i], graph, 0);
    if (code != 0)
        return code;
    pointers[i] = params.dptr;
    code = cuGraphLaunch(execs[i], NULL);
    cuGraphDestroy(graph);
    if (code != 0)
        cuGraphExecDestroy(execs[i]);
    return code;
}

static int free_graph(size_t i)
{
    int code = cuMemFreeAsync(pointers[i], NULL);
    if (code == 0)
        code = cuStreamSynchronize(NULL);
    return code != 0 ? code : (int)cuGraphExecDestroy(execs[i]);
}

static int end_graphs(void)
{
    return cuDeviceGraphMemTrim(device);
}

#define MIPMAPPED_BYTES ((512 * 512 + 256 * 256 + 128 * 128) * sizeof(float))

const struct family families[] = {
    {.name = "linear", .alloc = alloc_linear, .release = free_pointer, .bytes = MIB},
    {.name = "managed", .alloc = alloc_managed, .release = free_pointer, .bytes = MIB},
    {.name = "pitched", .alloc = alloc_pitched, .release = free_pointer, .bytes = MIB},
    {.name = "async", .alloc = alloc_async, .release = free_async, .end = end_async, .bytes = 2 * MIB},
    {.name = "pool", .alloc = alloc_from_pool, .release = free_pointer, .end = end_pool, .bytes = 2 * MIB},
    {.name = "segment", .alloc = grow_segment, .release = shrink_segment, .end = end_segment, .bytes = SEGMENT},
    {.name = "mapping", .alloc = grow_and_release, .release = unmap, .end = end_segment, .bytes = SEGMENT},
    {.name = "array", .alloc = alloc_array, .release = free_array, .bytes = MIB},
    {.name = "array3d", .alloc = alloc_array_3d, .release = free_array, .bytes = MIB},
    {.name = "mipmapped", .alloc = alloc_mipmapped, .release = free_mipmapped, .bytes = MIPMAPPED_BYTES},
    {.name = "graph", .alloc = launch_graph, .release = free_graph, .end = end_graphs, .bytes = 2 * MIB},
    {.name = NULL},
};
