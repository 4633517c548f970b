/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays and contexts in one process, on a card of 64 MiB whose contexts take 1 MiB each; and the runtime's view. */
#define FAKECUDA_DRIVER /* both ABIs by their own names */
#include "check.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#define EMPTY (63 * MIB) /* beside the primary context */

static CUcontext primary;

static size_t available(void)
{
    size_t free_bytes, total;
    CHECK_EQ(cuMemGetInfo_v2(&free_bytes, &total), CUDA_SUCCESS);
    return free_bytes;
}

static size_t taken_by(CUDA_ARRAY3D_DESCRIPTOR desc)
{
    CUarray array;
    CHECK_EQ(cuArray3DCreate_v2(&array, &desc), CUDA_SUCCESS);
    size_t taken = EMPTY - available();
    CHECK_EQ(cuArrayDestroy(array), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY);
    CHECK_EQ(cuArrayDestroy(array), CUDA_ERROR_INVALID_HANDLE);
    return taken;
}

static void arraysTakeTheirElements(void)
{
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){1024, 0, 0, CU_AD_FORMAT_FLOAT, 1, 0}), 4096);
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){1024, 512, 0, CU_AD_FORMAT_HALF, 4, 0}), 4 * MIB);
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){64, 64, 64, CU_AD_FORMAT_UNSIGNED_INT8, 2, 0}), MIB / 2);
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){256, 256, 0, CU_AD_FORMAT_BC1_UNORM, 4, 0}), 32768);
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){256, 256, 0, CU_AD_FORMAT_NV12, 3, 0}), 98304);
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){1024, 0, 8, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_LAYERED}), 32768);
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){64, 64, 6, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_CUBEMAP}), 6 * 16384);
    unsigned both = CUDA_ARRAY3D_CUBEMAP | CUDA_ARRAY3D_LAYERED;
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){64, 64, 12, CU_AD_FORMAT_FLOAT, 1, both}), 12 * 16384);
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){4096, 4096, 0, CU_AD_FORMAT_FLOAT, 4, CUDA_ARRAY3D_SPARSE}), 0);
    CHECK_EQ(taken_by((CUDA_ARRAY3D_DESCRIPTOR){4096, 4096, 0, CU_AD_FORMAT_FLOAT, 4, CUDA_ARRAY3D_DEFERRED_MAPPING}), 0);
}

static void mipmapsTakeEveryLevelAndLendThem(void)
{
    CUmipmappedArray array;
    CUarray level, again;
    CUDA_ARRAY3D_DESCRIPTOR desc = {1024, 1024, 0, CU_AD_FORMAT_FLOAT, 1, 0}, found;
    CHECK_EQ(cuMipmappedArrayCreate(&array, &desc, 3), CUDA_SUCCESS);
    CHECK_EQ(EMPTY - available(), 4 * MIB + MIB + MIB / 4);
    CHECK_EQ(cuMipmappedArrayGetLevel(&level, array, 2), CUDA_SUCCESS);
    CHECK_EQ(cuMipmappedArrayGetLevel(&again, array, 2), CUDA_SUCCESS);
    CHECK(level == again);
    CHECK_EQ(cuArray3DGetDescriptor_v2(&found, level), CUDA_SUCCESS);
    CHECK_EQ(found.Width, 256);
    CHECK_EQ(cuMipmappedArrayGetLevel(&level, array, 3), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuArrayDestroy(again), CUDA_ERROR_INVALID_HANDLE); /* the mipmapped array's */
    CHECK_EQ(cuMipmappedArrayDestroy(array), CUDA_SUCCESS);
    CHECK_EQ(cuArray3DGetDescriptor_v2(&found, again), CUDA_ERROR_INVALID_HANDLE);
    CHECK_EQ(cuMipmappedArrayCreate(&array, &desc, 99), CUDA_SUCCESS); /* clamped to 11 */
    CHECK_EQ(cuMipmappedArrayGetLevel(&level, array, 10), CUDA_SUCCESS);
    CHECK_EQ(cuMipmappedArrayGetLevel(&level, array, 11), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMipmappedArrayDestroy(array), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY);
}

static void descriptorsAreCheckedAsDocumented(void)
{
    CUarray array, plane;
    CUDA_ARRAY_DESCRIPTOR two = {16, 16, CU_AD_FORMAT_FLOAT, 3};
    CUDA_ARRAY3D_DESCRIPTOR cube = {64, 32, 6, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_CUBEMAP};
    CUDA_ARRAY3D_DESCRIPTOR video = {64, 64, 0, CU_AD_FORMAT_NV12, 3, 0}, found;
    CHECK_EQ(cuArrayCreate_v2(&array, &two), CUDA_ERROR_INVALID_VALUE); /* "it may be 1, 2, or 4" */
    two.NumChannels = 4;
    two.Format = 0x77;
    CHECK_EQ(cuArrayCreate_v2(&array, &two), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuArrayCreate_v2(NULL, &two), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuArray3DCreate_v2(&array, NULL), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuArray3DCreate_v2(&array, &cube), CUDA_ERROR_INVALID_VALUE);
    cube.Height = 64;
    cube.Depth = 7;
    CHECK_EQ(cuArray3DCreate_v2(&array, &cube), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuArray3DCreate_v2(&array, &video), CUDA_SUCCESS);
    CHECK_EQ(cuArrayGetPlane(&plane, array, 1), CUDA_SUCCESS);
    CHECK_EQ(cuArray3DGetDescriptor_v2(&found, plane), CUDA_SUCCESS);
    CHECK_EQ(found.Width * found.NumChannels, 64);
    CHECK_EQ(cuArrayGetPlane(&plane, array, 2), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuArrayDestroy(array), CUDA_SUCCESS);
}

/* --- contexts --------------------------------------------------------------------------------------------------- */

static void contextsTakeMemoryAndGiveBackAllThatIsTheirs(void)
{
    CUcontext own, attached;
    CUdeviceptr linear, managed, async;
    CUarray array;
    CUDA_ARRAY3D_DESCRIPTOR desc = {1024, 1024, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    CHECK_EQ(cuCtxCreate_v4(&own, NULL, 0, 0), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY - MIB);
    CHECK_EQ(cuMemAlloc_v2(&linear, MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocManaged(&managed, MIB, CU_MEM_ATTACH_GLOBAL), CUDA_SUCCESS);
    CHECK_EQ(cuArray3DCreate_v2(&array, &desc), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocAsync(&async, 2 * MIB, NULL), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY - 9 * MIB);
    CHECK_EQ(cuCtxAttach(&attached, 0), CUDA_SUCCESS);
    CHECK_EQ(cuCtxDetach(own), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY - 9 * MIB);
    CHECK_EQ(cuCtxDestroy_v2(own), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY - 2 * MIB); /* all but the pool's */
    CHECK_EQ(cuArrayDestroy(array), CUDA_ERROR_INVALID_HANDLE);
    CHECK_EQ(cuMemFree_v2(async), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY);
}

static void aResetFreesWhatThePrimaryContextHoldsAndKeepsIt(void)
{
    CUarray array;
    CUdeviceptr p;
    CUDA_ARRAY3D_DESCRIPTOR desc = {1024, 1024, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    CHECK_EQ(cuMemAlloc_v2(&p, MIB), CUDA_SUCCESS);
    CHECK_EQ(cuArray3DCreate_v2(&array, &desc), CUDA_SUCCESS);
    CHECK_EQ(cuDevicePrimaryCtxReset_v2(0), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY);
    CHECK_EQ(cuMemFree_v2(p), CUDA_ERROR_INVALID_VALUE);
}

static void aContextThatFindsNoRoomIsNotMade(void)
{
    CUcontext own;
    CUdeviceptr p;
    CHECK_EQ(cuMemAlloc_v2(&p, EMPTY - MIB / 2), CUDA_SUCCESS);
    CHECK_EQ(cuCtxCreate_v2(&own, 0, 0), CUDA_ERROR_OUT_OF_MEMORY);
    CHECK_EQ(cuMemFree_v2(p), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY);
}

static void adviceAndPrefetchKnowBothAbis(void)
{
    CUdeviceptr p;
    CUmemLocation host = {CU_MEM_LOCATION_TYPE_HOST, 0}, far = {CU_MEM_LOCATION_TYPE_DEVICE, 9};
    CHECK_EQ(cuMemAllocManaged(&p, MIB, CU_MEM_ATTACH_GLOBAL), CUDA_SUCCESS);
    CHECK_EQ(cuMemPrefetchAsync(p, MIB, CU_DEVICE_CPU, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuMemPrefetchAsync_v2(p, MIB, host, 0, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuMemPrefetchAsync_v2(p, MIB, far, 0, NULL), CUDA_ERROR_INVALID_DEVICE);
    CHECK_EQ(cuMemAdvise(p, MIB, CU_MEM_ADVISE_SET_READ_MOSTLY, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemAdvise_v2(p, 2 * MIB, CU_MEM_ADVISE_SET_READ_MOSTLY, host), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemFree_v2(p), CUDA_SUCCESS);
}

static void theRuntimeReachesEveryFamily(void)
{
    void *p;
    cudaArray_t array;
    cudaMipmappedArray_t mipmap;
    cudaStream_t stream;
    cudaMemPool_t pool;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    struct cudaPitchedPtr cube;
    struct cudaChannelFormatDesc floats = {32, 0, 0, 0, cudaChannelFormatKindFloat};
    struct cudaMemPoolProps props = {.allocType = cudaMemAllocationTypePinned, .location = {cudaMemLocationTypeDevice, 0}};
    CHECK_EQ(cudaMallocArray(&array, &floats, 1024, 1024, cudaArrayDefault), cudaSuccess);
    CHECK_EQ(available(), EMPTY - 4 * MIB);
    CHECK_EQ(cudaFreeArray(array), cudaSuccess);
    CHECK_EQ(cudaMallocMipmappedArray(&mipmap, &floats, (struct cudaExtent){1024, 1024, 0}, 2, 0), cudaSuccess);
    CHECK_EQ(available(), EMPTY - 5 * MIB);
    CHECK_EQ(cudaFreeMipmappedArray(mipmap), cudaSuccess);
    CHECK_EQ(cudaMalloc3D(&cube, (struct cudaExtent){100, 8, 8}), cudaSuccess);
    CHECK_EQ(available(), EMPTY - 512 * 64);
    CHECK_EQ(cudaFree(cube.ptr), cudaSuccess);
    CHECK_EQ(cudaStreamCreate(&stream), cudaSuccess);
    CHECK_EQ(cudaMemPoolCreate(&pool, &props), cudaSuccess);
    CHECK_EQ(cudaMallocFromPoolAsync(&p, MIB, pool, stream), cudaSuccess);
    CHECK_EQ(cudaFreeAsync(p, stream), cudaSuccess);
    CHECK_EQ(cudaMemPoolDestroy(pool), cudaSuccess);
    CHECK_EQ(cudaStreamBeginCapture_ptsz(NULL, cudaStreamCaptureModeGlobal), cudaSuccess); /* the per-thread stream */
    CHECK_EQ(cudaMallocAsync_ptsz(&p, MIB, NULL), cudaSuccess);
    CHECK_EQ(cudaFreeAsync_ptsz(p, NULL), cudaSuccess);
    CHECK_EQ(cudaStreamEndCapture_ptsz(NULL, &graph), cudaSuccess);
    CHECK_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
    CHECK_EQ(cudaGraphLaunch(exec, stream), cudaSuccess);
    CHECK_EQ(available(), EMPTY - 2 * MIB);
    CHECK_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
    CHECK_EQ(cudaGraphDestroy(graph), cudaSuccess);
    CHECK_EQ(cudaDeviceGraphMemTrim(0), cudaSuccess);
    CHECK_EQ(cudaMallocAsync(&p, 100 * MIB, stream), cudaErrorMemoryAllocation);
    CHECK_EQ(cudaStreamDestroy(stream), cudaSuccess);
    CHECK_EQ(available(), EMPTY);
}

int main(void)
{
    setenv("FAKECUDA_MEMORY", "64M", 1);
    setenv("FAKECUDA_CONTEXT_OVERHEAD", "1M", 1);
    CHECK_EQ(cuInit(0), CUDA_SUCCESS);
    CHECK_EQ(cuDevicePrimaryCtxRetain(&primary, 0), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSetCurrent(primary), CUDA_SUCCESS);
    CHECK_EQ(available(), EMPTY);
    RUN(arraysTakeTheirElements);
    RUN(mipmapsTakeEveryLevelAndLendThem);
    RUN(descriptorsAreCheckedAsDocumented);
    RUN(contextsTakeMemoryAndGiveBackAllThatIsTheirs);
    RUN(aResetFreesWhatThePrimaryContextHoldsAndKeepsIt);
    RUN(aContextThatFindsNoRoomIsNotMade);
    RUN(adviceAndPrefetchKnowBothAbis);
    RUN(theRuntimeReachesEveryFamily);
    return 0;
}
