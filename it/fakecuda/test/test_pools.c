/* SPDX-License-Identifier: Apache-2.0 */
/* Stream-ordered allocation in one process, on a card of 64 MiB with chunks of 2 MiB. */
#include "child.h"

static CUcontext context;
static CUstream stream;

static size_t available(void)
{
    size_t free_bytes, total;
    CHECK_EQ(cuMemGetInfo(&free_bytes, &total), CUDA_SUCCESS);
    return free_bytes;
}

static unsigned long long attribute(CUmemoryPool pool, CUmemPool_attribute which)
{
    cuuint64_t value = 0;
    CHECK_EQ(cuMemPoolGetAttribute(pool, which, &value), CUDA_SUCCESS);
    return value;
}

static unsigned long long reserved(CUmemoryPool pool)
{
    return attribute(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
}

static unsigned long long in_use(CUmemoryPool pool)
{
    return attribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT);
}

static CUmemoryPool default_pool(void)
{
    CUmemoryPool pool;
    CHECK_EQ(cuDeviceGetDefaultMemPool(&pool, 0), CUDA_SUCCESS);
    return pool;
}

static CUmemoryPool created_pool(size_t max_size)
{
    CUmemoryPool pool;
    CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                            .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0},
                            .maxSize = max_size};
    CHECK_EQ(cuMemPoolCreate(&pool, &props), CUDA_SUCCESS);
    return pool;
}

static void begin(void)
{
    CHECK_EQ(cuInit(0), CUDA_SUCCESS);
    CHECK_EQ(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSetCurrent(context), CUDA_SUCCESS);
    CHECK_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
}

static void aPoolTakesChunksAndKeepsThemUntilASynchronization(void)
{
    CUdeviceptr a, b;
    CHECK_EQ(cuMemAllocAsync(&a, 1000, stream), CUDA_SUCCESS);
    CHECK_EQ(reserved(default_pool()), 2 * MIB);
    CHECK_EQ(in_use(default_pool()), 1024);
    CHECK_EQ(available(), 62 * MIB);
    CHECK_EQ(cuMemAllocAsync(&b, 3 * MIB, stream), CUDA_SUCCESS);
    CHECK_EQ(reserved(default_pool()), 6 * MIB);
    CHECK_EQ(cuMemFreeAsync(b, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(in_use(default_pool()), 0);
    CHECK_EQ(available(), 58 * MIB);
    CHECK_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS); /* the threshold is 0 */
    CHECK_EQ(reserved(default_pool()), 0);
    CHECK_EQ(available(), 64 * MIB);
    CHECK_EQ(attribute(default_pool(), CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH), 6 * MIB);
    CHECK_EQ(attribute(default_pool(), CU_MEMPOOL_ATTR_USED_MEM_HIGH), 3 * MIB + 1024);
}

static void aThresholdIsKeptAndATrimGoesBelowIt(void)
{
    CUdeviceptr p[4];
    CUmemoryPool pool = default_pool();
    cuuint64_t threshold = 3 * MIB;
    CHECK_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold), CUDA_SUCCESS);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(cuMemAllocAsync(&p[i], 2 * MIB, stream), CUDA_SUCCESS);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(cuMemFreeAsync(p[i], stream), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 4 * MIB); /* whole chunks, and never below */
    CHECK_EQ(cuMemPoolTrimTo(pool, 1), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 2 * MIB);
    CHECK_EQ(cuMemPoolTrimTo(pool, 0), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 0);
    threshold = 0;
    CHECK_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void aSmallAllocationHoldsItsWholeChunk(void)
{
    CUdeviceptr small[3];
    CUmemoryPool pool = default_pool();
    for (int i = 0; i < 3; i++)
        CHECK_EQ(cuMemAllocAsync(&small[i], 2 * MIB - 512, stream), CUDA_SUCCESS);
    CUdeviceptr last;
    CHECK_EQ(cuMemAllocAsync(&last, 512, stream), CUDA_SUCCESS); /* in the end of one of them */
    CHECK_EQ(reserved(pool), 6 * MIB);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(cuMemFreeAsync(small[i], stream), CUDA_SUCCESS);
    CHECK_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 2 * MIB);
    CHECK_EQ(cuMemAllocAsync(&small[0], 2 * MIB, stream), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 4 * MIB); /* it fits no gap: more than asked - (reserved - used) */
    CHECK_EQ(cuMemFree(small[0]), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(last), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 4 * MIB); /* cuMemFree of an asynchronous pointer returns it to its pool */
    CHECK_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void everyKindOfFreeTakesEveryKindOfPointer(void)
{
    CUdeviceptr plain, async;
    CHECK_EQ(cuMemAlloc(&plain, MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(plain, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
    CHECK_EQ(cuMemFreeAsync(plain, stream), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemAllocAsync(&async, MIB, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyHtoD(async, "hello", 6), CUDA_SUCCESS);
    char text[6] = "";
    CHECK_EQ(cuMemcpyDtoH(text, async, 6), CUDA_SUCCESS);
    CHECK_EQ(text[4], 'o');
    CHECK_EQ(cuMemFree(async), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(async), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void aCreatedPoolStaysInsideItsMaximum(void)
{
    CUdeviceptr a, b;
    CUmemoryPool pool = created_pool(3 * MIB);
    CHECK_EQ(cuMemAllocFromPoolAsync(&a, 2 * MIB, pool, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocFromPoolAsync(&b, 2 * MIB, pool, stream), CUDA_ERROR_OUT_OF_MEMORY);
    CHECK_EQ(cuMemAllocFromPoolAsync(&b, MIB, pool, stream), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 3 * MIB);
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(b, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemPoolDestroy(pool), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
    CHECK_EQ(cuMemPoolDestroy(pool), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemAllocFromPoolAsync(&a, 1, pool, stream), CUDA_ERROR_INVALID_VALUE);
}

static void aDestroyedPoolLivesUntilItsLastAllocation(void)
{
    CUdeviceptr a, b;
    CUmemoryPool pool = created_pool(0), current;
    CHECK_EQ(cuMemAllocFromPoolAsync(&a, 4 * MIB, pool, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocFromPoolAsync(&b, 4 * MIB, pool, stream), CUDA_SUCCESS);
    CHECK_EQ(cuDeviceSetMemPool(0, pool), CUDA_SUCCESS);
    CHECK_EQ(cuMemPoolDestroy(pool), CUDA_SUCCESS);
    CHECK_EQ(cuDeviceGetMemPool(&current, 0), CUDA_SUCCESS);
    CHECK(current == default_pool());
    CHECK_EQ(available(), 56 * MIB);
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(b), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void theCurrentPoolServesAllocations(void)
{
    CUdeviceptr a;
    CUmemoryPool pool = created_pool(0), found;
    CUmemLocation here = {CU_MEM_LOCATION_TYPE_DEVICE, 0}, host = {CU_MEM_LOCATION_TYPE_HOST, 0};
    CHECK_EQ(cuMemSetMemPool(&here, CU_MEM_ALLOCATION_TYPE_PINNED, pool), CUDA_SUCCESS);
    CHECK_EQ(cuDeviceGetMemPool(&found, 0), CUDA_SUCCESS);
    CHECK(found == pool);
    CHECK_EQ(cuMemAllocAsync(&a, MIB, stream), CUDA_SUCCESS);
    CHECK_EQ(in_use(pool), MIB);
    CHECK_EQ(cuPointerGetAttribute(&found, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, a), CUDA_SUCCESS);
    CHECK(found == pool);
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemSetMemPool(&host, CU_MEM_ALLOCATION_TYPE_PINNED, pool), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemGetDefaultMemPool(&found, &host, CU_MEM_ALLOCATION_TYPE_PINNED), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocFromPoolAsync(&a, 4 * MIB, found, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 62 * MIB); /* the host's memory is not the card's */
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemPoolDestroy(pool), CUDA_SUCCESS);
    CHECK_EQ(cuMemPoolDestroy(default_pool()), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(available(), 64 * MIB);
}

static void aFullCardMakesIdlePoolsGiveWay(void)
{
    CUdeviceptr a, b;
    CUmemoryPool pool = default_pool();
    cuuint64_t threshold = ~0ull;
    CHECK_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocAsync(&a, 40 * MIB, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemAlloc(&b, 40 * MIB), CUDA_ERROR_OUT_OF_MEMORY);
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 24 * MIB);
    CHECK_EQ(cuMemAlloc(&b, 40 * MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(b), CUDA_SUCCESS);
    threshold = 0;
    CHECK_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void argumentsAreCheckedAsDocumented(void)
{
    CUdeviceptr a;
    CUmemoryPool pool;
    cuuint64_t one = 1;
    CUmemPoolProps host = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                           .handleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
                           .location = {CU_MEM_LOCATION_TYPE_HOST, 0}};
    CHECK_EQ(cuMemAllocAsync(NULL, 1, stream), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemAllocAsync(&a, 0, stream), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemAllocAsync(&a, 1, (CUstream)0x1234560), CUDA_ERROR_INVALID_HANDLE);
    CHECK_EQ(cuMemFreeAsync(0x1234560, stream), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemPoolCreate(&pool, &host), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemPoolSetAttribute(default_pool(), CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH, &one), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemPoolSetAttribute(default_pool(), CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &one), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemPoolTrimTo((CUmemoryPool)0x1234560, 0), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuDeviceGetMemPool(&pool, 7), CUDA_ERROR_INVALID_DEVICE);
    /* An explicit stream brings its own context; the default one needs a current context. */
    CHECK_EQ(cuCtxSetCurrent(NULL), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocAsync(&a, 1, NULL), CUDA_ERROR_INVALID_CONTEXT);
    CHECK_EQ(cuMemAllocAsync(&a, 1, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSetCurrent(context), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
}

static void poolsOutliveContexts(void)
{
    CUdeviceptr a;
    CUcontext own;
    CHECK_EQ(cuCtxCreate(&own, NULL, 0, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocAsync(&a, MIB, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuCtxDestroy(own), CUDA_SUCCESS);
    CHECK_EQ(available(), 62 * MIB);
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void frees_wait_for_their_stream(void)
{
    CUstream other;
    CUdeviceptr a, b, plain;
    int no = 0;
    setenv("FAKECUDA_STREAM_ASYNC", "1", 1);
    begin();
    CHECK_EQ(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    CUmemoryPool pool = created_pool(0);
    CHECK_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES, &no), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocFromPoolAsync(&a, 2 * MIB, pool, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemPoolTrimTo(pool, 0), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 2 * MIB); /* may be in use still */
    CHECK_EQ(cuMemAllocFromPoolAsync(&b, 2 * MIB, pool, other), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 4 * MIB); /* another stream may not have it yet */
    CHECK_EQ(cuMemAllocFromPoolAsync(&a, 2 * MIB, pool, stream), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 4 * MIB); /* the same stream may */
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(b, other), CUDA_SUCCESS);
    CHECK_EQ(cuStreamSynchronize(other), CUDA_SUCCESS);
    CHECK_EQ(reserved(pool), 2 * MIB);
    CHECK_EQ(cuMemPoolDestroy(pool), CUDA_SUCCESS);
    CHECK_EQ(available(), 62 * MIB);
    CHECK_EQ(cuMemAlloc(&plain, MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(plain, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 61 * MIB);
    CUevent event;
    CHECK_EQ(cuEventCreate(&event, 0), CUDA_SUCCESS);
    CHECK_EQ(cuEventRecord(event, stream), CUDA_SUCCESS);
    CHECK_EQ(cuEventSynchronize(event), CUDA_SUCCESS);
    report((long long)available());
}

static void aFreeTakesEffectWhenItsStreamGetsThere(void)
{
    struct child child = start(frees_wait_for_their_stream);
    CHECK_EQ(hear(&child), 64 * MIB);
    CHECK_EQ(end(&child, 0), 0);
}

int main(void)
{
    alarm(PATIENCE);
    setenv("FAKECUDA_MEMORY", "64M", 1);
    RUN(aFreeTakesEffectWhenItsStreamGetsThere); /* a child: before this process uses CUDA itself */
    begin();
    RUN(aPoolTakesChunksAndKeepsThemUntilASynchronization);
    RUN(aThresholdIsKeptAndATrimGoesBelowIt);
    RUN(aSmallAllocationHoldsItsWholeChunk);
    RUN(everyKindOfFreeTakesEveryKindOfPointer);
    RUN(aCreatedPoolStaysInsideItsMaximum);
    RUN(aDestroyedPoolLivesUntilItsLastAllocation);
    RUN(theCurrentPoolServesAllocations);
    RUN(aFullCardMakesIdlePoolsGiveWay);
    RUN(argumentsAreCheckedAsDocumented);
    RUN(poolsOutliveContexts);
    return 0;
}
