/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "imports.h"
#include "ledger.h"
#include "physical.h"
#include "process.h"
#include "session.h"

static void importedMemoryIsNeitherChargedNorCredited(void)
{
    struct process *process = process_get();
    struct gs_ipc_handle handle = {{0}};
    handle.bytes[0] = 'I', handle.bytes[63] = 'C';
    gs_deviceptr address, pointer, mapped;
    gs_handle physical;
    gs_object pool, external;
    struct gs_external_memory descriptor = {.type = GS_EXTERNAL_OPAQUE_FD, .handle.fd = -1};
    char data[64] = "exported";
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(i == 0 ? cuIpcOpenMemHandle(&address, handle, 1) : cuIpcOpenMemHandle_v2(&address, handle, 1),
                    GS_SUCCESS); /* all 64 bytes came through */
        CHECK_EQUAL(cuMemImportFromShareableHandle(&physical, (void *)(intptr_t)-1, GS_HANDLE_POSIX_FD), GS_SUCCESS);
        CHECK_EQUAL(cuMemMap(0x7f0000000000, MIB, 0, physical, 0), GS_SUCCESS);
        CHECK_EQUAL(cuMemPoolImportFromShareableHandle(&pool, (void *)(intptr_t)-1, GS_HANDLE_POSIX_FD, 0), GS_SUCCESS);
        CHECK_EQUAL(cuMemPoolImportPointer(&pointer, pool, data), GS_SUCCESS);
        CHECK_EQUAL(cuImportExternalMemory(&external, &descriptor), GS_SUCCESS);
        CHECK_EQUAL(process->imports.live.count, 5);
        CHECK_EQUAL(cuMemFreeAsync(pointer, NULL), GS_SUCCESS);
        CHECK_EQUAL(cuMemPoolDestroy(pool), GS_SUCCESS);
        CHECK_EQUAL(cuMemRelease(physical), GS_SUCCESS);
        CHECK_EQUAL(process->imports.live.count, 3); /* it is still mapped */
        CHECK_EQUAL(cuMemUnmap(0x7f0000000000, MIB), GS_SUCCESS);
        CHECK_EQUAL(cuDestroyExternalMemory(external), GS_SUCCESS);
        CHECK_EQUAL(cuIpcCloseMemHandle(address), GS_SUCCESS);
        CHECK_EQUAL(process->imports.live.count, 0);
    }
    CHECK_EQUAL(cuIpcOpenMemHandle_v2(NULL, handle, 1), GS_INVALID_VALUE);
    CHECK_EQUAL(cuIpcCloseMemHandle(4711), GS_INVALID_VALUE);
    CHECK_EQUAL(cuMemAlloc_v2(&mapped, MIB), GS_SUCCESS); /* nothing went below zero */
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuMemFree_v2(mapped), GS_SUCCESS);
}

static void anImportOfOnesOwnMemoryIsAReferenceToIt(void)
{
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    gs_handle handle, again;
    CHECK_EQUAL(cuMemCreate(&handle, MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemImportFromShareableHandle(&again, (void *)(uintptr_t)handle, 2), GS_SUCCESS);
    CHECK_EQUAL(again, handle);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
}

static void anImportOfOnesOwnMemoryThatIsOnlyMappedHoldsIt(void)
{
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    gs_handle handle, again;
    CHECK_EQUAL(cuMemCreate(&handle, MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemMap(0x7f0000000000, MIB, 0, handle, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(cuMemImportFromShareableHandle(&again, (void *)(uintptr_t)handle, 2), GS_SUCCESS);
    CHECK_EQUAL(again, handle);
    CHECK_EQUAL(cuMemUnmap(0x7f0000000000, MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuMemRelease(again), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(process_get()->imports.live.count, 0);
}

static const uint64_t gone = 0xa44a;

/* An array that went with its context holds for ever what was mapped into it, and the driver uses the number again. */
static gs_handle number_of_other_memory(void)
{
    struct process *process = process_get();
    gs_handle number = driver_next_handle(0);
    int state = physical_enter(process);
    CHECK(ledger_reserve(config_get(), process, 0, 2 * MIB));
    CHECK(ledger_record(process, 0, 2 * MIB, number, GPUSLICE_KIND_PHYSICAL));
    CHECK(physical_add(process, number, 0, 2 * MIB));
    physical_hold(process, gone, 0, 0, number);
    physical_release(process, number);
    physical_leave(process, state);
    return number;
}

static void check_that_only_other_memory_is_left(void)
{
    struct process *process = process_get();
    CHECK_EQUAL(session_used(0), 2 * MIB);
    int state = physical_enter(process);
    physical_let_go_all(process, gone);
    physical_leave(process, state);
    CHECK_EQUAL(session_used(0), 0);
}

static void anImportWhoseNumberWasOtherMemorysIsNotTakenForThat(void)
{
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    gs_handle own, import;
    int exported = -1;
    CHECK_EQUAL(cuMemCreate(&own, MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemExportToShareableHandle(&exported, own, GS_HANDLE_POSIX_FD, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemImportFromShareableHandle(&import, (void *)(intptr_t)exported, GS_HANDLE_POSIX_FD), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(import), GS_SUCCESS);
    gs_handle number = number_of_other_memory();
    CHECK_EQUAL(cuMemImportFromShareableHandle(&import, (void *)(intptr_t)exported, GS_HANDLE_POSIX_FD), GS_SUCCESS);
    CHECK_EQUAL(import, number);
    CHECK_EQUAL(cuMemRelease(own), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 3 * MIB);
    CHECK_EQUAL(cuMemRelease(import), GS_SUCCESS);
    check_that_only_other_memory_is_left();
}

static void aMulticastObjectWhoseNumberWasOtherMemorysLetsGoOfWhatItHolds(void)
{
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    gs_handle memory, multicast;
    uint64_t anything[8] = {0};
    CHECK_EQUAL(cuMemCreate(&memory, MIB, &prop, 0), GS_SUCCESS);
    gs_handle number = number_of_other_memory();
    CHECK_EQUAL(cuMulticastCreate(&multicast, anything), GS_SUCCESS);
    CHECK_EQUAL(multicast, number);
    CHECK_EQUAL(cuMulticastBindMem(multicast, 0, memory, 0, MIB, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(memory), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 3 * MIB);
    CHECK_EQUAL(cuMemRelease(multicast), GS_SUCCESS);
    check_that_only_other_memory_is_left();
}

/* As when the driver used the number of memory that an array kept charged again, for another array. */
static void anArrayAndMemoryOfTheSameNumberAreToldApart(void)
{
    struct process *process = process_get();
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    gs_handle number, mapped;
    CHECK_EQUAL(cuMemCreate(&number, MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemCreate(&mapped, 2 * MIB, &prop, 0), GS_SUCCESS);
    int state = physical_enter(process);
    physical_hold(process, physical_array((gs_object)(uintptr_t)number), 0, 0, mapped);
    physical_leave(process, state);
    CHECK_EQUAL(cuMemRelease(mapped), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(number), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    state = physical_enter(process);
    physical_let_go_all(process, physical_array((gs_object)(uintptr_t)number));
    physical_leave(process, state);
    CHECK_EQUAL(session_used(0), 0);
}

static void anotherHandleForOnesOwnMemoryHoldsIt(void)
{
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    gs_handle handle, stranger, another;
    int exported = -1;
    CHECK_EQUAL(cuMemCreate(&stranger, MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemCreate(&handle, MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemExportToShareableHandle(&exported, handle, GS_HANDLE_POSIX_FD, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemImportFromShareableHandle(&another, (void *)(intptr_t)exported, GS_HANDLE_POSIX_FD), GS_SUCCESS);
    CHECK(another != handle);
    CHECK_EQUAL(cuMemRelease(stranger), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuMemRelease(another), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
}

/* As soon as the driver has nothing of it but the import, it may give its handle to other memory. */
static void anImportTakesTheChargeOverFromTheHandleItOutlives(void)
{
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    struct process *process = process_get();
    gs_handle handle, imports[2];
    uint64_t bytes;
    int exported = -1;
    CHECK_EQUAL(cuMemCreate(&handle, MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemExportToShareableHandle(&exported, handle, GS_HANDLE_POSIX_FD, 0), GS_SUCCESS);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(cuMemImportFromShareableHandle(&imports[i], (void *)(intptr_t)exported, GS_HANDLE_POSIX_FD), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_PHYSICAL, &bytes), 1);
    int state = physical_enter(process);
    CHECK_EQUAL(physical_device(process, handle), PHYSICAL_NOT_CHARGED);
    CHECK(physical_add(process, handle, 0, 2 * MIB)); /* the number again */
    CHECK_EQUAL(ledger_record(process, 0, 0, handle, GPUSLICE_KIND_PHYSICAL), true);
    physical_release(process, handle);
    physical_leave(process, state);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuMemRelease(imports[1]), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuMemRelease(imports[0]), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(process->imports.live.count, 0);
    CHECK_EQUAL(process->shares.live.count, 0);
    CHECK_EQUAL(process->physical.holds.count + process->physical.handles.count, 0);
}

static void theKeyOfAnImportIsThatOfItsExport(void)
{
    struct process *process = process_get();
    int exported = memfd_create("exported", MFD_CLOEXEC);
    int received = dup(exported), other = memfd_create("other", MFD_CLOEXEC);
    struct share_key first = imports_key_of_descriptor(exported), second = imports_key_of_descriptor(received);
    struct share_key third = imports_key_of_descriptor(other), none = {{0}};
    CHECK(memcmp(&first, &second, sizeof first) == 0);
    CHECK(memcmp(&first, &third, sizeof first) != 0);
    CHECK(memcmp(&first, &none, sizeof first) != 0);
    int device = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct share_key same_for_all = imports_key_of_descriptor(device);
    CHECK(memcmp(&same_for_all, &none, sizeof none) == 0);
    close(device), close(exported), close(received), close(other);
    struct gs_ipc_handle handle = {{'I'}};
    handle.bytes[63] = 'C';
    gs_deviceptr address;
    struct import import;
    CHECK_EQUAL(cuIpcOpenMemHandle_v2(&address, handle, 1), GS_SUCCESS);
    CHECK(imports_find(process, address, &import));
    CHECK_EQUAL(import.kind, IMPORT_IPC);
    CHECK(memcmp(import.key.bytes, handle.bytes, sizeof handle.bytes) == 0);
    CHECK_EQUAL(cuIpcCloseMemHandle(address), GS_SUCCESS);
    CHECK(!imports_find(process, address, &import));
}

void import_tests(void)
{
    RUN_IN_SESSION(importedMemoryIsNeitherChargedNorCredited, 64 * MIB);
    RUN_IN_SESSION(anImportOfOnesOwnMemoryIsAReferenceToIt, 64 * MIB);
    RUN_IN_SESSION(anImportOfOnesOwnMemoryThatIsOnlyMappedHoldsIt, 64 * MIB);
    RUN_IN_SESSION(anImportWhoseNumberWasOtherMemorysIsNotTakenForThat, 64 * MIB);
    RUN_IN_SESSION(aMulticastObjectWhoseNumberWasOtherMemorysLetsGoOfWhatItHolds, 64 * MIB);
    RUN_IN_SESSION(anArrayAndMemoryOfTheSameNumberAreToldApart, 64 * MIB);
    RUN_IN_SESSION(anotherHandleForOnesOwnMemoryHoldsIt, 64 * MIB);
    RUN_IN_SESSION(anImportTakesTheChargeOverFromTheHandleItOutlives, 64 * MIB);
    RUN_IN_SESSION(theKeyOfAnImportIsThatOfItsExport, 64 * MIB);
}
