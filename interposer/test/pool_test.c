/* SPDX-License-Identifier: Apache-2.0 */
#include "charged.h"
#include "pools.h"
#include "process.h"
#include "session.h"

static const struct gs_pool_props on_device = {.location = {GS_LOCATION_DEVICE, 0}};
static const struct gs_pool_props on_host = {.location = {2, 0}};

static void keep(gs_object pool, uint64_t bytes)
{
    cuMemPoolSetAttribute_fn *set = DRIVER_REAL(cuMemPoolSetAttribute);
    CHECK_EQUAL(set(pool, GS_POOL_RELEASE_THRESHOLD, &bytes), GS_SUCCESS);
}

static gs_object default_pool(int device)
{
    gs_object pool = NULL;
    DRIVER_REAL(cuDeviceGetDefaultMemPool)(&pool, device);
    return pool;
}

static void aPoolIsChargedByWhatItReserves(void)
{
    gs_deviceptr first, second;
    uint64_t bytes;
    keep(default_pool(0), UINT64_MAX);
    CHECK_EQUAL(cuMemAllocAsync(&first, MIB / 2, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_POOL, &bytes), 1);
    CHECK_EQUAL(bytes, 2 * MIB);
    CHECK_EQUAL(cuMemAllocAsync(&second, MIB, NULL), GS_SUCCESS); /* fits in what is reserved */
    CHECK_EQUAL(session_used(0), 2 * MIB);
    CHECK_EQUAL(session_allocations(0), 2);
    CHECK_EQUAL(cuMemFreeAsync(first, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(second, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB); /* the pool keeps it */
    CHECK_EQUAL(session_frees(0), 2);
    CHECK_BOOKS();
}

static void aTrimGivesBackWhatThePoolGaveBack(void)
{
    gs_deviceptr address;
    gs_object pool = default_pool(0);
    uint64_t bytes;
    keep(pool, UINT64_MAX);
    CHECK_EQUAL(cuMemAllocAsync(&address, 10 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 10 * MIB);
    CHECK_EQUAL(cuMemPoolTrimTo(pool, 4 * MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 4 * MIB);
    CHECK_EQUAL(cuMemPoolTrimTo(pool, 0), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_POOL, &bytes), 0);
    CHECK_EQUAL(cuMemPoolTrimTo((gs_object)&bytes, 0), GS_INVALID_VALUE);
}

static void everyVariantOfAnAsynchronousAllocationIsCharged(void)
{
    gs_deviceptr addresses[4];
    gs_object pool = NULL;
    CHECK_EQUAL(cuMemPoolCreate(&pool, &on_device), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocAsync(&addresses[0], 2 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocAsync_ptsz(&addresses[1], 2 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocFromPoolAsync(&addresses[2], 2 * MIB, pool, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocFromPoolAsync_ptsz(&addresses[3], 2 * MIB, pool, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 8 * MIB);
    CHECK_BOOKS();
    CHECK_EQUAL(cuMemFreeAsync_ptsz(addresses[0], NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(addresses[1], NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemFree_v2(addresses[2]), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(addresses[3], NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
}

static void anyFreeTakesAnyPointer(void)
{
    gs_deviceptr plain, async;
    CHECK_EQUAL(cuMemAlloc_v2(&plain, 3 * MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocAsync(&async, 2 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 5 * MIB);
    CHECK_EQUAL(cuMemFreeAsync_ptsz(plain, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    driver_fail(DRIVER_cuMemFree_v2, 700, 0);
    CHECK_EQUAL(cuMemFree_v2(async), 700);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    CHECK_EQUAL(cuMemFree_v2(async), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuMemFree_v2(async), GS_INVALID_VALUE); /* once is enough */
}

static void aPoolOfAnotherDeviceIsChargedThere(void)
{
    gs_deviceptr address;
    gs_object stream = driver_primary_context(1);
    CHECK_EQUAL(cuMemAllocAsync(&address, 2 * MIB, stream), GS_SUCCESS); /* the current context is device 0's */
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_used(1), 2 * MIB);
    CHECK_EQUAL(cuMemFreeAsync(address, stream), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocFromPoolAsync(&address, 2 * MIB, default_pool(1), NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 2 * MIB);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_BOOKS();
}

static void aPoolOnTheHostIsNotCharged(void)
{
    struct gs_location host = {2, 0};
    gs_object pool = NULL;
    gs_deviceptr address;
    CHECK_EQUAL(cuMemPoolCreate(&pool, &on_host), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocFromPoolAsync(&address, 100 * MIB, pool, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolTrimTo(pool, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolDestroy(pool), GS_SUCCESS);
    CHECK_EQUAL(cuMemGetDefaultMemPool(&pool, &host, 1), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocFromPoolAsync(&address, 100 * MIB, pool, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemGetMemPool(&pool, &host, 1), GS_SUCCESS);
    CHECK_EQUAL(session_counts().asked, 0);
    CHECK_EQUAL(cuMemPoolCreate(NULL, &on_host), GS_INVALID_VALUE);
    CHECK_EQUAL(cuMemPoolCreate(&pool, NULL), GS_INVALID_VALUE);
}

static void aDestroyedPoolKeepsItsChargeUntilItIsEmpty(void)
{
    gs_object pool = NULL, current = NULL;
    gs_deviceptr address;
    CHECK_EQUAL(cuMemPoolCreate(&pool, &on_device), GS_SUCCESS);
    keep(pool, UINT64_MAX);
    DRIVER_REAL(cuDeviceSetMemPool)(0, pool);
    CHECK_EQUAL(cuMemAllocAsync(&address, 6 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolDestroy(pool), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 6 * MIB);
    CHECK_EQUAL(cuMemPoolDestroy(pool), GS_INVALID_VALUE);
    DRIVER_REAL(cuDeviceGetMemPool)(&current, 0);
    CHECK(current == default_pool(0));
    driver_lag(true);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 6 * MIB); /* the stream has not come that far */
    driver_lag(false);
    DRIVER_REAL(cuStreamSynchronize)(NULL);
    size_t free_bytes;
    CHECK_EQUAL(cuMemGetInfo_v2(&free_bytes, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(driver_calls(DRIVER_cuMemPoolDestroy), 1);
    CHECK(pools_find(process_get(), pool) == NULL);
}

static void anIdlePoolIsDestroyedAtOnceAndADefaultOneNever(void)
{
    gs_object pool = NULL;
    gs_deviceptr address;
    CHECK_EQUAL(cuMemPoolCreate(&pool, &on_device), GS_SUCCESS);
    keep(pool, UINT64_MAX);
    CHECK_EQUAL(cuMemAllocFromPoolAsync(&address, 6 * MIB, pool, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 6 * MIB);
    CHECK_EQUAL(cuMemPoolDestroy(pool), GS_SUCCESS);
    CHECK_EQUAL(driver_calls(DRIVER_cuMemPoolDestroy), 1);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuMemAllocAsync(&address, 2 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolDestroy(default_pool(0)), GS_INVALID_VALUE);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
}

static void whatAPoolTakesBeyondWhatWasForeseenIsCharged(void)
{
    gs_deviceptr address;
    driver_greed(10 * MIB);
    CHECK_EQUAL(cuMemAllocAsync(&address, 2 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 12 * MIB);
    CHECK_EQUAL(session_counts().held, 0);
    CHECK_BOOKS();
}

static void aPoolThatTakesTooMuchIsUndoneAndTrimmed(void)
{
    gs_deviceptr address = 4711;
    driver_greed(100 * MIB);
    CHECK_EQUAL(cuMemAllocAsync(&address, 2 * MIB, NULL), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(address, 4711);
    CHECK_EQUAL(driver_calls(DRIVER_cuStreamSynchronize), 0); /* nothing lags behind: no need to wait */
    CHECK_EQUAL(session_used(0), 0);
    driver_lag(true);
    CHECK_EQUAL(cuMemAllocAsync(&address, 1, NULL), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(driver_calls(DRIVER_cuStreamSynchronize), 1);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_counts().held, 0);
    CHECK_EQUAL(session_line(0)->denials, 2);
    CHECK_BOOKS();
}

static void whatCannotBeTrimmedIsHeldAboveTheLimit(void)
{
    gs_deviceptr address;
    keep(default_pool(0), UINT64_MAX);
    driver_greed(100 * MIB);
    driver_fail_always(DRIVER_cuMemPoolTrimTo, 700); /* so it stays */
    CHECK_EQUAL(cuMemAllocAsync(&address, 2 * MIB, NULL), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(session_counts().held, 1);
    CHECK_EQUAL(session_used(0), 102 * MIB);
    CHECK_BOOKS();
    gs_deviceptr more;
    CHECK_EQUAL(cuMemAlloc_v2(&more, MIB), GS_OUT_OF_MEMORY); /* new memory is refused, */
    driver_fail_always(DRIVER_cuMemPoolTrimTo, GS_SUCCESS);
    CHECK_EQUAL(cuMemAlloc_v2(&more, MIB), GS_SUCCESS);       /* until the pool can be trimmed */
    CHECK_EQUAL(session_used(0), MIB);
}

static void aDenialTrimsIdlePoolsAndTriesAgain(void)
{
    gs_deviceptr address, more, array[2];
    keep(default_pool(0), UINT64_MAX);
    CHECK_EQUAL(cuMemAllocAsync(&address, 60 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 60 * MIB);
    CHECK_EQUAL(cuMemAlloc_v2(&more, 40 * MIB), GS_SUCCESS);
    CHECK_EQUAL(session_line(0)->denials, 0);
    CHECK_EQUAL(session_used(0), 40 * MIB);
    gs_object other = NULL;
    CHECK_EQUAL(cuMemPoolCreate(&other, &on_device), GS_SUCCESS);
    keep(other, UINT64_MAX);
    CHECK_EQUAL(cuMemAllocFromPoolAsync(&array[0], 20 * MIB, other, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(array[0], NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocAsync(&array[1], 20 * MIB, NULL), GS_SUCCESS); /* another pool's idle memory */
    CHECK_EQUAL(session_used(0), 60 * MIB);
    CHECK_EQUAL(cuMemAlloc_v2(&address, 40 * MIB), GS_OUT_OF_MEMORY); /* now nothing is idle */
    CHECK_EQUAL(session_line(0)->denials, 1);
    CHECK_BOOKS();
}

static void aFailureOfTheDriverGivesBackWhatWasForeseen(void)
{
    gs_deviceptr address = 4711;
    driver_fail(DRIVER_cuMemAllocFromPoolAsync, GS_OUT_OF_MEMORY, 0);
    CHECK_EQUAL(cuMemAllocAsync(&address, 10 * MIB, NULL), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(address, 4711);
    CHECK_EQUAL(session_used(0), 0);
    driver_fail(DRIVER_cuMemPoolGetAttribute, 700, 0); /* the driver does not say: as if nothing were idle */
    CHECK_EQUAL(cuMemAllocAsync(&address, 10 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 10 * MIB);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
}

static void callsThatCannotSucceedAreForwarded(void)
{
    gs_deviceptr address;
    CHECK_EQUAL(cuMemAllocAsync(NULL, MIB, NULL), GS_INVALID_VALUE);
    CHECK_EQUAL(cuMemAllocAsync(&address, 0, NULL), GS_INVALID_VALUE);
    CHECK_EQUAL(cuMemAllocFromPoolAsync(&address, MIB, NULL, NULL), GS_INVALID_VALUE);
    driver_set_context(NULL);
    CHECK_EQUAL(cuMemAllocAsync(&address, MIB, NULL), 201);
    CHECK_EQUAL(session_counts().asked, 0);
    driver_lack(DRIVER_cuMemAllocAsync);
    CHECK_EQUAL(cuMemAllocAsync(&address, MIB, NULL), GS_NOT_INITIALIZED);
}

static void anAllocationUnderCaptureIsANodeAndNotCharged(void)
{
    gs_deviceptr address;
    driver_capture(true);
    CHECK_EQUAL(cuMemAllocAsync(&address, 100 * MIB, NULL), GS_SUCCESS);
    driver_capture(false);
    CHECK_EQUAL(session_counts().asked, 0);
    CHECK(process_get()->graphs.allocate);
}

static void manyPoolsHaveRecordsAndGiveThemBack(void)
{
    struct process *process = process_get();
    static char handles[300];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof handles; i++)
            CHECK(pools_add(process, &handles[i], RESERVOIR_NO_VRAM, true) != NULL);
        for (size_t i = 0; i < sizeof handles; i++)
            pools_remove(process, pools_find(process, &handles[i]));
    }
    CHECK_EQUAL(process->pools.by_handle.count, 0);
    int slabs = 0;
    for (struct pool_slab *slab = process->pools.slabs; slab != NULL; slab = slab->next)
        slabs++;
    CHECK_EQUAL(slabs, 5); /* 300 / 64, and used again */
}

static void race(void *context, int index)
{
    gs_object *pools = context;
    gs_deviceptr addresses[4] = {0};
    driver_set_context(driver_primary_context(0));
    for (int i = 0; i < 1500; i++) {
        gs_deviceptr *address = &addresses[i % 4];
        if (*address != 0)
            CHECK_EQUAL(i % 2 ? cuMemFree_v2(*address) : cuMemFreeAsync(*address, NULL), GS_SUCCESS);
        *address = 0;
        if (index % 4 == 3)
            cuMemAlloc_v2(address, (uint64_t)(1 + i % 5) * MIB);
        else
            cuMemAllocFromPoolAsync(address, (uint64_t)(1 + i % 5) * MIB, pools[index % 2], NULL);
        if (i % 100 == 0)
            cuMemPoolTrimTo(pools[index % 2], 0);
    }
    for (int i = 0; i < 4; i++) {
        if (addresses[i] != 0)
            CHECK_EQUAL(cuMemFreeAsync(addresses[i], NULL), GS_SUCCESS);
    }
}

static void eightThreadsOnTwoPoolsKeepTheBooksRight(void)
{
    gs_object pools[2];
    CHECK_EQUAL(cuMemPoolCreate(&pools[0], &on_device), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolCreate(&pools[1], &on_device), GS_SUCCESS);
    keep(pools[1], UINT64_MAX);
    test_threads(8, race, pools);
    CHECK_BOOKS();
    CHECK_EQUAL(cuMemPoolDestroy(pools[0]), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolDestroy(pools[1]), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_counts().held, 0);
}

/* A destroy that the driver refuses, while others allocate from that very pool. */
static void race_for_the_default_pool(void *unused, int index)
{
    (void)unused;
    driver_set_context(driver_primary_context(0));
    for (int i = 0; i < 3000; i++) {
        gs_deviceptr address;
        if (index == 0)
            CHECK_EQUAL(cuMemPoolDestroy(default_pool(0)), GS_INVALID_VALUE);
        else if (CHECK_EQUAL(cuMemAllocAsync(&address, MIB, NULL), GS_SUCCESS))
            CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    }
}

static void aPoolThatTheDriverDoesNotDestroyHasOneRecordAllAlong(void)
{
    gs_deviceptr address;
    test_threads(4, race_for_the_default_pool, NULL);
    CHECK_EQUAL(cuMemAllocAsync(&address, MIB, NULL), GS_SUCCESS);
    CHECK_BOOKS();
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
}

/* The driver gives a pool the handle of one that another thread is just destroying. */
static void race_for_handles(void *unused, int index)
{
    (void)unused, (void)index;
    driver_set_context(driver_primary_context(0));
    for (int i = 0; i < 2000; i++) {
        gs_object pool = NULL;
        gs_deviceptr address;
        bool is_last = i == 1999;
        if (!CHECK_EQUAL(cuMemPoolCreate(&pool, &on_device), GS_SUCCESS) ||
            !CHECK_EQUAL(cuMemAllocFromPoolAsync(&address, 2 * MIB, pool, NULL), GS_SUCCESS))
            return;
        if (!is_last && CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS))
            CHECK_EQUAL(cuMemPoolDestroy(pool), GS_SUCCESS);
    }
}

static void aPoolWithTheHandleOfOneThatIsBeingDestroyedIsCharged(void)
{
    uint64_t bytes;
    test_threads(8, race_for_handles, NULL);
    CHECK_BOOKS();
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_POOL, &bytes), 8);
    CHECK_EQUAL(bytes, session_used(0));
}

/* The current pool changes between the look at it and the allocation. */
static void race_for_the_current_pool(void *context, int index)
{
    gs_object *pools = context;
    driver_set_context(driver_primary_context(0));
    for (int i = 0; i < 3000; i++) {
        gs_deviceptr address;
        if (index == 0)
            DRIVER_REAL(cuDeviceSetMemPool)(0, pools[i % 2]);
        else if (CHECK_EQUAL(cuMemAllocAsync(&address, 2 * MIB, NULL), GS_SUCCESS) && !CHECK(session_used(0) >= driver_bytes(0)))
            return;
        else
            CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    }
}

static void whatIsTakenWhileTheCurrentPoolChangesIsChargedAtOnce(void)
{
    gs_object pools[2];
    CHECK_EQUAL(cuMemPoolCreate(&pools[0], &on_device), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolCreate(&pools[1], &on_device), GS_SUCCESS);
    test_threads(2, race_for_the_current_pool, pools);
    CHECK_BOOKS();
}

/* Its last memory is freed, and before that thread has said so, another one has ended the pool and begun a new one. */
static void aPoolThatEndsWithItsLastFreeIsNotTouchedAgain(void)
{
    gs_object pool = NULL, other = NULL;
    gs_deviceptr address;
    struct freeing freeing;
    size_t free_bytes;
    CHECK_EQUAL(cuMemPoolCreate(&pool, &on_device), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocFromPoolAsync(&address, 6 * MIB, pool, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolDestroy(pool), GS_SUCCESS);
    const struct reservoir *record = pools_find(process_get(), pool);

    charged_free_begin(address, &freeing);
    CHECK_EQUAL(DRIVER_REAL(cuMemFreeAsync)(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemGetInfo_v2(&free_bytes, NULL), GS_SUCCESS);
    CHECK(pools_find(process_get(), pool) == NULL);
    CHECK_EQUAL(cuMemPoolCreate(&other, &on_host), GS_SUCCESS);
    CHECK(pools_find(process_get(), other) == record);
    charged_free_end(&freeing, GS_SUCCESS);

    CHECK_EQUAL(session_frees(0), 1);
    CHECK_BOOKS();
}

void pool_tests(void)
{
    RUN_IN_SESSION(aPoolIsChargedByWhatItReserves, 64 * MIB);
    RUN_IN_SESSION(aTrimGivesBackWhatThePoolGaveBack, 64 * MIB);
    RUN_IN_SESSION(everyVariantOfAnAsynchronousAllocationIsCharged, 64 * MIB);
    RUN_IN_SESSION(anyFreeTakesAnyPointer, 64 * MIB);
    RUN_IN_SESSION(aPoolOfAnotherDeviceIsChargedThere, 64 * MIB);
    RUN_IN_SESSION(aPoolOnTheHostIsNotCharged, 64 * MIB);
    RUN_IN_SESSION(aDestroyedPoolKeepsItsChargeUntilItIsEmpty, 64 * MIB);
    RUN_IN_SESSION(anIdlePoolIsDestroyedAtOnceAndADefaultOneNever, 64 * MIB);
    RUN_IN_SESSION(whatAPoolTakesBeyondWhatWasForeseenIsCharged, 64 * MIB);
    RUN_IN_SESSION(aPoolThatTakesTooMuchIsUndoneAndTrimmed, 64 * MIB);
    RUN_IN_SESSION(whatCannotBeTrimmedIsHeldAboveTheLimit, 64 * MIB);
    RUN_IN_SESSION(aDenialTrimsIdlePoolsAndTriesAgain, 64 * MIB);
    RUN_IN_SESSION(aFailureOfTheDriverGivesBackWhatWasForeseen, 64 * MIB);
    RUN_IN_SESSION(callsThatCannotSucceedAreForwarded, 64 * MIB);
    RUN_IN_SESSION(anAllocationUnderCaptureIsANodeAndNotCharged, 64 * MIB);
    RUN_IN_SESSION(manyPoolsHaveRecordsAndGiveThemBack, 64 * MIB);
    RUN_IN_SESSION(eightThreadsOnTwoPoolsKeepTheBooksRight, 64 * MIB);
    RUN_IN_SESSION(aPoolThatEndsWithItsLastFreeIsNotTouchedAgain, 64 * MIB);
    RUN_IN_SESSION(aPoolThatTheDriverDoesNotDestroyHasOneRecordAllAlong, 64 * MIB);
    RUN_IN_SESSION(aPoolWithTheHandleOfOneThatIsBeingDestroyedIsCharged, 64 * MIB);
    RUN_IN_SESSION(whatIsTakenWhileTheCurrentPoolChangesIsChargedAtOnce, 64 * MIB);
}
