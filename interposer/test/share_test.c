/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "deferred.h"
#include "driver.h"
#include "imports.h"
#include "ledger.h"
#include "process.h"
#include "session.h"
#include "shares.h"

static struct gpuslice_share heard[SESSION_SHARES];

static struct gs_ipc_handle ipc_of(const char *name)
{
    struct gs_ipc_handle handle = {.bytes = {'I'}};
    memcpy(handle.bytes + 8, name, strlen(name));
    handle.bytes[63] = 'C';
    return handle;
}

static gs_deviceptr exported(uint64_t bytes, struct gs_ipc_handle *handle)
{
    gs_deviceptr address = 0;
    CHECK_EQUAL(cuMemAlloc_v2(&address, bytes), GS_SUCCESS);
    CHECK_EQUAL(cuIpcGetMemHandle(handle, address), GS_SUCCESS);
    return address;
}

static void check_frame(uint32_t i, uint32_t what, uint32_t device, uint64_t bytes, const void *key)
{
    CHECK_EQUAL(heard[i].what, what);
    CHECK_EQUAL(heard[i].device, device);
    CHECK_EQUAL(heard[i].bytes, bytes);
    CHECK(memcmp(heard[i].key, key, sizeof heard[i].key) == 0);
}

static void theDaemonHearsWhatIsExportedAndWhenItIsLetGo(void)
{
    struct gs_ipc_handle handle, again;
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 1}};
    gs_handle physical;
    gs_deviceptr plain;
    int descriptor = -1;
    CHECK_EQUAL(cuMemAlloc_v2(&plain, MIB), GS_SUCCESS);
    gs_deviceptr address = exported(3 * MIB, &handle);
    CHECK_EQUAL(cuIpcGetMemHandle(&again, address), GS_SUCCESS); /* the same handle: nothing new */
    CHECK_EQUAL(cuMemCreate(&physical, 2 * MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemExportToShareableHandle(&descriptor, physical, GS_HANDLE_POSIX_FD, 0), GS_SUCCESS);
    struct share_key key = imports_key_of_descriptor(descriptor);
    CHECK_EQUAL(cuMemMap(0x7f0000000000, 2 * MIB, 0, physical, 0), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 2);
    check_frame(0, GPUSLICE_SHARE_EXPORTED, 0, 3 * MIB, handle.bytes);
    check_frame(1, GPUSLICE_SHARE_EXPORTED, 1, 2 * MIB, key.bytes);
    CHECK_EQUAL(cuMemFree_v2(plain), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(physical), GS_SUCCESS); /* still mapped */
    CHECK_EQUAL(session_shares(heard), 0);
    CHECK_EQUAL(cuMemUnmap(0x7f0000000000, 2 * MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 2);
    check_frame(0, GPUSLICE_SHARE_RELEASED, 1, 0, key.bytes);
    check_frame(1, GPUSLICE_SHARE_RELEASED, 0, 0, handle.bytes);
    CHECK_EQUAL(process_get()->shares.live.count, 0);
    CHECK_EQUAL(process_get()->shares.blocks.count, 0);
    CHECK_EQUAL(process_get()->shares.exports.count, 0);
}

static void theDaemonHearsOfAPoolsPointers(void)
{
    gs_deviceptr address;
    uint8_t data[64];
    CHECK_EQUAL(cuMemAllocAsync(&address, MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolExportPointer(data, address), GS_SUCCESS);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 2);
    check_frame(0, GPUSLICE_SHARE_EXPORTED, 0, MIB, data);
    check_frame(1, GPUSLICE_SHARE_RELEASED, 0, 0, data);
}

static void whatIsOpenedIsToldUntilItsLastReferenceIsGone(void)
{
    struct gs_ipc_handle handle = ipc_of("of another process");
    struct gs_external_memory external = {.type = GS_EXTERNAL_OPAQUE_FD, .size = 5 * MIB};
    uint8_t data[64] = "a pointer";
    gs_deviceptr first, second, pointer;
    gs_handle physical;
    gs_object pool, memory;
    int file = memfd_create("of another process", MFD_CLOEXEC);
    struct share_key key = imports_key_of_descriptor(file);
    external.handle.fd = file;
    CHECK_EQUAL(cuIpcOpenMemHandle_v2(&first, handle, 1), GS_SUCCESS);
    CHECK_EQUAL(cuIpcOpenMemHandle_v2(&second, handle, 1), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolImportFromShareableHandle(&pool, (void *)(intptr_t)file, GS_HANDLE_POSIX_FD, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolImportPointer(&pointer, pool, data), GS_SUCCESS);
    CHECK_EQUAL(cuMemImportFromShareableHandle(&physical, (void *)(intptr_t)file, GS_HANDLE_POSIX_FD), GS_SUCCESS);
    CHECK_EQUAL(cuImportExternalMemory(&memory, &external), GS_SUCCESS); /* of the same file: one key */
    CHECK_EQUAL(session_shares(heard), 3);
    check_frame(0, GPUSLICE_SHARE_IMPORTED, 0, MIB, handle.bytes);
    check_frame(1, GPUSLICE_SHARE_IMPORTED, 0, 0, data);
    check_frame(2, GPUSLICE_SHARE_IMPORTED, 1, 0, key.bytes);
    CHECK_EQUAL(cuIpcCloseMemHandle(first), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(physical), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 0);
    CHECK_EQUAL(cuIpcCloseMemHandle(second), GS_SUCCESS);
    CHECK_EQUAL(cuDestroyExternalMemory(memory), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(pointer, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolDestroy(pool), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 3);
    check_frame(0, GPUSLICE_SHARE_CLOSED, 0, 0, handle.bytes);
    check_frame(1, GPUSLICE_SHARE_CLOSED, 1, 0, key.bytes);
    check_frame(2, GPUSLICE_SHARE_CLOSED, 0, 0, data);
    CHECK_EQUAL(process_get()->shares.live.count, 0);
    close(file);
}

static void anIpcHandleThatIsOpenedAgainIsClosedAsOften(void)
{
    struct process *process = process_get();
    struct share_key key = {{'k'}};
    struct import import;
    for (int i = 0; i < 2; i++)
        imports_begin(process, 0x1000, IMPORT_IPC, key, 0, MIB);
    imports_end(process, 0x1000);
    CHECK(imports_find(process, 0x1000, &import));
    imports_end(process, 0x1000);
    CHECK(!imports_find(process, 0x1000, &import));
    (void)session_shares(heard);
    CHECK_EQUAL(process->shares.live.count, 0);
}

static void whatIsOnesOwnIsNotToldAsAnImport(void)
{
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    gs_handle handle, another;
    int descriptor = -1;
    CHECK_EQUAL(cuMemCreate(&handle, MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemExportToShareableHandle(&descriptor, handle, GS_HANDLE_POSIX_FD, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemImportFromShareableHandle(&another, (void *)(intptr_t)descriptor, GS_HANDLE_POSIX_FD), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(handle), GS_SUCCESS); /* the other one holds it */
    CHECK_EQUAL(session_shares(heard), 1);
    CHECK_EQUAL(heard[0].what, GPUSLICE_SHARE_EXPORTED);
    CHECK_EQUAL(cuMemRelease(another), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 1);
    CHECK_EQUAL(heard[0].what, GPUSLICE_SHARE_RELEASED);
}

static void whatHasNoKeyIsNotFollowed(void)
{
    struct gs_external_memory external = {.type = GS_EXTERNAL_OPAQUE_FD, .size = MIB};
    gs_object memory;
    external.handle.fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* one file for all: it tells nothing apart */
    CHECK_EQUAL(cuImportExternalMemory(&memory, &external), GS_SUCCESS);
    CHECK_EQUAL(cuDestroyExternalMemory(memory), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 0);
    close(external.handle.fd);
}

static void theEndOfAContextLetsGoOfWhatWasSharedInIt(void)
{
    struct gs_ipc_handle handle, other = ipc_of("of another process");
    gs_deviceptr opened;
    exported(MIB, &handle);
    CHECK_EQUAL(cuIpcOpenMemHandle_v2(&opened, other, 1), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 2);
    CHECK_EQUAL(cuIpcCloseMemHandle(opened), GS_SUCCESS); /* as the reset would, unseen by us … */
    CHECK_EQUAL(session_shares(heard), 1);
    imports_begin(process_get(), opened, IMPORT_IPC, imports_key_of_bytes(other.bytes), 0, MIB);
    CHECK_EQUAL(session_shares(heard), 1);
    CHECK_EQUAL(cuDevicePrimaryCtxReset_v2(0), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 2);
    check_frame(0, GPUSLICE_SHARE_RELEASED, 0, 0, handle.bytes);
    check_frame(1, GPUSLICE_SHARE_CLOSED, 0, 0, other.bytes);
}

static void whatTheDriverDoesNotTakeBackIsNotLetGoOf(void)
{
    struct gs_ipc_handle handle, again;
    gs_deviceptr address = exported(3 * MIB, &handle);
    CHECK_EQUAL(session_shares(heard), 1);
    driver_fail(DRIVER_cuMemFree_v2, GS_INVALID_VALUE, 0);
    CHECK_EQUAL(cuMemFree_v2(address), GS_INVALID_VALUE);
    CHECK_EQUAL(cuIpcGetMemHandle(&again, address), GS_SUCCESS); /* still the same */
    CHECK_EQUAL(session_shares(heard), 0);
    CHECK_EQUAL(session_used(0), 3 * MIB);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 1);
    check_frame(0, GPUSLICE_SHARE_RELEASED, 0, 0, handle.bytes);
    CHECK_EQUAL(session_used(0), 0);
}

static void whatIsFreedLaterIsLetGoOfThen(void)
{
    struct gs_ipc_handle handle;
    gs_deviceptr address = exported(3 * MIB, &handle);
    CHECK_EQUAL(session_shares(heard), 1);
    driver_lag(true);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 0);
    CHECK_EQUAL(session_used(0), 3 * MIB);
    driver_lag(false);
    deferred_settle(process_get());
    CHECK_EQUAL(session_shares(heard), 1);
    check_frame(0, GPUSLICE_SHARE_RELEASED, 0, 0, handle.bytes);
    CHECK_EQUAL(session_used(0), 0);
}

static void anAddressThatIsGivenAgainBeforeTheFreeIsOverIsOtherMemory(void)
{
    struct process *process = process_get();
    struct share_key key = {{'k'}}, other = {{'o'}};
    session_shares(heard);
    CHECK(ledger_reserve(config_get(), process, 0, 3 * MIB));
    CHECK(shares_exported(config_get(), process, SHARES_ADDRESS, 0x1000, 0, MIB, &key));
    uint64_t export = shares_detach(process, SHARES_ADDRESS, 0x1000);
    CHECK(shares_exported(config_get(), process, SHARES_ADDRESS, 0x1000, 0, 2 * MIB, &other)); /* another thread's */
    CHECK_EQUAL(session_shares(heard), 2);
    shares_release(process, export);
    CHECK_EQUAL(session_shares(heard), 1);
    check_frame(0, GPUSLICE_SHARE_RELEASED, 0, 0, key.bytes);
    shares_released(process, SHARES_ADDRESS, 0x1000);
    CHECK_EQUAL(session_shares(heard), 1);
    check_frame(0, GPUSLICE_SHARE_RELEASED, 0, 0, other.bytes);
    CHECK_EQUAL(process->shares.live.count, 0);
    CHECK_EQUAL(process->shares.exports.count, 0);
    ledger_give_back(process, 0, 3 * MIB, 0x1000);
}

static void whileTheDaemonIsAwayNothingIsLost(void)
{
    struct gs_ipc_handle gone, stays, again, opened = ipc_of("of another process");
    gs_deviceptr import;
    gs_deviceptr leaves = exported(MIB, &gone), kept = exported(2 * MIB, &stays);
    CHECK_EQUAL(cuIpcOpenMemHandle_v2(&import, opened, 1), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 3);
    session_lose_daemon();
    uint64_t before = test_now_ms();
    CHECK_EQUAL(cuMemFree_v2(leaves), GS_SUCCESS);
    CHECK(test_now_ms() - before < 1000);
    CHECK_EQUAL(cuIpcGetMemHandle(&again, kept), GS_SUCCESS); /* which it has heard of */
    CHECK_EQUAL(cuIpcCloseMemHandle(import), GS_SUCCESS);
    session_find_daemon();
    CHECK_EQUAL(session_shares(heard), 3);
    check_frame(0, GPUSLICE_SHARE_RELEASED, 0, 0, gone.bytes);
    check_frame(1, GPUSLICE_SHARE_CLOSED, 0, 0, opened.bytes);
    check_frame(2, GPUSLICE_SHARE_EXPORTED, 0, 2 * MIB, stays.bytes);
    CHECK_EQUAL(cuMemFree_v2(kept), GS_SUCCESS);
}

static const struct gs_ipc_handle no_handle;

static void whatTheDaemonCannotHearOfIsNotExported(void)
{
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 1}};
    struct gs_ipc_handle handle;
    gs_handle physical;
    gs_deviceptr address, pointer;
    uint8_t data[64];
    int descriptor = -1;
    CHECK_EQUAL(cuMemAlloc_v2(&address, MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemAllocAsync(&pointer, MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemCreate(&physical, MIB, &prop, 0), GS_SUCCESS);
    session_lose_daemon();
    CHECK_EQUAL(cuIpcGetMemHandle(&handle, address), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(cuMemPoolExportPointer(data, pointer), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(cuMemExportToShareableHandle(&descriptor, physical, GS_HANDLE_POSIX_FD, 0), GS_OUT_OF_MEMORY);
    CHECK(memcmp(&handle, &no_handle, sizeof handle) == 0);
    CHECK(memcmp(data, &no_handle, sizeof data) == 0);
    CHECK_EQUAL(fcntl(descriptor, F_GETFD), -1);
    session_find_daemon();
    CHECK_EQUAL(session_shares(heard), 0);
    CHECK_EQUAL(process_get()->shares.live.count, 0);
    CHECK_EQUAL(cuIpcGetMemHandle(&handle, address), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 1);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    CHECK_EQUAL(cuMemFree_v2(pointer), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(physical), GS_SUCCESS);
}

static void whatTheDaemonCannotHearOfIsNotImported(void)
{
    struct gs_external_memory external = {.type = GS_EXTERNAL_OPAQUE_FD, .size = MIB};
    struct process *process = process_get();
    uint8_t data[64] = "a pointer";
    gs_deviceptr address;
    gs_handle physical;
    gs_object pool, memory;
    int file = memfd_create("of another process", MFD_CLOEXEC), other = memfd_create("another", MFD_CLOEXEC);
    external.handle.fd = other;
    session_shares(heard); /* joins */
    session_lose_daemon();
    CHECK_EQUAL(cuIpcOpenMemHandle(&address, ipc_of("one"), 1), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(cuIpcOpenMemHandle_v2(&address, ipc_of("another"), 1), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(cuMemPoolImportFromShareableHandle(&pool, (void *)(intptr_t)file, GS_HANDLE_POSIX_FD, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolImportPointer(&address, pool, data), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(cuMemImportFromShareableHandle(&physical, (void *)(intptr_t)file, GS_HANDLE_POSIX_FD), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(cuImportExternalMemory(&memory, &external), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(process->imports.live.count, 1); /* the pool, which is only a name */
    CHECK_EQUAL(process->physical.handles.count, 0);
    session_find_daemon();
    CHECK_EQUAL(session_shares(heard), 0);
    CHECK_EQUAL(process->shares.live.count, 0);
    CHECK_EQUAL(cuMemPoolImportPointer(&address, pool, data), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 1);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolDestroy(pool), GS_SUCCESS);
    close(file);
    close(other);
}

/* Somebody else may still have it, and pays for it only when the daemon knows. */
static void whatIsFreedWhileTheDaemonIsAwayIsUsedUntilItHasHeard(void)
{
    struct gs_allocation_prop prop = {.location = {GS_LOCATION_DEVICE, 0}};
    struct gs_ipc_handle handle;
    gs_handle physical;
    gs_deviceptr plain, pointer, reset;
    uint8_t data[64];
    int descriptor = -1;
    gs_deviceptr linear = exported(MIB, &handle), async = exported(2 * MIB, &handle);
    CHECK_EQUAL(cuMemCreate(&physical, 4 * MIB, &prop, 0), GS_SUCCESS);
    CHECK_EQUAL(cuMemExportToShareableHandle(&descriptor, physical, GS_HANDLE_POSIX_FD, 0), GS_SUCCESS);
    close(descriptor);
    CHECK_EQUAL(cuMemAllocAsync(&pointer, 8 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemPoolExportPointer(data, pointer), GS_SUCCESS);
    reset = exported(16 * MIB, &handle);
    CHECK(reset != 0);
    CHECK_EQUAL(cuMemAlloc_v2(&plain, MIB), GS_SUCCESS);
    session_lose_daemon();
    CHECK_EQUAL(cuMemFree_v2(plain), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 31 * MIB); /* what is not shared is credit at once */
    CHECK_EQUAL(cuMemFree_v2(linear), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(async, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemRelease(physical), GS_SUCCESS);
    CHECK_EQUAL(cuMemFree_v2(pointer), GS_SUCCESS);
    CHECK_EQUAL(cuDevicePrimaryCtxReset_v2(0), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 31 * MIB);
    session_find_daemon();
    CHECK_EQUAL(session_shares(heard), 10); /* the exports before, and their ends */
    CHECK_BOOKS();
    CHECK_EQUAL(session_used(0), 0);
}

static void aBlockOfSeveralNamesIsKeptBackOnce(void)
{
    struct process *process = process_get();
    struct share_key keys[2] = {{{'a'}}, {{'b'}}};
    session_shares(heard);
    CHECK(ledger_reserve(config_get(), process, 0, 5 * MIB));
    for (int i = 0; i < 2; i++)
        CHECK(shares_exported(config_get(), process, SHARES_ADDRESS, 0x1000, 0, MIB, &keys[i]));
    session_lose_daemon();
    shares_released(process, SHARES_ADDRESS, 0x1000);
    ledger_give_back(process, 0, 5 * MIB, 0x1000);
    CHECK_EQUAL(session_used(0), MIB);
    session_find_daemon();
    CHECK_EQUAL(session_shares(heard), 4);
    CHECK_EQUAL(session_used(0), 0);
}

static void aReleaseThatIsHeardBeforeTheMemoryIsFreeKeepsNothingBack(void)
{
    struct process *process = process_get();
    struct share_key key = {{'k'}};
    session_shares(heard);
    CHECK(ledger_reserve(config_get(), process, 0, 5 * MIB));
    CHECK(shares_exported(config_get(), process, SHARES_ADDRESS, 0x1000, 0, MIB, &key));
    session_lose_daemon();
    shares_released(process, SHARES_ADDRESS, 0x1000);
    session_find_daemon();
    CHECK_EQUAL(session_shares(heard), 2);
    ledger_give_back(process, 0, 5 * MIB, 0x1000);
    CHECK_EQUAL(session_used(0), 0);
}

static void whatTheDaemonDiedBeforeItHeardIsSaidAgain(void)
{
    struct gs_ipc_handle handle, other = ipc_of("of another process");
    gs_deviceptr import, plain;
    CHECK_EQUAL(cuMemAlloc_v2(&plain, MIB), GS_SUCCESS);
    session_miss_a_share();
    gs_deviceptr address = exported(MIB, &handle); /* asks the next daemon at once */
    session_miss_a_share();
    CHECK_EQUAL(cuIpcOpenMemHandle_v2(&import, other, 1), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 3);
    check_frame(0, GPUSLICE_SHARE_EXPORTED, 0, MIB, handle.bytes);
    check_frame(1, GPUSLICE_SHARE_IMPORTED, 0, MIB, other.bytes);
    check_frame(2, GPUSLICE_SHARE_EXPORTED, 0, MIB, handle.bytes);
    session_miss_a_share();
    CHECK_EQUAL(cuIpcCloseMemHandle(import), GS_SUCCESS);
    CHECK_EQUAL(session_shares(heard), 2);
    check_frame(0, GPUSLICE_SHARE_CLOSED, 0, 0, other.bytes);
    CHECK_EQUAL(heard[1].what, GPUSLICE_SHARE_EXPORTED);
    session_miss_a_share();
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    CHECK_EQUAL(session_shares(heard), 1);
    check_frame(0, GPUSLICE_SHARE_RELEASED, 0, 0, handle.bytes);
    CHECK_EQUAL(session_used(0), MIB);
    CHECK_EQUAL(cuMemFree_v2(plain), GS_SUCCESS);
}

static void aKeyThatIsUsedAgainNamesTheNewMemory(void)
{
    struct process *process = process_get();
    struct share_key key = {{'k'}};
    session_shares(heard); /* joins */
    shares_exported(config_get(), process, SHARES_ADDRESS, 0x1000, 0, MIB, &key);
    CHECK_EQUAL(session_shares(heard), 1);
    CHECK(ledger_reserve(config_get(), process, 0, MIB));
    session_lose_daemon();
    shares_released(process, SHARES_ADDRESS, 0x1000);
    ledger_give_back(process, 0, MIB, 0x1000);
    session_find_daemon();
    CHECK(shares_exported(config_get(), process, SHARES_ADDRESS, 0x2000, 1, 2 * MIB, &key));
    shares_released(process, SHARES_ADDRESS, 0x1000); /* that name is not its any more */
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_shares(heard), 2);
    CHECK_EQUAL(heard[0].what, GPUSLICE_SHARE_RELEASED);
    check_frame(1, GPUSLICE_SHARE_EXPORTED, 1, 2 * MIB, key.bytes);
    shares_released(process, SHARES_ADDRESS, 0x2000);
    CHECK_EQUAL(session_shares(heard), 1);
}

static void aBlockOfSeveralNamesIsLetGoOfUnderEach(void)
{
    struct process *process = process_get();
    struct share_key keys[3] = {{{'a'}}, {{'b'}}, {{'c'}}};
    session_shares(heard);
    for (int i = 0; i < 3; i++)
        shares_exported(config_get(), process, i == 2 ? SHARES_PHYSICAL : SHARES_ADDRESS, 0x1000, 0, MIB, &keys[i]);
    CHECK_EQUAL(session_shares(heard), 3);
    shares_released(process, SHARES_ADDRESS, 0x1000);
    CHECK_EQUAL(session_shares(heard), 2); /* the number is another thing's as well */
    CHECK(heard[0].key[0] != 'c' && heard[1].key[0] != 'c' && heard[0].key[0] != heard[1].key[0]);
    shares_released(process, SHARES_PHYSICAL, 0x1000);
    CHECK_EQUAL(session_shares(heard), 1);
    check_frame(0, GPUSLICE_SHARE_RELEASED, 0, 0, keys[2].bytes);
}

static void keysBeyondTheMostAreNotFollowed(void)
{
    struct process *process = process_get();
    struct share_key key = {{0}};
    session_shares(heard);
    session_lose_daemon(); /* so that they are not told one by one */
    for (uint32_t i = 1; i <= SHARES_MAX; i++) {
        memcpy(key.bytes, &i, sizeof i);
        CHECK(!shares_imported(config_get(), process, 0, MIB, &key));
    }
    session_find_daemon();
    memcpy(key.bytes, &(uint32_t){SHARES_MAX + 1}, sizeof(uint32_t));
    CHECK(shares_imported(config_get(), process, 0, MIB, &key));
    CHECK_EQUAL(session_shares(heard), SHARES_MAX);
    CHECK(process->shares.full);
    shares_closed(process, &key); /* unknown */
    CHECK_EQUAL(session_shares(heard), 0);
    memcpy(key.bytes, &(uint32_t){1}, sizeof(uint32_t));
    shares_closed(process, &key);
    CHECK_EQUAL(session_shares(heard), 1);
    CHECK_EQUAL(process->shares.live.count, SHARES_MAX - 1);
}

void share_tests(void)
{
    RUN_IN_SESSION(theDaemonHearsWhatIsExportedAndWhenItIsLetGo, 64 * MIB);
    RUN_IN_SESSION(theDaemonHearsOfAPoolsPointers, 64 * MIB);
    RUN_IN_SESSION(whatIsOpenedIsToldUntilItsLastReferenceIsGone, 64 * MIB);
    RUN_IN_SESSION(anIpcHandleThatIsOpenedAgainIsClosedAsOften, 64 * MIB);
    RUN_IN_SESSION(whatIsOnesOwnIsNotToldAsAnImport, 64 * MIB);
    RUN_IN_SESSION(whatHasNoKeyIsNotFollowed, 64 * MIB);
    RUN_IN_SESSION(theEndOfAContextLetsGoOfWhatWasSharedInIt, 64 * MIB);
    RUN_IN_SESSION(whatTheDriverDoesNotTakeBackIsNotLetGoOf, 64 * MIB);
    RUN_IN_SESSION(whatIsFreedLaterIsLetGoOfThen, 64 * MIB);
    RUN_IN_SESSION(anAddressThatIsGivenAgainBeforeTheFreeIsOverIsOtherMemory, 64 * MIB);
    RUN_IN_SESSION(whileTheDaemonIsAwayNothingIsLost, 64 * MIB);
    RUN_IN_SESSION(whatTheDaemonCannotHearOfIsNotExported, 64 * MIB);
    RUN_IN_SESSION(whatTheDaemonCannotHearOfIsNotImported, 64 * MIB);
    RUN_IN_SESSION(whatIsFreedWhileTheDaemonIsAwayIsUsedUntilItHasHeard, 64 * MIB);
    RUN_IN_SESSION(aBlockOfSeveralNamesIsKeptBackOnce, 64 * MIB);
    RUN_IN_SESSION(aReleaseThatIsHeardBeforeTheMemoryIsFreeKeepsNothingBack, 64 * MIB);
    RUN_IN_SESSION(whatTheDaemonDiedBeforeItHeardIsSaidAgain, 64 * MIB);
    RUN_IN_SESSION(aKeyThatIsUsedAgainNamesTheNewMemory, 64 * MIB);
    RUN_IN_SESSION(aBlockOfSeveralNamesIsLetGoOfUnderEach, 64 * MIB);
    RUN_IN_SESSION(keysBeyondTheMostAreNotFollowed, 64 * MIB);
}
