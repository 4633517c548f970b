/* SPDX-License-Identifier: Apache-2.0 */
#include "contexts.h"
#include "ledger.h"
#include "memory.h"
#include "process.h"
#include "session.h"

static gs_deviceptr allocate(uint64_t bytes)
{
    gs_deviceptr address = 0;
    CHECK_EQUAL(cuMemAlloc_v2(&address, bytes), GS_SUCCESS);
    return address;
}

static gs_result create_context(int way, gs_object *context)
{
    switch (way) {
    case 0:
        return cuCtxCreate(context, 0, 1);
    case 1:
        return cuCtxCreate_v2(context, 0, 1);
    case 2:
        return cuCtxCreate_v3(context, NULL, 0, 0, 1);
    case 3:
        return cuCtxCreate_v4(context, NULL, 0, 1);
    case 4:
        return cuGLCtxCreate(context, 0, 1);
    default:
        return cuGLCtxCreate_v2(context, 0, 1);
    }
}

static void aDestroyedContextTakesItsMemoryAlong(void)
{
    struct gs_array flat = {1024, 0, 0x20, 1};
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 1}};
    driver_set_context(driver_primary_context(1));
    gs_deviceptr stays = allocate(3 * MIB), async;
    for (int way = 0; way < 6; way++) {
        gs_object context = NULL, array;
        gs_handle physical;
        CHECK_EQUAL(create_context(way, &context), GS_SUCCESS);
        gs_deviceptr freed = allocate(MIB);
        allocate(2 * MIB);
        CHECK_EQUAL(cuArrayCreate_v2(&array, &flat), GS_SUCCESS);
        CHECK_EQUAL(cuMemCreate(&physical, 4 * MIB, &prop, 0), GS_SUCCESS);
        CHECK_EQUAL(cuMemAllocAsync(&async, 2 * MIB, NULL), GS_SUCCESS);
        CHECK_EQUAL(cuMemFree_v2(freed), GS_SUCCESS);
        CHECK_EQUAL(session_used(1), 11 * MIB + 4096);
        CHECK_EQUAL(way % 2 ? cuCtxDestroy(context) : cuCtxDestroy_v2(context), GS_SUCCESS);
        CHECK_EQUAL(session_used(1), 9 * MIB); /* physical memory and pools outlive it, and so does the primary one's */
        CHECK_BOOKS();
        driver_set_context(driver_primary_context(1));
        CHECK_EQUAL(cuMemFreeAsync(async, NULL), GS_SUCCESS);
        CHECK_EQUAL(cuMemRelease(physical), GS_SUCCESS);
    }
    CHECK_EQUAL(cuMemFree_v2(stays), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 0);
    CHECK_EQUAL(process_get()->contexts.owners.count, 0);
    CHECK_EQUAL(process_get()->contexts.known.count, 0);
}

static void endAContextWithoutMemory(int allocations, uint64_t left)
{
    gs_object context = NULL;
    CHECK_EQUAL(create_context(1, &context), GS_SUCCESS);
    for (int i = 0; i < allocations; i++)
        allocate(4096);
    memory_is_full(true);
    CHECK_EQUAL(cuCtxDestroy_v2(context), GS_SUCCESS);
    memory_is_full(false);
    CHECK_EQUAL(session_used(1), left);
}

static void aContextThatEndsWhereNoMemoryIsLeftTakesItsMemoryAlong(void)
{
    endAContextWithoutMemory(100, 0);
    CHECK_BOOKS();
    endAContextWithoutMemory(100, 0); /* what helped out once helps out again */
}

static bool every(void *context, uint64_t handle)
{
    (void)context, (void)handle;
    return true;
}

static void whatCannotBeNotedWhereNoMemoryIsLeftStaysCounted(void)
{
    uint64_t most = (TAKEN_RESERVE_BYTES - sizeof(struct taken_list)) / sizeof(struct taken);
    endAContextWithoutMemory((int)most + 10, 10 * 4096);
    struct process *process = process_get();
    ledger_settle_all(process, ledger_take_all(process, 1, TABLE_POINTERS, every, NULL), true);
    CHECK_EQUAL(session_used(1), 0);
}

static void aContextThatCannotBeDestroyedKeepsItsMemory(void)
{
    gs_object context = NULL;
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), GS_SUCCESS);
    gs_deviceptr address = allocate(MIB);
    driver_fail(DRIVER_cuCtxDestroy, 700, 0);
    CHECK_EQUAL(cuCtxDestroy_v2(context), 700);
    CHECK_EQUAL(session_used(1), MIB);
    driver_fail(DRIVER_cuMemFree_v2, 700, 0);
    CHECK_EQUAL(cuMemFree_v2(address), 700);
    CHECK_EQUAL(cuCtxDestroy_v2(context), GS_SUCCESS); /* and still it goes along */
    CHECK_EQUAL(session_used(1), 0);
    driver_fail(DRIVER_cuCtxCreate, 700, 0);
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), 700);
}

static void aContextLivesAsLongAsItIsAttached(void)
{
    gs_object context = NULL, same = NULL;
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), GS_SUCCESS);
    CHECK_EQUAL(cuCtxAttach(&same, 0), GS_SUCCESS);
    CHECK(same == context);
    allocate(MIB);
    CHECK_EQUAL(cuCtxDetach(context), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), MIB);
    CHECK_EQUAL(cuCtxDetach(context), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 0);
}

static void aResetTakesWhatTheDevicesPrimaryContextHad(void)
{
    gs_object context = NULL;
    for (int i = 0; i < 2; i++) {
        driver_set_context(driver_primary_context(0));
        gs_deviceptr there = allocate(MIB);
        driver_set_context(driver_primary_context(1));
        allocate(2 * MIB);
        CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), GS_SUCCESS);
        allocate(4 * MIB);
        CHECK_EQUAL(i == 0 ? cuDevicePrimaryCtxReset(1) : cuDevicePrimaryCtxReset_v2(1), GS_SUCCESS);
        CHECK_EQUAL(session_used(0), MIB);
        CHECK_EQUAL(session_used(1), 4 * MIB);
        CHECK_BOOKS();
        CHECK_EQUAL(cuCtxDestroy_v2(context), GS_SUCCESS);
        CHECK_EQUAL(cuMemFree_v2(there), GS_SUCCESS);
    }
    driver_set_context(driver_primary_context(1));
    allocate(MIB);
    driver_fail(DRIVER_cuDevicePrimaryCtxReset, 700, 0);
    CHECK_EQUAL(cuDevicePrimaryCtxReset_v2(1), 700);
    CHECK_EQUAL(session_used(1), MIB);
    CHECK_EQUAL(cuDevicePrimaryCtxReset_v2(7), GS_INVALID_VALUE); /* no such device: the driver says so */
}

static void theLastReleaseOfAPrimaryContextIsAReset(void)
{
    allocate(MIB);
    CHECK_EQUAL(cuDevicePrimaryCtxRelease(0), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuDevicePrimaryCtxRelease_v2(0), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
}

/* More threads allocate in the context while references come and go: nothing of theirs is credited, or lost. */
static void retain_and_release(void *context, int index)
{
    (void)context;
    gs_object primary;
    for (int i = 0; i < 500; i++) {
        gs_deviceptr address = 0;
        driver_set_context(driver_primary_context(1));
        if (index % 2 == 0) {
            CHECK_EQUAL(cuDevicePrimaryCtxRetain(&primary, 1), GS_SUCCESS);
            CHECK_EQUAL(cuDevicePrimaryCtxRelease_v2(1), GS_SUCCESS);
        } else {
            CHECK_EQUAL(cuMemAlloc_v2(&address, 4096), GS_SUCCESS);
            CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
        }
    }
}

static void referencesThatComeAndGoDisturbNobody(void)
{
    gs_object primary;
    CHECK_EQUAL(cuDevicePrimaryCtxRetain(&primary, 1), GS_SUCCESS);
    test_threads(4, retain_and_release, NULL);
    CHECK_EQUAL(session_used(1), 0);
    CHECK_BOOKS();
}

static void aContextIsCountedWithTheSizeThatWasAgreedOn(void)
{
    gs_object first = NULL, second = NULL, primary = NULL;
    uint64_t bytes;
    session_count_context(10 * MIB);
    driver_overhead(10 * MIB);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(cuDevicePrimaryCtxRelease(1), GS_SUCCESS);
    CHECK_EQUAL(cuDevicePrimaryCtxRetain(&primary, 1), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 10 * MIB);
    CHECK_EQUAL(cuCtxCreate_v2(&first, 0, 1), GS_SUCCESS); /* one is as good as two */
    CHECK_EQUAL(cuCtxCreate_v2(&second, 0, 1), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 10 * MIB);
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_CONTEXT, &bytes), 1);
    CHECK_EQUAL(bytes, 10 * MIB);
    CHECK_BOOKS();
    CHECK_EQUAL(cuDevicePrimaryCtxRelease(1), GS_SUCCESS);
    CHECK_EQUAL(cuCtxDestroy_v2(first), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 10 * MIB);
    CHECK_EQUAL(cuCtxDestroy_v2(second), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 0);
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_CONTEXT, &bytes), 0);
    driver_fail(DRIVER_cuCtxCreate, 700, 0);
    CHECK_EQUAL(cuCtxCreate_v2(&first, 0, 1), 700);
    CHECK_EQUAL(session_used(1), 0);
    session_count_context(65 * MIB);
    int calls = driver_calls(DRIVER_cuCtxCreate);
    CHECK_EQUAL(cuCtxCreate_v2(&first, 0, 1), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(cuDevicePrimaryCtxRetain(&primary, 1), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(driver_calls(DRIVER_cuCtxCreate), calls);
    CHECK_EQUAL(session_line(1)->denials, 2);
    CHECK_EQUAL(cuDevicePrimaryCtxRetain(&primary, 7), GS_INVALID_VALUE);
    session_count_context(0);
}

static void aContextIsCountedWithWhatTheDeviceLost(void)
{
    gs_object context = NULL;
    session_count_context(CONFIG_COUNT_MEASURED);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(cuDevicePrimaryCtxRelease(1), GS_SUCCESS);
    driver_overhead(30 * MIB);
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 30 * MIB);
    CHECK_BOOKS();
    CHECK_EQUAL(cuCtxDestroy_v2(context), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 0);
    driver_overhead(65 * MIB);
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), GS_OUT_OF_MEMORY); /* and is destroyed again */
    CHECK_EQUAL(cuDevicePrimaryCtxRetain(&context, 1), GS_OUT_OF_MEMORY);
    CHECK_BOOKS();
    driver_overhead(0);
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), GS_SUCCESS); /* nothing to count */
    CHECK_EQUAL(cuCtxDestroy_v2(context), GS_SUCCESS);
    driver_lack_nvml();
    CHECK_EQUAL(cuCtxCreate_v2(&context, 0, 1), GS_OUT_OF_MEMORY);
    session_count_context(0);
}

static void churn(void *context, int index)
{
    gs_object *contexts = context;
    driver_set_context(contexts[index % 2]);
    for (int i = 0; i < 1000; i++) {
        gs_deviceptr address = 0;
        if (cuMemAlloc_v2(&address, 4096) == GS_SUCCESS && i % 3 != 0)
            CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    }
}

static void eightThreadsInTwoContextsAreToldApart(void)
{
    gs_object contexts[2] = {driver_primary_context(1), NULL};
    CHECK_EQUAL(cuCtxCreate_v2(&contexts[1], 0, 1), GS_SUCCESS);
    test_threads(8, churn, contexts);
    CHECK_EQUAL(session_used(1), 8 * 334 * 4096);
    CHECK_EQUAL(cuCtxDestroy_v2(contexts[1]), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 4 * 334 * 4096);
    CHECK_EQUAL(cuDevicePrimaryCtxReset_v2(1), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), 0);
    CHECK_BOOKS();
}

/* Another thread may be given the handle as soon as the driver has let go of it. */
static void aNewContextWithTheHandleOfOneThatEndsIsKept(void)
{
    struct process *process = process_get();
    gs_object context = driver_primary_context(1); /* any handle */
    struct contexts_ending ending;
    CHECK(contexts_add(process, context, 0));
    contexts_end_begin(process, context, &ending);
    CHECK(contexts_add(process, context, 0));
    driver_set_context(context);
    CHECK(contexts_note(process, 0x1000));
    contexts_end(process, &ending, GS_SUCCESS);
    CHECK_EQUAL(contexts_forget(process, 0x1000), (uintptr_t)context);
    contexts_end_begin(process, context, &ending);
    CHECK(ending.known);
    contexts_end(process, &ending, GS_INVALID_VALUE); /* it goes on */
    contexts_end_begin(process, context, &ending);
    CHECK(ending.known && ending.references == 1);
    contexts_end(process, &ending, GS_SUCCESS);
}

static void anAddressThatIsGivenOutAgainHasNoFormerOwner(void)
{
    struct process *process = process_get();
    gs_object context = driver_primary_context(1);
    CHECK(contexts_add(process, context, 0));
    driver_set_context(context);
    CHECK(contexts_note(process, 0x1000)); /* and its context ends before it is recorded */
    driver_set_context(driver_primary_context(0));
    CHECK(contexts_note(process, 0x1000));
    CHECK_EQUAL(contexts_forget(process, 0x1000), 0);
}

void context_tests(void)
{
    RUN_IN_SESSION(aNewContextWithTheHandleOfOneThatEndsIsKept, 64 * MIB);
    RUN_IN_SESSION(anAddressThatIsGivenOutAgainHasNoFormerOwner, 64 * MIB);
    RUN_IN_SESSION(aDestroyedContextTakesItsMemoryAlong, 64 * MIB);
    RUN_IN_SESSION(aContextThatEndsWhereNoMemoryIsLeftTakesItsMemoryAlong, 64 * MIB);
    RUN_IN_SESSION(whatCannotBeNotedWhereNoMemoryIsLeftStaysCounted, 64 * MIB);
    RUN_IN_SESSION(aContextThatCannotBeDestroyedKeepsItsMemory, 64 * MIB);
    RUN_IN_SESSION(aContextLivesAsLongAsItIsAttached, 64 * MIB);
    RUN_IN_SESSION(aResetTakesWhatTheDevicesPrimaryContextHad, 64 * MIB);
    RUN_IN_SESSION(theLastReleaseOfAPrimaryContextIsAReset, 64 * MIB);
    RUN_IN_SESSION(referencesThatComeAndGoDisturbNobody, 64 * MIB);
    RUN_IN_SESSION(aContextIsCountedWithTheSizeThatWasAgreedOn, 64 * MIB);
    RUN_IN_SESSION(aContextIsCountedWithWhatTheDeviceLost, 64 * MIB);
    RUN_IN_SESSION(eightThreadsInTwoContextsAreToldApart, 64 * MIB);
}
