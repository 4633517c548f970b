/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"
#include "session.h"
#include "table.h"

static void linearMemoryIsChargedExactly(void)
{
    gs_deviceptr first = 0, second = 0;
    CHECK_EQUAL(cuMemAlloc_v2(&first, 3 * MIB + 1), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 3 * MIB + 1);
    driver_set_context(driver_primary_context(1));
    CHECK_EQUAL(cuMemAlloc_v2(&second, MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(1), MIB);
    CHECK_BOOKS();
    CHECK_EQUAL(cuMemFree_v2(first), GS_SUCCESS); /* whatever context is current */
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuMemFree_v2(second), GS_SUCCESS);
}

static void managedMemoryIsChargedInFull(void)
{
    gs_deviceptr address;
    uint64_t bytes;
    CHECK_EQUAL(cuMemAllocManaged(&address, 5 * MIB, 1), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 5 * MIB);
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_MANAGED, &bytes), 1);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
}

static void pitchedMemoryIsChargedByThePitchThatItGot(void)
{
    gs_deviceptr address;
    size_t pitch;
    static const uint64_t pitches[] = {32, 512, 4096}; /* less than foreseen, as foreseen, more */
    for (size_t i = 0; i < sizeof pitches / sizeof *pitches; i++) {
        driver_pitch = pitches[i];
        CHECK_EQUAL(cuMemAllocPitch_v2(&address, &pitch, 600, 1000, 4), GS_SUCCESS);
        CHECK_EQUAL(session_used(0), pitch * 1000);
        CHECK_BOOKS();
        CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    }
    driver_pitch = 16 * MIB; /* one row is more than the limit leaves: taken back */
    CHECK_EQUAL(cuMemAllocPitch_v2(&address, &pitch, 600, 8, 4), GS_OUT_OF_MEMORY);
    CHECK_BOOKS();
    CHECK_EQUAL(cuMemAllocPitch_v2(&address, &pitch, SIZE_MAX, 2, 4), GS_OUT_OF_MEMORY);
}

static void theOldestCallsAreChargedToo(void)
{
    gs_deviceptr_v1 address;
    unsigned int pitch;
    CHECK_EQUAL(cuMemAlloc(&address, MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuMemFree(address), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocPitch(&address, &pitch, 100, 10, 4), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 5120);
    CHECK_EQUAL(cuMemFree(address), GS_SUCCESS);
    CHECK_EQUAL(cuMemAlloc(&address, UINT32_MAX), GS_OUT_OF_MEMORY);
}

static void aDenialReachesTheProgramAsOutOfMemoryAndTheDriverNotAtAll(void)
{
    gs_deviceptr address = 4711;
    CHECK_EQUAL(cuMemAlloc_v2(&address, 64 * MIB + 1), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(driver_calls(DRIVER_cuMemAlloc_v2), 0);
    CHECK_EQUAL(address, 4711);
    CHECK_EQUAL(session_line(0)->denials, 1);
    CHECK_EQUAL(cuMemAlloc_v2(&address, 64 * MIB), GS_SUCCESS); /* to the last byte */
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
}

static void aFailureOfTheDriverCostsNothing(void)
{
    gs_deviceptr address = 4711;
    size_t pitch;
    driver_fail(DRIVER_cuMemAlloc_v2, 700, 0);
    CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), 700);
    driver_fail(DRIVER_cuMemAllocPitch_v2, 700, 0);
    CHECK_EQUAL(cuMemAllocPitch_v2(&address, &pitch, 100, 10, 4), 700);
    CHECK_EQUAL(address, 4711);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), GS_SUCCESS);
    driver_fail(DRIVER_cuMemFree_v2, 700, 0);
    CHECK_EQUAL(cuMemFree_v2(address), 700);
    CHECK_EQUAL(session_used(0), MIB); /* it is still there, and still known */
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
}

static void whatIsNotOursIsForwardedAndChangesNothing(void)
{
    CHECK_EQUAL(cuMemFree_v2(0x1234567000), GS_INVALID_VALUE);
    CHECK_EQUAL(cuMemFreeAsync(0x1234567000, NULL), GS_INVALID_VALUE);
    CHECK_EQUAL(cuMemFree_v2(0), GS_SUCCESS);
    CHECK_EQUAL(cuMemAlloc_v2(NULL, MIB), GS_INVALID_VALUE);
    gs_deviceptr address;
    CHECK_EQUAL(cuMemAlloc_v2(&address, 0), GS_INVALID_VALUE);
    driver_set_context(NULL);
    CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), 201);
    CHECK_EQUAL(driver_calls(DRIVER_cuMemAlloc_v2), 2);
    CHECK_EQUAL(session_counts().asked, 0);
}

static void aFullTableTakesTheMemoryBack(void)
{
    gs_deviceptr address;
    CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    /* Every place of the table is taken. */
    struct page *page = process_page(process_get());
    page->header->segments = GPUSLICE_TABLE_SEGMENTS;
    uint64_t next = address + 2 * (MIB + 4096); /* the driver's next address */
    for (uint32_t segment = 0; segment < GPUSLICE_TABLE_SEGMENTS; segment++) {
        for (uint32_t step = 0; step < 4; step++) { /* its windows */
            struct gpuslice_page_entry *bucket = table_bucket(page, segment, table_mix(next), step);
            for (uint32_t i = 0; i < TABLE_BUCKET; i++)
                bucket[i].handle = GPUSLICE_ENTRY_CLAIMED;
        }
    }
    gs_deviceptr refused = 4711;
    CHECK_EQUAL(cuMemAlloc_v2(&refused, MIB), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(driver_calls(DRIVER_cuMemAlloc_v2), 2); /* the driver was asked, and gave */
    CHECK_EQUAL(refused, 4711);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_BOOKS();
}

static void allocate_and_free(void *context, int index)
{
    gs_deviceptr addresses[8] = {0};
    (void)context;
    driver_set_context(driver_primary_context(index % 2));
    for (int i = 0; i < 4000; i++) {
        gs_deviceptr *address = &addresses[i % 8];
        if (*address != 0)
            CHECK_EQUAL(cuMemFree_v2(*address), GS_SUCCESS);
        *address = 0;
        cuMemAlloc_v2(address, (uint64_t)(1 + i % 7) * MIB);
    }
    for (int i = 0; i < 8; i++) {
        if (addresses[i] != 0)
            CHECK_EQUAL(cuMemFree_v2(addresses[i]), GS_SUCCESS);
    }
}

static void eightThreadsKeepTheBooksRight(void)
{
    test_threads(8, allocate_and_free, NULL);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_used(1), 0);
    CHECK(session_line(0)->peak <= 64 * MIB);
}

/* Nothing of the parent's is the child's: neither its page nor its private tables. */
static void aChildOwnsNothing(void)
{
    if (test_skip_emulated("does not wipe memory on fork"))
        return;
    gs_deviceptr address, async;
    CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocAsync(&async, MIB, NULL), GS_SUCCESS);
    pid_t child = fork();
    if (child == 0) {
        struct process *process = process_get();
        _exit(process->page != NULL || process->measures != 0 || process->pools.pointers.count != 0 ||
              cuMemFree_v2(async) != GS_SUCCESS); /* forwarded as any unknown pointer */
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    CHECK_EQUAL(cuMemFree_v2(async), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
}

void linear_tests(void)
{
    RUN_IN_SESSION(linearMemoryIsChargedExactly, 64 * MIB);
    RUN_IN_SESSION(managedMemoryIsChargedInFull, 64 * MIB);
    RUN_IN_SESSION(pitchedMemoryIsChargedByThePitchThatItGot, 64 * MIB);
    RUN_IN_SESSION(theOldestCallsAreChargedToo, 64 * MIB);
    RUN_IN_SESSION(aDenialReachesTheProgramAsOutOfMemoryAndTheDriverNotAtAll, 64 * MIB);
    RUN_IN_SESSION(aFailureOfTheDriverCostsNothing, 64 * MIB);
    RUN_IN_SESSION(whatIsNotOursIsForwardedAndChangesNothing, 64 * MIB);
    RUN_IN_SESSION(aFullTableTakesTheMemoryBack, 64 * MIB);
    RUN_IN_SESSION(eightThreadsKeepTheBooksRight, 64 * MIB);
    RUN_IN_SESSION(aChildOwnsNothing, 64 * MIB);
}
