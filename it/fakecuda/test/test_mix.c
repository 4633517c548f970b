/* SPDX-License-Identifier: Apache-2.0 */
/* All families at random in four threads of one process, on a card of 12 MiB: whatever was refused on the way, nothing
 * is left at the end, kind by kind, and meanwhile the card never holds more than it has. */
#include "child.h"

#include <pthread.h>

#define THREADS 4
#define STEPS 20000
#define HELD 24

static CUcontext context;
static CUgraphExec executables[THREADS];

enum what { NOTHING, PLAIN, ASYNC, PHYSICAL, MAPPED, ARRAY, MIPMAP };

struct held {
    enum what what;
    unsigned long long handle, at;
    size_t bytes;
};

static const CUmemAllocationProp physical = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                             .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};

static void right(CUresult result)
{
    CHECK(result == CUDA_SUCCESS || result == CUDA_ERROR_OUT_OF_MEMORY);
}

static struct held take(unsigned *random, CUstream stream)
{
    struct held held = {.bytes = (size_t)rand_r(random) % (2 * MIB) + 1};
    CUDA_ARRAY3D_DESCRIPTOR desc = {(size_t)rand_r(random) % 512 + 1, 256, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    CUdeviceptr p = 0;
    CUresult result = CUDA_ERROR_UNKNOWN;
    CUmemGenericAllocationHandle handle;
    switch (rand_r(random) % 7) {
    case 0: result = cuMemAlloc(&p, held.bytes), held.what = PLAIN; break;
    case 1: result = cuMemAllocManaged(&p, held.bytes, CU_MEM_ATTACH_GLOBAL), held.what = PLAIN; break;
    case 2: result = cuMemAllocAsync(&p, held.bytes, stream), held.what = ASYNC; break;
    case 3: result = cuMemCreate(&held.handle, 2 * MIB, &physical, 0), held.what = PHYSICAL; break;
    case 4:
        result = cuMemCreate(&handle, 2 * MIB, &physical, 0), held.what = MAPPED;
        if (result == CUDA_SUCCESS) {
            CHECK_EQ(cuMemAddressReserve(&p, 2 * MIB, 0, 0, 0), CUDA_SUCCESS);
            CHECK_EQ(cuMemMap(p, 2 * MIB, 0, handle, 0), CUDA_SUCCESS);
            CHECK_EQ(cuMemRelease(handle), CUDA_SUCCESS);
        }
        break;
    case 5: result = cuArray3DCreate((CUarray *)(void *)&held.handle, &desc), held.what = ARRAY; break;
    case 6: result = cuMipmappedArrayCreate((CUmipmappedArray *)(void *)&held.handle, &desc, 4), held.what = MIPMAP; break;
    }
    right(result);
    held.at = p;
    if (result != CUDA_SUCCESS)
        held.what = NOTHING;
    return held;
}

static void drop(struct held *held, unsigned *random, CUstream stream)
{
    bool async = rand_r(random) % 2 != 0;
    switch (held->what) {
    case NOTHING: break;
    case PLAIN:
    case ASYNC: CHECK_EQ(async ? cuMemFreeAsync(held->at, stream) : cuMemFree(held->at), CUDA_SUCCESS); break;
    case PHYSICAL: CHECK_EQ(cuMemRelease(held->handle), CUDA_SUCCESS); break;
    case MAPPED:
        CHECK_EQ(cuMemUnmap(held->at, 2 * MIB), CUDA_SUCCESS);
        CHECK_EQ(cuMemAddressFree(held->at, 2 * MIB), CUDA_SUCCESS);
        break;
    case ARRAY: CHECK_EQ(cuArrayDestroy((CUarray)(uintptr_t)held->handle), CUDA_SUCCESS); break;
    case MIPMAP: CHECK_EQ(cuMipmappedArrayDestroy((CUmipmappedArray)(uintptr_t)held->handle), CUDA_SUCCESS); break;
    }
    held->what = NOTHING;
}

static void *mix(void *argument)
{
    struct held held[HELD] = {{0}};
    CUstream stream;
    int index = (int)(intptr_t)argument;
    unsigned random = (unsigned)index + 1;
    CHECK_EQ(cuCtxSetCurrent(context), CUDA_SUCCESS);
    CHECK_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    for (int i = 0; i < STEPS; i++) {
        struct held *one = &held[rand_r(&random) % HELD];
        if (one->what != NOTHING)
            drop(one, &random, stream);
        else
            *one = take(&random, stream);
        if (i % 50 == 0)
            right(cuGraphLaunch(executables[index], stream));
        if (i % 100 == 0)
            CHECK_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
        if (i % 500 == 0)
            CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
    }
    for (int i = 0; i < HELD; i++)
        drop(&held[i], &random, stream);
    CHECK_EQ(cuStreamDestroy(stream), CUDA_SUCCESS);
    return NULL;
}

/* Allocates and frees. */
static CUgraphExec executable(void)
{
    CUgraph graph;
    CUgraphNode alloc, dealloc;
    CUgraphExec exec;
    CUDA_MEM_ALLOC_NODE_PARAMS params = {
        .poolProps = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED, .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}},
        .bytesize = 3 * MIB};
    CHECK_EQ(cuGraphCreate(&graph, 0), CUDA_SUCCESS);
    CHECK_EQ(cuGraphAddMemAllocNode(&alloc, graph, NULL, 0, &params), CUDA_SUCCESS);
    CHECK_EQ(cuGraphAddMemFreeNode(&dealloc, graph, &alloc, 1, params.dptr), CUDA_SUCCESS);
    CHECK_EQ(cuGraphInstantiate(&exec, graph, 0), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
    return exec;
}

static void mixing_child(void)
{
    pthread_t threads[THREADS];
    open_gpu();
    CHECK_EQ(cuCtxGetCurrent(&context), CUDA_SUCCESS);
    for (int i = 0; i < THREADS; i++)
        executables[i] = executable();
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, mix, (void *)(intptr_t)i), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(cuGraphExecDestroy(executables[i]), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
    CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
    const struct fakecuda_card *card = map_card();
    const struct fakecuda_books *books = &card->slots[0].books[0];
    CHECK_EQ(card->devices[0].used, 0);
    CHECK_EQ(card->devices[0].peak <= 12 * MIB, 1);
    CHECK_EQ(books->bytes, 0);
    CHECK_EQ(books->live, 0);
    for (int k = 0; k < (int)FAKECUDA_KINDS; k++)
        CHECK_EQ(books->kinds[k], 0);
    report((long long)books->refused);
    await_parent();
}

static void allFamiliesTogetherLeaveNothing(void)
{
    struct child child = start(mixing_child);
    CHECK(hear(&child) > 0); /* the card is full at times, even for one thread alone */
    CHECK_EQ(used(0), 0);
    CHECK_EQ(end(&child, 0), 0);
}

static void waitingFreesLeaveNothingEither(void)
{
    setenv("FAKECUDA_STREAM_ASYNC", "1", 1);
    allFamiliesTogetherLeaveNothing();
}

int main(void)
{
    char other[4096];
    alarm(PATIENCE);
    setenv("FAKECUDA_MEMORY", "12M", 1);
    snprintf(other, sizeof other, "%s-async", getenv("FAKECUDA_STATE"));
    CHECK_EQ(nvmlInit_v2(), NVML_SUCCESS);
    RUN(allFamiliesTogetherLeaveNothing);
    CHECK_EQ(nvmlShutdown(), NVML_SUCCESS);
    setenv("FAKECUDA_STATE", other, 1); /* a card that nobody has used yet: its first slot is the child's */
    CHECK_EQ(nvmlInit_v2(), NVML_SUCCESS);
    RUN(waitingFreesLeaveNothingEither);
    return 0;
}
