/* SPDX-License-Identifier: Apache-2.0 */
/* One process and its memory. */
#define FAKECUDA_DRIVER /* both ABIs by their own names */
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "check.h"

static CUcontext primary;

static size_t available(void)
{
    size_t free_bytes, total_bytes;
    CHECK_EQ(cuMemGetInfo_v2(&free_bytes, &total_bytes), CUDA_SUCCESS);
    CHECK_EQ(total_bytes, 64 * MIB);
    return free_bytes;
}

static void withoutAContextNothingIsAllocated(void)
{
    CUdeviceptr p;
    CHECK_EQ(cuMemAlloc_v2(&p, MIB), CUDA_ERROR_NOT_INITIALIZED);
    CHECK_EQ(cuInit(1), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuInit(0), CUDA_SUCCESS);
    CHECK_EQ(cuMemAlloc_v2(&p, MIB), CUDA_ERROR_INVALID_CONTEXT);
    CHECK_EQ(cuDevicePrimaryCtxRetain(&primary, 0), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSetCurrent(primary), CUDA_SUCCESS);
}

static void theCardHoldsItsCapacityToTheByte(void)
{
    CUdeviceptr a, b;
    CHECK_EQ(cuMemAlloc_v2(&a, 64 * MIB - 1), CUDA_SUCCESS);
    CHECK_EQ(available(), 1);
    CHECK_EQ(cuMemAlloc_v2(&b, 2), CUDA_ERROR_OUT_OF_MEMORY);
    CHECK_EQ(cuMemAlloc_v2(&b, 1), CUDA_SUCCESS);
    CHECK_EQ(available(), 0);
    CHECK_EQ(cuMemAlloc_v2(&b, SIZE_MAX), CUDA_ERROR_OUT_OF_MEMORY);
    CHECK_EQ(cuMemFree_v2(a), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB - 1);
    cuMemFree_v2(b);
}

static void blocksAreAlignedDistinctAndFreedOnce(void)
{
    enum { COUNT = 4096 };
    static CUdeviceptr p[COUNT];
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(cuMemAlloc_v2(&p[i], (size_t)i % 3000 + 1), CUDA_SUCCESS);
        CHECK_EQ(p[i] % 512, 0);
    }
    for (int i = 0; i < COUNT; i++) {
        CUdeviceptr base;
        size_t size;
        CHECK_EQ(cuMemGetAddressRange_v2(&base, &size, p[i] + (CUdeviceptr)(i % 3000)), CUDA_SUCCESS);
        CHECK_EQ(base, p[i]);
        CHECK_EQ(size, i % 3000 + 1);
    }
    CHECK_EQ(cuMemFree_v2(p[0] + 1), CUDA_ERROR_INVALID_VALUE);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(cuMemFree_v2(p[i]), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree_v2(p[7]), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemFree_v2((CUdeviceptr)&p), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemFree_v2(0), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void argumentsAreCheckedAsDocumented(void)
{
    CUdeviceptr p;
    size_t pitch;
    CHECK_EQ(cuMemAlloc_v2(&p, 0), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemAlloc_v2(NULL, 1), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemAllocManaged(&p, 1, 0), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemAllocPitch_v2(&p, &pitch, 100, 10, 3), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemAllocPitch_v2(&p, &pitch, SIZE_MAX, 1, 4), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemAllocPitch_v2(&p, &pitch, 1ull << 40, 1ull << 40, 4), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemGetInfo_v2(NULL, NULL), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(available(), 64 * MIB);
}

static void pitchedMemoryTakesPitchTimesHeight(void)
{
    CUdeviceptr p;
    size_t pitch;
    CHECK_EQ(cuMemAllocPitch_v2(&p, &pitch, 1000, 1000, 4), CUDA_SUCCESS);
    CHECK_EQ(pitch, 1024);
    CHECK_EQ(available(), 64 * MIB - 1024 * 1000);
    CHECK_EQ(cuMemFree_v2(p), CUDA_SUCCESS);
}

static void copiesAndFillsReallyHappenAndStayInsideTheirBlock(void)
{
    CUdeviceptr a, b;
    unsigned char in[5000], out[5000];
    memset(in, 42, sizeof in);
    cuMemAlloc_v2(&a, sizeof in);
    cuMemAlloc_v2(&b, sizeof in);
    CHECK_EQ(cuMemcpyHtoD_v2(a, in, sizeof in), CUDA_SUCCESS);
    CHECK_EQ(cuMemsetD8_v2(a + 1, 7, 1), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyDtoD_v2(b, a, sizeof in), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyDtoH_v2(out, b, sizeof out), CUDA_SUCCESS);
    in[1] = 7;
    CHECK_EQ(memcmp(in, out, sizeof in), 0);
    CHECK_EQ(cuMemcpyHtoD_v2(a + 1, in, sizeof in), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemsetD32_v2(a, 1, sizeof in / 4 + 1), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemcpyHtoD_v2((CUdeviceptr)out, in, 1), CUDA_ERROR_INVALID_VALUE);
    cuMemFree_v2(a);
    cuMemFree_v2(b);
    CHECK_EQ(cuMemcpyDtoH_v2(out, a, 1), CUDA_ERROR_INVALID_VALUE);
}

static void managedMemoryIsTheHostsToo(void)
{
    CUdeviceptr p;
    char read;
    unsigned char managed;
    CHECK_EQ(cuMemAllocManaged(&p, MIB, CU_MEM_ATTACH_GLOBAL), CUDA_SUCCESS);
    ((char *)p)[MIB - 1] = 'x';
    CHECK_EQ(cuMemcpyDtoH_v2(&read, p + MIB - 1, 1), CUDA_SUCCESS);
    CHECK_EQ(read, 'x');
    CHECK_EQ(cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, p), CUDA_SUCCESS);
    CHECK_EQ(managed, 1);
    CHECK_EQ(available(), 63 * MIB);
    CHECK_EQ(cuMemFree_v2(p), CUDA_SUCCESS);
}

static void destroyingAContextFreesWhatItHolds(void)
{
    CUcontext context;
    CUdeviceptr p, q;
    cuMemAlloc_v2(&p, MIB);
    CHECK_EQ(cuCtxCreate_v2(&context, 0, 0), CUDA_SUCCESS);
    cuMemAlloc_v2(&q, 4 * MIB);
    cuMemAllocManaged(&q, 8 * MIB, CU_MEM_ATTACH_GLOBAL);
    CHECK_EQ(available(), 51 * MIB);
    CHECK_EQ(cuCtxDestroy_v2(context), CUDA_SUCCESS);
    CHECK_EQ(available(), 63 * MIB); /* and the context before it is current again */
    CHECK_EQ(cuCtxSetCurrent(context), CUDA_ERROR_INVALID_CONTEXT);
    CHECK_EQ(cuMemFree_v2(q), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuDevicePrimaryCtxReset_v2(0), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
    CHECK_EQ(cuMemFree_v2(p), CUDA_ERROR_INVALID_VALUE);
}

static void theLastReleaseOfThePrimaryContextFreesAndDestroysIt(void)
{
    CUdeviceptr p;
    unsigned flags;
    int active;
    cuMemAlloc_v2(&p, MIB);
    CHECK_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_SUCCESS);
    CHECK_EQ(cuDevicePrimaryCtxGetState(0, &flags, &active), CUDA_SUCCESS);
    CHECK_EQ(active, 0);
    CHECK_EQ(cuMemAlloc_v2(&p, MIB), CUDA_ERROR_CONTEXT_IS_DESTROYED);
    CHECK_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
    CHECK_EQ(cuDevicePrimaryCtxRetain(&primary, 0), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSetCurrent(primary), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void theOldAbiWorksInItsOwnContextsOnly(void)
{
    CUcontext context;
    CUdeviceptr_v1 p, q;
    CUdeviceptr wide;
    unsigned pitch, free_bytes, total_bytes;
    CHECK_EQ(cuMemAlloc(&p, 1000), CUDA_ERROR_INVALID_CONTEXT);
    CHECK_EQ(cuCtxCreate(&context, 0, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemAlloc_v2(&wide, 1000), CUDA_ERROR_INVALID_CONTEXT);
    CHECK_EQ(cuMemAlloc(&p, MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocPitch(&q, &pitch, 1000, 10, 4), CUDA_SUCCESS);
    CHECK_EQ(pitch, 1024);
    CHECK_EQ(cuMemGetInfo(&free_bytes, &total_bytes), CUDA_SUCCESS);
    CHECK_EQ(free_bytes, 63 * MIB - 10240);
    CHECK_EQ(cuMemFree(p), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(q), CUDA_SUCCESS);
    CHECK_EQ(cuCtxDestroy_v2(context), CUDA_SUCCESS);
}

static void *churn(void *context)
{
    unsigned random = (unsigned)(uintptr_t)&context;
    CUdeviceptr p[32] = {0};
    cuCtxSetCurrent(context);
    for (int i = 0; i < 100000; i++) {
        CUdeviceptr *one = &p[rand_r(&random) % 32];
        if (*one != 0) {
            CHECK_EQ(cuMemFree_v2(*one), CUDA_SUCCESS);
            *one = 0;
        } else if (cuMemAlloc_v2(one, (size_t)rand_r(&random) % MIB + 1) != CUDA_SUCCESS) {
            *one = 0;
        }
    }
    for (int i = 0; i < 32; i++)
        CHECK_EQ(cuMemFree_v2(p[i]), CUDA_SUCCESS);
    return NULL;
}

static void threadsThatChurnLeaveNothing(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, churn, primary);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(available(), 64 * MIB);
}

static void theRuntimeReportsWhatTheDriverSays(void)
{
    void *p, *q;
    char text[6] = "";
    CHECK_EQ(cudaMalloc(&p, 64 * MIB), cudaSuccess);
    CHECK_EQ(cudaMalloc(&q, 1), cudaErrorMemoryAllocation);
    CHECK_EQ(cudaPeekAtLastError(), cudaErrorMemoryAllocation);
    CHECK_EQ(strcmp(cudaGetErrorName(cudaGetLastError()), "cudaErrorMemoryAllocation"), 0);
    CHECK_EQ(cudaGetLastError(), cudaSuccess);
    CHECK_EQ(cudaMemcpy(p, "hello", 6, cudaMemcpyHostToDevice), cudaSuccess);
    CHECK_EQ(cudaMemset(p, 'j', 1), cudaSuccess);
    CHECK_EQ(cudaMemcpy(text, p, 6, cudaMemcpyDefault), cudaSuccess);
    CHECK_EQ(strcmp(text, "jello"), 0);
    CHECK_EQ(cudaFree(p), cudaSuccess);
    CHECK_EQ(cudaFree(NULL), cudaSuccess);
    CHECK_EQ(cudaMallocHost(&p, 1000), cudaSuccess);
    CHECK_EQ(cudaFreeHost(p), cudaSuccess);
    CHECK_EQ(cudaMalloc(&p, 0), cudaSuccess);
    CHECK(p == NULL);
    CHECK_EQ(available(), 64 * MIB);
}

static void whatIsNotThereSaysNotSupported(void)
{
    CUresult cuMemBatchDecompressAsync(void);
    CHECK_EQ(cuMemBatchDecompressAsync(), CUDA_ERROR_NOT_SUPPORTED);
}

int main(void)
{
    setenv("FAKECUDA_MEMORY", "64M", 1);
    RUN(withoutAContextNothingIsAllocated);
    RUN(theCardHoldsItsCapacityToTheByte);
    RUN(blocksAreAlignedDistinctAndFreedOnce);
    RUN(argumentsAreCheckedAsDocumented);
    RUN(pitchedMemoryTakesPitchTimesHeight);
    RUN(copiesAndFillsReallyHappenAndStayInsideTheirBlock);
    RUN(managedMemoryIsTheHostsToo);
    RUN(destroyingAContextFreesWhatItHolds);
    RUN(theLastReleaseOfThePrimaryContextFreesAndDestroysIt);
    RUN(theOldAbiWorksInItsOwnContextsOnly);
    RUN(threadsThatChurnLeaveNothing);
    RUN(theRuntimeReportsWhatTheDriverSays);
    RUN(whatIsNotThereSaysNotSupported);
    return 0;
}
