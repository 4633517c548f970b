/* SPDX-License-Identifier: Apache-2.0 */
/* The families of the runtime API, on device 0. */
#include <cuda_runtime_api.h>

#include "families.h"

static void *pointers[FAMILY_MOST];

int families_open(void)
{
    return 0;
}

static int free_pointer(size_t i)
{
    return cudaFree(pointers[i]);
}

static int alloc_linear(size_t i)
{
    return cudaMalloc(&pointers[i], MIB);
}

static int alloc_managed(size_t i)
{
    return cudaMallocManaged(&pointers[i], MIB, cudaMemAttachGlobal);
}

/* Rows of 512 bytes have no padding on any device that there is. */
static int alloc_pitched(size_t i)
{
    size_t pitch = 0;
    int code = cudaMallocPitch(&pointers[i], &pitch, 512, 2048);
    if (code == 0 && pitch != 512)
        say("pitch=%zu", pitch);
    return code;
}

static int alloc_pitched_3d(size_t i)
{
    struct cudaPitchedPtr box;
    int code = cudaMalloc3D(&box, (struct cudaExtent){512, 32, 64});
    pointers[i] = box.ptr;
    return code;
}

/* ------------------------------------------------------------ stream-ordered: what a pool takes, it takes 2 MiB at a time */

static cudaMemPool_t created_pool;

static int alloc_async(size_t i)
{
    return cudaMallocAsync(&pointers[i], 2 * MIB, NULL);
}

static int free_async(size_t i)
{
    return cudaFreeAsync(pointers[i], NULL);
}

static int trim(cudaMemPool_t pool)
{
    int code = cudaStreamSynchronize(NULL);
    return code != 0 ? code : (int)cudaMemPoolTrimTo(pool, 0);
}

static int end_async(void)
{
    cudaMemPool_t pool;
    int code = cudaDeviceGetDefaultMemPool(&pool, 0);
    return code != 0 ? code : trim(pool);
}

static int alloc_from_pool(size_t i)
{
    struct cudaMemPoolProps props = {.allocType = cudaMemAllocationTypePinned,
                                     .location = {.type = cudaMemLocationTypeDevice, .id = 0}};
    int code = created_pool != NULL ? 0 : (int)cudaMemPoolCreate(&created_pool, &props);
    return code != 0 ? code : (int)cudaMallocFromPoolAsync(&pointers[i], 2 * MIB, created_pool, NULL);
}

static int end_pool(void)
{
    int code = trim(created_pool);
    return code != 0 ? code : (int)cudaMemPoolDestroy(created_pool);
}

/* ------------------------------------------------------------ arrays */

static const struct cudaChannelFormatDesc floats = {.x = 32, .f = cudaChannelFormatKindFloat};
static cudaArray_t arrays[FAMILY_MOST];
static cudaMipmappedArray_t mipmapped[FAMILY_MOST];

static int alloc_array(size_t i)
{
    return cudaMallocArray(&arrays[i], &floats, 512, 512, cudaArrayDefault);
}

static int alloc_array_3d(size_t i)
{
    return cudaMalloc3DArray(&arrays[i], &floats, (struct cudaExtent){64, 64, 64}, cudaArrayDefault);
}

static int free_array(size_t i)
{
    return cudaFreeArray(arrays[i]);
}

static int alloc_mipmapped(size_t i)
{
    return cudaMallocMipmappedArray(&mipmapped[i], &floats, (struct cudaExtent){512, 512, 0}, 3, cudaArrayDefault);
}

static int free_mipmapped(size_t i)
{
    return cudaFreeMipmappedArray(mipmapped[i]);
}

/* ------------------------------------------------------------ graphs: allocations that a stream captured */

static cudaGraphExec_t execs[FAMILY_MOST];
static cudaStream_t stream;

static int launch_graph(size_t i)
{
    cudaGraph_t graph;
    int code = stream != NULL ? 0 : (int)cudaStreamCreate(&stream);
    if (code == 0)
        code = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    if (code == 0)
        code = cudaMallocAsync(&pointers[i], 2 * MIB, stream);
    if (code == 0)
        code = cudaStreamEndCapture(stream, &graph);
    if (code == 0)
        code = cudaGraphInstantiate(&execs[i], graph, 0);
    if (code != 0)
        return code;
    code = cudaGraphLaunch(execs[i], stream);
    cudaGraphDestroy(graph);
    if (code != 0)
        cudaGraphExecDestroy(execs[i]);
    return code;
}

static int free_graph(size_t i)
{
    int code = cudaFreeAsync(pointers[i], stream);
    if (code == 0)
        code = cudaStreamSynchronize(stream);
    return code != 0 ? code : (int)cudaGraphExecDestroy(execs[i]);
}

static int end_graphs(void)
{
    return cudaDeviceGraphMemTrim(0);
}

#define MIPMAPPED_BYTES ((512 * 512 + 256 * 256 + 128 * 128) * sizeof(float))

const struct family families[] = {
    {.name = "linear", .alloc = alloc_linear, .release = free_pointer, .bytes = MIB},
    {.name = "managed", .alloc = alloc_managed, .release = free_pointer, .bytes = MIB},
    {.name = "pitched", .alloc = alloc_pitched, .release = free_pointer, .bytes = MIB},
    {.name = "pitched3d", .alloc = alloc_pitched_3d, .release = free_pointer, .bytes = MIB},
    {.name = "async", .alloc = alloc_async, .release = free_async, .end = end_async, .bytes = 2 * MIB},
    {.name = "pool", .alloc = alloc_from_pool, .release = free_pointer, .end = end_pool, .bytes = 2 * MIB},
    {.name = "array", .alloc = alloc_array, .release = free_array, .bytes = MIB},
    {.name = "array3d", .alloc = alloc_array_3d, .release = free_array, .bytes = MIB},
    {.name = "mipmapped", .alloc = alloc_mipmapped, .release = free_mipmapped, .bytes = MIPMAPPED_BYTES},
    {.name = "graph", .alloc = launch_graph, .release = free_graph, .end = end_graphs, .bytes = 2 * MIB},
    {.name = NULL},
};
