/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * fuzz SECONDS [SEED]: every hook with arguments that make no sense, or only some: NULL, handles of other kinds and of
 * what is gone, huge sizes, enum values that do not exist, from one thread and then from eight; and a driver that fails
 * at times. The sanitizers judge the calls. The books are judged too: they never say less than the driver has given; where
 * it fails to answer or to take something back, no sum goes below zero.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"
#include "session.h"

#define LIMIT (64 * MIB)
#define THREADS 8
#define HANDLES 64u

/* What calls gave out, live or not: any thread may come across any of it. */
static _Atomic uint64_t handles[HANDLES];
static _Atomic bool called[DRIVER_HOOKS];
static _Atomic bool failures;

struct fuzz {
    uint64_t random;
    uint64_t out[4]; /* where hooks write their results */
    struct gs_location location;
    struct gs_allocation_prop prop;
    struct gs_pool_props pool_props;
    struct gs_alloc_node node;
    struct gs_node_params node_params;
    struct gs_instantiate_params instantiate;
    struct gs_array array;
    struct gs_array_v1 array_v1;
    struct gs_array3d array3d;
    struct gs_array3d_v1 array3d_v1;
    struct gs_array_map list[2];
    struct gs_ipc_handle ipc;
    struct gs_external_memory external;
    char data[64];
};

static uint64_t next(struct fuzz *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

static uint64_t below(struct fuzz *f, uint64_t bound)
{
    return (next(f) >> 20) % bound;
}

/* NULL at times. */
static void *or_null(struct fuzz *f, void *pointer)
{
    return below(f, 16) == 0 ? NULL : pointer;
}

static void *out(struct fuzz *f)
{
    return or_null(f, &f->out[0]);
}

static void *second_out(struct fuzz *f)
{
    return or_null(f, &f->out[1]);
}

static uint64_t handle(struct fuzz *f)
{
    static const uint64_t senseless[] = {0, 1, 2, 0x1000, 0xffffffff, 0x8000000000000000, UINT64_MAX};
    return below(f, 8) == 0 ? senseless[below(f, 7)] : handles[below(f, HANDLES)];
}

static gs_object object(struct fuzz *f)
{
    return (gs_object)(uintptr_t)handle(f);
}

static gs_object stream(struct fuzz *f)
{
    uint64_t which = below(f, 8);
    return which < 3 ? (gs_object)(uintptr_t)which : which < 7 ? driver_primary_context((int)which % 2) : object(f);
}

static uint64_t size(struct fuzz *f)
{
    static const uint64_t special[] = {0, 1, 4095, LIMIT, LIMIT + 1, 1ull << 55, UINT64_MAX - 511, UINT64_MAX};
    return below(f, 6) == 0 ? special[below(f, 8)] : below(f, 4 * MIB);
}

static int number(struct fuzz *f)
{
    static const int special[] = {-1, 7, 1 << 30, INT32_MIN};
    return below(f, 6) == 0 ? special[below(f, 4)] : (int)below(f, 2);
}

/* Where anybody maps something: few places, so that they collide. */
static gs_deviceptr place(struct fuzz *f)
{
    return below(f, 16) == 0 ? handle(f) : 0x7f0000000000 + below(f, 8) * MIB;
}

static void fill_structs(struct fuzz *f)
{
    f->location = (struct gs_location){(int)below(f, 4), number(f)};
    f->prop = (struct gs_allocation_prop){.type = (int)below(f, 3), .location = f->location};
    f->pool_props = (struct gs_pool_props){.type = (int)below(f, 4), .location = f->location, .max_size = size(f)};
    f->node = (struct gs_alloc_node){.props = f->pool_props, .bytes = size(f) % (1ull << 56)};
    f->node_params = (struct gs_node_params){.type = (int)below(f, 14)};
    f->instantiate = (struct gs_instantiate_params){.flags = below(f, 16), .stream = stream(f)};
    f->array3d = (struct gs_array3d){.width = size(f) % 4096 * (below(f, 8) == 0 ? UINT32_MAX : 1),
                                     .height = below(f, 1024),
                                     .depth = below(f, 4),
                                     .format = 0x20, /* the sizes of the others are sizes_test.c's */
                                     .channels = 1,
                                     .flags = (unsigned int)below(f, 4) << 6};
    f->array3d_v1 = (struct gs_array3d_v1){(unsigned int)f->array3d.width, (unsigned int)f->array3d.height, 0,
                                           f->array3d.format, f->array3d.channels, f->array3d.flags};
    f->array = (struct gs_array){f->array3d.width, f->array3d.height, 0x20, 1};
    f->array_v1 = (struct gs_array_v1){(unsigned int)below(f, 4096), (unsigned int)below(f, 64), 0x20, 1};
    for (int i = 0; i < 2; i++)
        f->list[i] = (struct gs_array_map){.resource = object(f), .operation = (int)below(f, 3), .handle = handle(f)};
    memset(f->ipc.bytes, (int)below(f, 256), sizeof f->ipc.bytes);
    f->ipc.bytes[0] = below(f, 8) == 0 ? 'x' : 'I';
    f->ipc.bytes[63] = 'C';
    f->external = (struct gs_external_memory){.type = (int)below(f, 12), .handle.fd = number(f)};
}

/* A descriptor, or 64 bytes, as its type wants it. */
static void *os_handle(struct fuzz *f, int type)
{
    return type == GS_HANDLE_FABRIC ? or_null(f, f->data) : (void *)(uintptr_t)(below(f, 2) == 0 ? handle(f) : 0);
}

#define CALL(name, ...)                 \
    case DRIVER_##name:                 \
        result = name(__VA_ARGS__);     \
        break

static gs_result call(struct fuzz *f, enum driver_function function)
{
    gs_result result = GS_INVALID_VALUE;
    int type = below(f, 2) == 0 ? GS_HANDLE_FABRIC : (int)below(f, 10);
    unsigned int flags = (unsigned int)below(f, 8);
    switch (function) {
    CALL(cuMemAlloc, out(f), (unsigned int)size(f));
    CALL(cuMemAlloc_v2, out(f), size(f));
    CALL(cuMemAllocManaged, out(f), size(f), flags);
    CALL(cuMemAllocPitch, out(f), second_out(f), (unsigned int)below(f, 4096), (unsigned int)below(f, 512), flags);
    CALL(cuMemAllocPitch_v2, out(f), second_out(f), size(f), size(f) % 4096, flags);
    CALL(cuMemFree, (gs_deviceptr_v1)handle(f));
    CALL(cuMemFree_v2, handle(f));
    CALL(cuMemAllocAsync, out(f), size(f), stream(f));
    CALL(cuMemAllocAsync_ptsz, out(f), size(f), stream(f));
    CALL(cuMemAllocFromPoolAsync, out(f), size(f), object(f), stream(f));
    CALL(cuMemAllocFromPoolAsync_ptsz, out(f), size(f), object(f), stream(f));
    CALL(cuMemFreeAsync, handle(f), stream(f));
    CALL(cuMemFreeAsync_ptsz, handle(f), stream(f));
    CALL(cuMemPoolCreate, out(f), or_null(f, &f->pool_props));
    CALL(cuMemPoolDestroy, object(f));
    CALL(cuMemPoolTrimTo, object(f), size(f));
    CALL(cuMemGetDefaultMemPool, out(f), or_null(f, &f->location), (int)below(f, 4));
    CALL(cuMemGetMemPool, out(f), or_null(f, &f->location), (int)below(f, 4));
    CALL(cuMemCreate, out(f), size(f), or_null(f, &f->prop), flags);
    CALL(cuMemRelease, handle(f));
    CALL(cuMemMap, place(f), below(f, 8) == 0 ? size(f) : MIB * (1 + below(f, 2)), 0, handle(f), flags);
    CALL(cuMemUnmap, place(f), below(f, 8) == 0 ? size(f) : MIB * (1 + below(f, 4)));
    CALL(cuMemRetainAllocationHandle, out(f), (void *)(uintptr_t)place(f));
    CALL(cuMemMapArrayAsync, or_null(f, f->list), (unsigned int)below(f, 3), stream(f));
    CALL(cuMemMapArrayAsync_ptsz, or_null(f, f->list), (unsigned int)below(f, 3), stream(f));
    CALL(cuMulticastCreate, out(f), or_null(f, f->data));
    CALL(cuMulticastBindMem, handle(f), below(f, 2), handle(f), 0, size(f), flags);
    CALL(cuMulticastBindAddr, handle(f), below(f, 2), place(f), size(f), flags);
    CALL(cuMulticastUnbind, handle(f), number(f), below(f, 2), size(f));
    CALL(cuArrayCreate, out(f), or_null(f, &f->array_v1));
    CALL(cuArrayCreate_v2, out(f), or_null(f, &f->array));
    CALL(cuArray3DCreate, out(f), or_null(f, &f->array3d_v1));
    CALL(cuArray3DCreate_v2, out(f), or_null(f, &f->array3d));
    CALL(cuArrayDestroy, object(f));
    CALL(cuMipmappedArrayCreate, out(f), or_null(f, &f->array3d), (unsigned int)below(f, 20));
    CALL(cuMipmappedArrayDestroy, object(f));
    CALL(cuGraphAddMemAllocNode, out(f), object(f), NULL, 0, or_null(f, &f->node));
    CALL(cuGraphAddNode, out(f), object(f), NULL, 0, or_null(f, &f->node_params));
    CALL(cuGraphAddNode_v2, out(f), object(f), NULL, NULL, 0, or_null(f, &f->node_params));
    CALL(cuGraphInstantiate, out(f), object(f), second_out(f), f->data, sizeof f->data);
    CALL(cuGraphInstantiate_v2, out(f), object(f), second_out(f), f->data, sizeof f->data);
    CALL(cuGraphInstantiateWithFlags, out(f), object(f), flags);
    CALL(cuGraphInstantiateWithParams, out(f), object(f), or_null(f, &f->instantiate));
    CALL(cuGraphInstantiateWithParams_ptsz, out(f), object(f), or_null(f, &f->instantiate));
    CALL(cuGraphLaunch, object(f), stream(f));
    CALL(cuGraphLaunch_ptsz, object(f), stream(f));
    CALL(cuGraphUpload, object(f), stream(f));
    CALL(cuGraphUpload_ptsz, object(f), stream(f));
    CALL(cuGraphExecDestroy, object(f));
    CALL(cuDeviceGraphMemTrim, number(f));
    CALL(cuCtxCreate, out(f), flags, number(f));
    CALL(cuCtxCreate_v2, out(f), flags, number(f));
    CALL(cuCtxCreate_v3, out(f), NULL, 0, flags, number(f));
    CALL(cuCtxCreate_v4, out(f), NULL, flags, number(f));
    CALL(cuGLCtxCreate, out(f), flags, number(f));
    CALL(cuGLCtxCreate_v2, out(f), flags, number(f));
    CALL(cuCtxAttach, out(f), flags);
    CALL(cuCtxDetach, object(f));
    CALL(cuCtxDestroy, object(f));
    CALL(cuCtxDestroy_v2, object(f));
    CALL(cuDevicePrimaryCtxRetain, out(f), number(f));
    CALL(cuDevicePrimaryCtxReset, number(f));
    CALL(cuDevicePrimaryCtxReset_v2, number(f));
    CALL(cuDevicePrimaryCtxRelease, number(f));
    CALL(cuDevicePrimaryCtxRelease_v2, number(f));
    CALL(cuIpcGetMemHandle, or_null(f, &f->ipc), handle(f));
    CALL(cuMemPoolExportPointer, or_null(f, f->data), handle(f));
    CALL(cuIpcOpenMemHandle, out(f), f->ipc, flags);
    CALL(cuIpcOpenMemHandle_v2, out(f), f->ipc, flags);
    CALL(cuIpcCloseMemHandle, handle(f));
    CALL(cuMemImportFromShareableHandle, out(f), os_handle(f, type), type);
    CALL(cuMemExportToShareableHandle, out(f), handle(f), type, flags);
    CALL(cuMemPoolImportFromShareableHandle, out(f), os_handle(f, type), type, flags);
    CALL(cuMemPoolImportPointer, out(f), object(f), or_null(f, f->data));
    CALL(cuImportExternalMemory, out(f), or_null(f, &f->external));
    CALL(cuDestroyExternalMemory, object(f));
    CALL(cuMemGetInfo, out(f), second_out(f));
    CALL(cuMemGetInfo_v2, out(f), second_out(f));
    CALL(cuDeviceTotalMem, out(f), number(f));
    CALL(cuDeviceTotalMem_v2, out(f), number(f));
    default:
        return GS_INVALID_VALUE; /* look-ups are not in this program */
    }
    called[function] = true;
    return result;
}

static bool is_here(enum driver_function function)
{
    return function != DRIVER_cuGetProcAddress && function != DRIVER_cuGetProcAddress_v2;
}

static void one_call(struct fuzz *f)
{
    static const gs_result errors[] = {GS_OUT_OF_MEMORY, GS_INVALID_VALUE, 700};
    enum driver_function function = (enum driver_function)below(f, DRIVER_HOOKS);
    if (below(f, 64) == 0)
        driver_set_context(below(f, 4) == 0 ? NULL : driver_primary_context((int)below(f, 2)));
    if (failures && below(f, 32) == 0)
        driver_fail((enum driver_function)below(f, DRIVER_FUNCTIONS), errors[below(f, 3)], (int)below(f, 4));
    if (below(f, 256) == 0)
        driver_lag(below(f, 2));
    if (below(f, 256) == 0)
        driver_greed(below(f, 4) == 0 ? below(f, 8) * MIB : 0);
    fill_structs(f);
    memset(f->out, 0, sizeof f->out);
    if (call(f, function) == GS_SUCCESS && f->out[0] != 0 && is_here(function))
        handles[below(f, HANDLES)] = f->out[0];
    if (below(f, 512) == 0) {
        struct gs_nvml_memory memory;
        struct gs_nvml_memory_v2 memory_v2;
        nvmlDeviceGetMemoryInfo(object(f), or_null(f, &memory));
        nvmlDeviceGetMemoryInfo_v2(driver_nvml((int)below(f, 2)), or_null(f, &memory_v2));
    }
}

/* ------------------------------------------------------------ the books */

static void settle(void)
{
    size_t free_bytes;
    driver_lag(false);
    DRIVER_REAL(cuStreamSynchronize)(NULL);
    for (int device = 0; device < 2; device++) {
        driver_set_context(driver_primary_context(device));
        cuMemGetInfo_v2(&free_bytes, NULL);
    }
}

static bool are_right(bool strictly)
{
    bool right = true;
    settle();
    for (uint32_t device = 0; device < 2; device++) {
        uint64_t used = session_used(device), given = driver_bytes((int)device);
        right &= !strictly || CHECK(used >= given);
        right &= CHECK(used < 1ull << 40); /* nothing went below zero */
        if (!right)
            printf("    device %u: %llu used, %llu given\n", device, (unsigned long long)used, (unsigned long long)given);
    }
    return right;
}

struct work {
    uint64_t until, seed;
};

static void work(void *context, int index)
{
    const struct work *work = context;
    struct fuzz f = {.random = (work->seed + (uint64_t)index + 1) * 0x9e3779b97f4a7c15};
    driver_set_context(driver_primary_context(index % 2));
    while (test_now_ms() < work->until) {
        for (int i = 0; i < 100; i++)
            one_call(&f);
    }
}

static void seed_handles(void)
{
    for (uint32_t i = 0; i < HANDLES; i++)
        handles[i] = 0;
    for (uint32_t i = 0; i < 4; i++)
        handles[i] = (uintptr_t)driver_graph(NULL, 0, NULL);
}

/* Many short lives: whatever goes wrong is not far from its cause. */
static void run_alone(uint64_t until, uint64_t *seed, bool with_failures)
{
    bool right = true;
    while (right && test_now_ms() < until) {
        session_begin(LIMIT);
        seed_handles();
        failures = with_failures;
        struct fuzz f = {.random = ++*seed * 0x9e3779b97f4a7c15};
        for (int i = 0; right && i < 2000; i++) {
            one_call(&f);
            if (!with_failures && i % 50 == 0)
                right = are_right(true);
        }
        right = right && are_right(!with_failures);
        if (!right)
            printf("    seed %llu\n", (unsigned long long)*seed);
        driver_calm();
        session_close();
    }
}

static void run_together(uint64_t until, uint64_t *seed)
{
    bool right = true;
    while (right && test_now_ms() < until) {
        uint64_t now = test_now_ms();
        struct work work_of_all = {now + 500 < until ? now + 500 : until, ++*seed * 1000};
        session_begin(LIMIT);
        seed_handles();
        failures = false;
        test_threads(THREADS, work, &work_of_all);
        right = are_right(true);
        session_close();
    }
}

static uint64_t seed, milliseconds;

/* A crash leaves behind the seed that leads to it: the sanitizers are told to abort. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}

const char *__ubsan_default_options(void)
{
    return "abort_on_error=1";
}

const char *__tsan_default_options(void)
{
    return "abort_on_error=1";
}

static void say_seed(int signal)
{
    (void)signal;
    char line[64];
    int length = snprintf(line, sizeof line, "    seed %llu\n", (unsigned long long)seed);
    if (length > 0 && write(STDOUT_FILENO, line, (size_t)length) < 0)
        _exit(1);
}

static void senselessCallsKeepTheBooks(void)
{
    run_alone(test_now_ms() + milliseconds, &seed, false);
}

static void aFailingDriverDoesNotBreakTheBooks(void)
{
    run_alone(test_now_ms() + milliseconds, &seed, true);
}

static void senselessCallsOfManyThreadsKeepTheBooks(void)
{
    run_together(test_now_ms() + milliseconds, &seed);
}

static void everyHookWasCalled(void)
{
    static const char *const names[] = {
#define DRIVER_HOOK(name, base, since, family, test, parameters) #name,
#include "hooks.def"
    };
    for (int i = 0; i < DRIVER_HOOKS; i++)
        test_check(called[i] || !is_here((enum driver_function)i), __FILE__, __LINE__, names[i]);
}

int main(int argc, char **argv)
{
    setenv("GPUSLICE_DEBUG", "0", 1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGABRT, say_seed);
    milliseconds = (argc > 1 ? strtoull(argv[1], NULL, 10) : 10) * 1000 / 3;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) - 1 : test_now_ms();
    printf("seed %llu\n", (unsigned long long)seed + 1);
    RUN(senselessCallsKeepTheBooks);
    RUN(aFailingDriverDoesNotBreakTheBooks);
    RUN(senselessCallsOfManyThreadsKeepTheBooks);
    RUN(everyHookWasCalled);
    return test_summary();
}
