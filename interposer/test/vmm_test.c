/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"
#include "process.h"
#include "session.h"

static const struct gs_allocation_prop on_0 = {.location = {GS_LOCATION_DEVICE, 0}};
static const struct gs_allocation_prop on_1 = {.location = {GS_LOCATION_DEVICE, 1}};
#define ADDRESS 0x7f0000000000ull

static gs_handle create(uint64_t bytes, const struct gs_allocation_prop *prop)
{
    gs_handle handle = 0;
    CHECK_EQUAL(cuMemCreate(&handle, bytes, prop, 0), GS_SUCCESS);
    return handle;
}

static void physicalMemoryIsChargedToTheDeviceOfItsLocation(void)
{
    static const struct gs_allocation_prop on_host = {.location = {3, 0}}; /* a NUMA node */
    uint64_t bytes;
    driver_set_context(NULL); /* none is needed */
    gs_handle handle = create(4 * MIB, &on_1);
    CHECK_EQUAL(session_used(1), 4 * MIB);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_PHYSICAL, &bytes), 1);
    gs_handle host = create(100 * MIB, &on_host);
    CHECK_EQUAL(session_used(1), 4 * MIB);
    CHECK_EQUAL(cuMemRelease(host), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 0);
}

static void aReleaseBeforeTheUnmapCreditsNothing(void)
{
    gs_handle handle = create(4 * MIB, &on_0);
    CHECK_EQUAL(cuMemMap(ADDRESS, 4 * MIB, 0, handle, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 4 * MIB);
    CHECK_EQUAL(cuMemUnmap(ADDRESS, 4 * MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    handle = create(4 * MIB, &on_0); /* and the other way round, mapped twice */
    CHECK_EQUAL(cuMemMap(ADDRESS, 4 * MIB, 0, handle, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemMap(ADDRESS + 8 * MIB, 4 * MIB, 0, handle, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemUnmap(ADDRESS, 4 * MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 4 * MIB);
    CHECK_EQUAL(cuMemUnmap(ADDRESS + 8 * MIB, 4 * MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 4 * MIB);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_BOOKS();
}

static void oneUnmapEndsSeveralMappings(void)
{
    gs_handle handles[3];
    for (int i = 0; i < 3; i++) {
        handles[i] = create(2 * MIB, &on_0);
        CHECK_EQUAL(cuMemMap(ADDRESS + (uint64_t)i * 2 * MIB, 2 * MIB, 0, handles[i], 0), GS_SUCCESS);
        CHECK_EQUAL(cuMemRelease(handles[i]), GS_SUCCESS);
    }
    CHECK_EQUAL(session_used(0), 6 * MIB);
    CHECK_EQUAL(cuMemUnmap(ADDRESS, 4 * MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    CHECK_EQUAL(cuMemUnmap(ADDRESS + 4 * MIB, 2 * MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(process_get()->physical.handles.count, 0);
    CHECK_EQUAL(process_get()->physical.mappings.count, 0);
}

static void aRetainedHandleIsAReferenceMore(void)
{
    gs_handle handle = create(4 * MIB, &on_0), again = 0;
    CHECK_EQUAL(cuMemMap(ADDRESS, 4 * MIB, 0, handle, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemRetainAllocationHandle(&again, (void *)(ADDRESS + 5000)), GS_SUCCESS);
    CHECK_EQUAL(again, handle);
    CHECK_EQUAL(cuMemUnmap(ADDRESS, 4 * MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 4 * MIB);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuMemRelease(handle), GS_INVALID_VALUE);
    CHECK_EQUAL(cuMemRetainAllocationHandle(&again, (void *)ADDRESS), GS_INVALID_VALUE);
}

static void aSparseArrayHoldsWhatIsMappedIntoIt(void)
{
    struct gs_array3d sparse = {.width = 1024, .height = 1024, .format = 0x20, .channels = 1, .flags = GS_ARRAY_SPARSE};
    gs_object array = NULL;
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(cuArray3DCreate_v2(&array, &sparse), GS_SUCCESS);
        gs_handle handle = create(4 * MIB, &on_0);
        struct gs_array_map map = {.resource = array, .operation = GS_OPERATION_MAP, .handle = handle};
        CHECK_EQUAL(i == 0 ? cuMemMapArrayAsync(&map, 1, NULL) : cuMemMapArrayAsync_ptsz(&map, 1, NULL), GS_SUCCESS);
        CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
        CHECK_EQUAL(session_used(0), 4 * MIB); /* the array itself is 0 */
        CHECK_EQUAL(cuArrayDestroy(array), GS_SUCCESS);
        CHECK_EQUAL(session_used(0), 0);
    }
    CHECK_EQUAL(process_get()->physical.holds.count, 0);
}

static void aBindHoldsTheMemoryThatItBinds(void)
{
    gs_handle multicast = 0;
    CHECK_EQUAL(cuMulticastCreate(&multicast, ""), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    gs_handle first = create(4 * MIB, &on_0), second = create(2 * MIB, &on_1);
    CHECK_EQUAL(cuMulticastBindMem(multicast, 0, first, 0, 4 * MIB, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemMap(ADDRESS, 2 * MIB, 0, second, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMulticastBindAddr(multicast, 0, ADDRESS, 2 * MIB, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemUnmap(ADDRESS, 2 * MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(first), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(second), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 4 * MIB);
    CHECK_EQUAL(session_used(1), 2 * MIB);
    CHECK_EQUAL(cuMulticastUnbind(multicast, 0, 0, 4 * MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_used(1), 2 * MIB);
    CHECK_EQUAL(cuMemMap(ADDRESS, 4 * MIB, 0, multicast, 0), GS_SUCCESS); /* the object is mapped, too */
    CHECK_EQUAL(cuMemRelease(multicast), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 2 * MIB);
    CHECK_EQUAL(cuMemUnmap(ADDRESS, 4 * MIB), GS_SUCCESS); /* its end lets go of what is bound */
    CHECK_EQUAL(session_used(1), 0);
    CHECK_BOOKS();
}

static void physicalMemoryIsDeniedAndFailsWithoutTraces(void)
{
    gs_handle handle = 4711;
    CHECK_EQUAL(cuMemCreate(&handle, 65 * MIB, &on_0, 0), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(handle, 4711);
    CHECK_EQUAL(driver_calls(DRIVER_cuMemCreate), 0);
    driver_fail(DRIVER_cuMemCreate, 700, 0);
    CHECK_EQUAL(cuMemCreate(&handle, MIB, &on_0, 0), 700);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuMemCreate(NULL, MIB, &on_0, 0), GS_INVALID_VALUE);
    CHECK_EQUAL(cuMemCreate(&handle, MIB, NULL, 0), GS_INVALID_VALUE);
    CHECK_EQUAL(cuMemCreate(&handle, 0, &on_0, 0), GS_INVALID_VALUE);
    handle = create(MIB, &on_0);
    driver_fail(DRIVER_cuMemRelease, 700, 0);
    CHECK_EQUAL(cuMemRelease(handle), 700);
    CHECK_EQUAL(session_used(0), MIB);
    driver_fail(DRIVER_cuMemMap, 700, 0);
    CHECK_EQUAL(cuMemMap(ADDRESS, MIB, 0, handle, 0), 700);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuMemRelease(4711), GS_INVALID_VALUE);
}

/* The number of a handle may be that of a pointer: both are found among their own. */
static void aHandleAndAPointerOfTheSameNumberAreTwo(void)
{
    struct process *process = process_get();
    gs_handle handle = create(MIB, &on_0);
    const struct config *config = config_get();
    CHECK(ledger_reserve(config, process, 0, 2 * MIB));
    CHECK(ledger_record(process, 0, 2 * MIB, handle, GPUSLICE_KIND_LINEAR));
    CHECK_EQUAL(session_used(0), 3 * MIB);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    struct taken taken;
    CHECK(ledger_take(process, handle, &taken));
    ledger_release(process, &taken);
}

static void create_map_release(void *context, int index)
{
    (void)context;
    uint64_t address = ADDRESS + ((uint64_t)index << 30);
    for (int i = 0; i < 500; i++) {
        gs_handle handle = 0;
        if (cuMemCreate(&handle, 2 * MIB, index % 2 ? &on_1 : &on_0, 0) != GS_SUCCESS)
            continue;
        CHECK_EQUAL(cuMemMap(address, 2 * MIB, 0, handle, 0), GS_SUCCESS);
        CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
        CHECK_EQUAL(cuMemUnmap(address, 2 * MIB), GS_SUCCESS);
    }
}

static void eightThreadsMapAndUnmapWithTheBooksRight(void)
{
    test_threads(8, create_map_release, NULL);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_used(1), 0);
    CHECK_EQUAL(process_get()->physical.handles.count, 0);
}

void vmm_tests(void)
{
    RUN_IN_SESSION(physicalMemoryIsChargedToTheDeviceOfItsLocation, 64 * MIB);
    RUN_IN_SESSION(aReleaseBeforeTheUnmapCreditsNothing, 64 * MIB);
    RUN_IN_SESSION(oneUnmapEndsSeveralMappings, 64 * MIB);
    RUN_IN_SESSION(aRetainedHandleIsAReferenceMore, 64 * MIB);
    RUN_IN_SESSION(aSparseArrayHoldsWhatIsMappedIntoIt, 64 * MIB);
    RUN_IN_SESSION(aBindHoldsTheMemoryThatItBinds, 64 * MIB);
    RUN_IN_SESSION(physicalMemoryIsDeniedAndFailsWithoutTraces, 64 * MIB);
    RUN_IN_SESSION(aHandleAndAPointerOfTheSameNumberAreTwo, 64 * MIB);
    RUN_IN_SESSION(eightThreadsMapAndUnmapWithTheBooksRight, 64 * MIB);
}
