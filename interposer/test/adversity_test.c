/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the families do when something else goes wrong: no memory, a full table, a daemon that is away, a stream that has
 * not got there.
 */
#include "charged.h"
#include "memory.h"
#include "process.h"
#include "session.h"
#include "table.h"

static void keep_everything(int device)
{
    gs_object pool;
    uint64_t everything = UINT64_MAX;
    DRIVER_REAL(cuDeviceGetDefaultMemPool)(&pool, device);
    DRIVER_REAL(cuMemPoolSetAttribute)(pool, GS_POOL_RELEASE_THRESHOLD, &everything);
}

/* ------------------------------------------------------------ frees in the order of a stream */

static void aPointerFreedInAStreamIsCreditedWhenTheStreamGetsThere(void)
{
    gs_deviceptr address, more;
    driver_lag(true);
    for (int per_thread = 0; per_thread < 2; per_thread++) {
        CHECK_EQUAL(cuMemAlloc_v2(&address, 40 * MIB), GS_SUCCESS);
        gs_object stream = per_thread ? driver_primary_context(0) : NULL;
        CHECK_EQUAL(per_thread ? cuMemFreeAsync_ptsz(address, stream) : cuMemFreeAsync(address, stream), GS_SUCCESS);
        CHECK_EQUAL(session_used(0), 40 * MIB);
        CHECK_BOOKS();
        CHECK_EQUAL(cuMemAlloc_v2(&more, 40 * MIB), GS_OUT_OF_MEMORY);
        driver_lag(false);
        CHECK_EQUAL(cuMemAlloc_v2(&more, 40 * MIB), GS_SUCCESS);
        CHECK_EQUAL(session_used(0), 40 * MIB);
        CHECK_EQUAL(cuMemFreeAsync(more, NULL), GS_SUCCESS); /* it is there already */
        CHECK_EQUAL(session_used(0), 0);
        CHECK_EQUAL(driver_events(), 0);
        CHECK_BOOKS();
        driver_lag(true);
    }
}

static void aFreeThatNoEventCanFollowIsWaitedFor(void)
{
    gs_deviceptr address;
    static const enum driver_function failing[] = {DRIVER_cuEventCreate, DRIVER_cuEventRecord};
    driver_lag(true);
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), GS_SUCCESS);
        memory_is_full(i == 2);
        if (i < 2)
            driver_fail(failing[i], 700, 0);
        CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
        memory_is_full(false);
        CHECK_EQUAL(driver_calls(DRIVER_cuStreamSynchronize), i + 1);
        CHECK_EQUAL(session_used(0), 0);
        CHECK_EQUAL(driver_events(), 0);
        CHECK_BOOKS();
    }
}

static void aContextTakesAlongWhatWasFreedInItsStreams(void)
{
    gs_object context = NULL;
    gs_deviceptr address, of_primary;
    driver_lag(true);
    driver_set_context(driver_primary_context(1));
    CHECK_EQUAL(cuMemAlloc_v2(&of_primary, 4 * MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(of_primary, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), GS_SUCCESS);
    CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 5 * MIB);
    CHECK_EQUAL(cuCtxDestroy_v2(context), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 4 * MIB);
    CHECK_EQUAL(cuDevicePrimaryCtxReset_v2(1), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 0);
    CHECK_EQUAL(driver_events(), 0);
    CHECK_EQUAL(process_get()->contexts.owners.count, 0);
    CHECK_BOOKS();
}

/* ------------------------------------------------------------ a full table */

/* As many entries as there are places where this handle could be. */
static void fill_table_for(uint64_t handle, bool fill)
{
    struct page *page = process_get()->page;
    uint64_t meta;
    struct gpuslice_page_entry *entry;
    while (fill && table_insert(page, handle, GPUSLICE_META(0, 0, 15)))
        ;
    while (!fill && (entry = table_take(page, handle, TABLE_KIND(15), &meta)) != NULL)
        table_release(entry);
}

static gs_result allocate_as(uint32_t kind, uint64_t *handle)
{
    static const struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    static const struct gs_array flat = {1024, 1024, 0x20, 1};
    size_t pitch;
    gs_object array = NULL;
    gs_result result;
    switch (kind) {
    case GPUSLICE_KIND_LINEAR:
        return cuMemAlloc_v2((gs_deviceptr *)handle, 4 * MIB);
    case GPUSLICE_KIND_MANAGED:
        return cuMemAllocManaged((gs_deviceptr *)handle, 4 * MIB, 1);
    case GPUSLICE_KIND_PITCHED:
        return cuMemAllocPitch_v2((gs_deviceptr *)handle, &pitch, 4096, 1024, 4);
    case GPUSLICE_KIND_PHYSICAL:
        return cuMemCreate((gs_handle *)handle, 4 * MIB, &prop, 0);
    default:
        result = cuArrayCreate_v2(&array, &flat);
        *handle = (uintptr_t)array;
        return result;
    }
}

static gs_result free_as(uint32_t kind, uint64_t handle)
{
    return kind == GPUSLICE_KIND_PHYSICAL ? cuMemRelease(handle)
           : kind == GPUSLICE_KIND_ARRAY  ? cuArrayDestroy((gs_object)(uintptr_t)handle)
                                          : cuMemFree_v2(handle);
}

static const uint32_t recorded_kinds[] = {GPUSLICE_KIND_LINEAR, GPUSLICE_KIND_MANAGED, GPUSLICE_KIND_PITCHED,
                                          GPUSLICE_KIND_PHYSICAL, GPUSLICE_KIND_ARRAY};

static void whatDoesNotFitIntoTheTableIsTakenBack(void)
{
    uint64_t handle = 0;
    CHECK_EQUAL(allocate_as(GPUSLICE_KIND_LINEAR, &handle), GS_SUCCESS);
    CHECK_EQUAL(free_as(GPUSLICE_KIND_LINEAR, handle), GS_SUCCESS);
    for (size_t i = 0; i < sizeof recorded_kinds / sizeof *recorded_kinds; i++) {
        uint64_t next = driver_next_handle(4 * MIB);
        fill_table_for(next, true);
        CHECK_EQUAL(allocate_as(recorded_kinds[i], &handle), GS_OUT_OF_MEMORY);
        fill_table_for(next, false);
        CHECK_EQUAL(session_used(0), 0);
        CHECK_BOOKS();
        CHECK_EQUAL(allocate_as(recorded_kinds[i], &handle), GS_SUCCESS);
        CHECK_EQUAL(session_used(0), 4 * MIB);
        CHECK_EQUAL(free_as(recorded_kinds[i], handle), GS_SUCCESS);
    }
}

/* ------------------------------------------------------------ no memory */

static void withoutMemoryWhatCannotBeRememberedIsRefused(void)
{
    gs_object context = NULL, pool = NULL, executable = NULL, array = NULL;
    gs_deviceptr address = 0;
    gs_handle handle = 0;
    static const uint64_t bytes[] = {4 * MIB};
    static const struct gs_pool_props on_device = {.location = {GS_LOCATION_DEVICE, 0}};
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), GS_SUCCESS); /* the page is there */
    CHECK_EQUAL(cuMemPoolCreate(&pool, &on_device), GS_SUCCESS);
    memory_is_full(true);
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), GS_OUT_OF_MEMORY);
    driver_set_context(driver_primary_context(0));
    CHECK_EQUAL(cuMemCreate(&handle, MIB, &prop, 0), GS_OUT_OF_MEMORY);
    gs_deviceptr async = 4711;
    CHECK_EQUAL(cuMemAllocAsync(&async, MIB, NULL), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(async, 4711);
    gs_object graph = driver_graph(bytes, 1, NULL);
    struct gs_alloc_node node = {.bytes = MIB, .props.location = {GS_LOCATION_DEVICE, 0}};
    gs_object added;
    CHECK_EQUAL(cuGraphAddMemAllocNode(&added, graph, NULL, 0, &node), GS_SUCCESS);
    CHECK_EQUAL(cuGraphInstantiateWithFlags(&executable, graph, 0), GS_OUT_OF_MEMORY);
    memory_is_full(false);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 0), GS_SUCCESS);
    memory_is_full(true);
    CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), GS_OUT_OF_MEMORY); /* nobody could tell which context it goes with */
    CHECK_EQUAL(cuArrayCreate_v2(&array, &(struct gs_array){1024, 1, 0x20, 1}), GS_OUT_OF_MEMORY);
    CHECK_BOOKS();
    memory_is_full(false);
    CHECK_EQUAL(cuCtxDestroy_v2(context), GS_SUCCESS);
    CHECK_BOOKS();
}

/* ------------------------------------------------------------ no daemon */

static void whatIsHeldWhileTheDaemonIsAwayIsChargedWhenItIsBack(void)
{
    gs_deviceptr address, more;
    CHECK_EQUAL(cuMemAlloc_v2(&more, MIB), GS_SUCCESS);
    keep_everything(0);
    driver_greed(100 * MIB);
    driver_fail_always(DRIVER_cuMemPoolTrimTo, 700); /* so it stays */
    session_lose_daemon();
    CHECK_EQUAL(cuMemAllocAsync(&address, 2 * MIB, NULL), GS_OUT_OF_MEMORY); /* the driver is not even asked */
    CHECK_EQUAL(driver_calls(DRIVER_cuMemAllocAsync), 0);
    session_find_daemon();
    CHECK_EQUAL(cuMemFree_v2(more), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocAsync(&address, 2 * MIB, NULL), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(session_counts().held, 1);
    CHECK_EQUAL(session_used(0), 102 * MIB);
    CHECK_BOOKS();
}

/* The pool grew while nobody could be asked: what it took stays uncounted only as long as the daemon is away. */
static void aPoolThatGrewWhileTheDaemonWasAwayIsChargedAtTheNextLook(void)
{
    gs_object pool = NULL;
    gs_deviceptr first, second;
    size_t free_bytes;
    keep_everything(0);
    DRIVER_REAL(cuDeviceGetDefaultMemPool)(&pool, 0);
    CHECK_EQUAL(cuMemAllocAsync(&first, 2 * MIB, NULL), GS_SUCCESS);
    session_lose_daemon();
    CHECK_EQUAL(DRIVER_REAL(cuMemAllocFromPoolAsync)(&second, 6 * MIB, pool, NULL), GS_SUCCESS); /* past us */
    CHECK_EQUAL(cuMemPoolTrimTo(pool, 0), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    CHECK_EQUAL(cuMemFreeAsync(first, NULL), GS_SUCCESS); /* a free never waits, and never fails */
    session_find_daemon();
    CHECK_EQUAL(cuMemGetInfo_v2(&free_bytes, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 8 * MIB);
    CHECK_BOOKS();
    DRIVER_REAL(cuMemFreeAsync)(second, NULL);
    CHECK_EQUAL(cuMemPoolTrimTo(pool, 0), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
}

/* ------------------------------------------------------------ strict sessions */

static void aStrictSessionHearsWhatAPoolTakesAndGivesBack(void)
{
    gs_object pool = NULL;
    gs_deviceptr address, other;
    session_be_strict();
    keep_everything(0);
    DRIVER_REAL(cuDeviceGetDefaultMemPool)(&pool, 0);
    CHECK_EQUAL(cuMemAllocAsync(&address, 3 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_granted(), 4 * MIB); /* 3 foreseen, and 1 that the pool took beyond */
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_freed(), 0); /* the pool keeps it */
    CHECK_EQUAL(cuMemAllocAsync(&address, 4 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_granted(), 4 * MIB);
    CHECK_EQUAL(cuMemAlloc_v2(&other, MIB), GS_SUCCESS);
    CHECK_EQUAL(session_granted(), 5 * MIB);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolTrimTo(pool, 0), GS_SUCCESS);
    CHECK_EQUAL(session_freed(), 4 * MIB);
    CHECK_EQUAL(cuMemFree_v2(other), GS_SUCCESS);
    CHECK_EQUAL(session_freed(), 5 * MIB);
    CHECK_EQUAL(session_used(0), 0);
}

void adversity_tests(void)
{
    RUN_IN_SESSION(aPointerFreedInAStreamIsCreditedWhenTheStreamGetsThere, 64 * MIB);
    RUN_IN_SESSION(aFreeThatNoEventCanFollowIsWaitedFor, 64 * MIB);
    RUN_IN_SESSION(aContextTakesAlongWhatWasFreedInItsStreams, 64 * MIB);
    RUN_IN_SESSION(whatDoesNotFitIntoTheTableIsTakenBack, 64 * MIB);
    RUN_IN_SESSION(withoutMemoryWhatCannotBeRememberedIsRefused, 64 * MIB);
    RUN_IN_SESSION(whatIsHeldWhileTheDaemonIsAwayIsChargedWhenItIsBack, 64 * MIB);
    RUN_IN_SESSION(aPoolThatGrewWhileTheDaemonWasAwayIsChargedAtTheNextLook, 64 * MIB);
    RUN_IN_SESSION(aStrictSessionHearsWhatAPoolTakesAndGivesBack, 64 * MIB);
}
