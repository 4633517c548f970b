/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Memory that others can open, and memory that is imported from another process or another API: whoever exported it pays
 * for it as long as he has it. Where the daemon cannot be told of either, nobody would pay afterwards: it is refused. (Physical
 * memory is exported in hooks_vmm.c.)
 */
#include <string.h>

#include "devices.h"
#include "export.h"
#include "imports.h"
#include "physical.h"
#include "pools.h"
#include "process.h"
#include "resolve.h"
#include "shares.h"

/* ------------------------------------------------------------ what the driver knows of an address */

static bool range_of(gs_deviceptr address, gs_deviceptr *base, uint64_t *bytes)
{
    cuMemGetAddressRange_v2_fn *get = DRIVER_REAL(cuMemGetAddressRange_v2);
    size_t size = 0;
    bool known = get != NULL && get(base, &size, address) == GS_SUCCESS;
    *bytes = known ? size : 0;
    return known;
}

static bool device_of(struct process *process, gs_deviceptr address, uint32_t *device)
{
    cuPointerGetAttribute_fn *get = DRIVER_REAL(cuPointerGetAttribute);
    int ordinal;
    return get != NULL && get(&ordinal, GS_POINTER_DEVICE_ORDINAL, address) == GS_SUCCESS &&
           devices_of_ordinal(process, ordinal, device) == DEVICES_FOUND;
}

/* Where an import is, for the daemon, which knows it from the exporter as well. */
static uint32_t likely_device(struct process *process, gs_deviceptr address)
{
    uint32_t device;
    return device_of(process, address, &device) || devices_of_context(process, &device) == DEVICES_FOUND ? device : 0;
}

static bool imported(struct process *process, gs_deviceptr address, enum import_kind kind, struct share_key key)
{
    gs_deviceptr base;
    uint64_t bytes;
    range_of(address, &base, &bytes);
    return imports_begin(process, address, kind, key, likely_device(process, address), bytes);
}

/* The program does not get it. If the driver did not take it back, it is held, and still to be told. */
static gs_result refused(struct process *process, uint64_t handle, gs_result taken_back)
{
    if (taken_back == GS_SUCCESS)
        imports_end(process, handle);
    return GS_OUT_OF_MEMORY;
}

/* ------------------------------------------------------------ handles to one's own memory */

/* Only memory of a context can have one: linear or pitched. */
gs_result cuIpcGetMemHandle(struct gs_ipc_handle *handle, gs_deviceptr address)
{
    cuIpcGetMemHandle_fn *real = DRIVER_REAL(cuIpcGetMemHandle);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(handle, address);
    if (result != GS_SUCCESS || handle == NULL || !guard_enter())
        return result;
    struct process *process = process_get();
    gs_deviceptr base;
    uint64_t bytes;
    uint32_t device;
    if (process != NULL && range_of(address, &base, &bytes) && device_of(process, base, &device)) {
        struct share_key key = imports_key_of_bytes(handle->bytes);
        if (!shares_exported(config_get(), process, SHARES_ADDRESS, base, device, bytes, &key)) {
            memset(handle, 0, sizeof *handle);
            result = GS_OUT_OF_MEMORY;
        }
    }
    guard_leave();
    return result;
}

gs_result cuMemPoolExportPointer(void *data, gs_deviceptr address)
{
    cuMemPoolExportPointer_fn *real = DRIVER_REAL(cuMemPoolExportPointer);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(data, address);
    if (result != GS_SUCCESS || data == NULL || !guard_enter())
        return result;
    struct process *process = process_get();
    const struct reservoir *pool = process == NULL ? NULL : pools_of(process, address);
    gs_deviceptr base;
    uint64_t bytes;
    if (pool != NULL && pool->device != RESERVOIR_NO_VRAM && range_of(address, &base, &bytes)) {
        struct share_key key = imports_key_of_bytes(data);
        if (!shares_exported(config_get(), process, SHARES_ADDRESS, address, pool->device, bytes, &key)) {
            memset(data, 0, sizeof key);
            result = GS_OUT_OF_MEMORY;
        }
    }
    guard_leave();
    return result;
}

/* ------------------------------------------------------------ IPC handles */

static gs_result ipc_opened(gs_result result, const gs_deviceptr *address, const struct gs_ipc_handle *handle)
{
    if (result != GS_SUCCESS || address == NULL || !guard_enter())
        return result;
    struct process *process = process_get();
    if (process != NULL && !imported(process, *address, IMPORT_IPC, imports_key_of_bytes(handle->bytes))) {
        cuIpcCloseMemHandle_fn *close = DRIVER_REAL(cuIpcCloseMemHandle);
        result = refused(process, *address, close == NULL ? GS_NOT_INITIALIZED : close(*address));
    }
    guard_leave();
    return result;
}

gs_result cuIpcOpenMemHandle(gs_deviceptr *address, struct gs_ipc_handle handle, unsigned int flags)
{
    cuIpcOpenMemHandle_fn *real = DRIVER_REAL(cuIpcOpenMemHandle);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(address, handle, flags);
    return ipc_opened(result, address, &handle);
}

gs_result cuIpcOpenMemHandle_v2(gs_deviceptr *address, struct gs_ipc_handle handle, unsigned int flags)
{
    cuIpcOpenMemHandle_v2_fn *real = DRIVER_REAL(cuIpcOpenMemHandle_v2);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(address, handle, flags);
    return ipc_opened(result, address, &handle);
}

static void ended(gs_result result, uint64_t handle)
{
    struct process *process = process_if_started();
    if (result != GS_SUCCESS || process == NULL || !guard_enter())
        return;
    imports_end(process, handle);
    guard_leave();
}

gs_result cuIpcCloseMemHandle(gs_deviceptr address)
{
    cuIpcCloseMemHandle_fn *real = DRIVER_REAL(cuIpcCloseMemHandle);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(address);
    ended(result, address);
    return result;
}

/* ------------------------------------------------------------ shareable handles */

static uint32_t device_of_handle(struct process *process, gs_handle handle)
{
    cuMemGetAllocationPropertiesFromHandle_fn *get = DRIVER_REAL(cuMemGetAllocationPropertiesFromHandle);
    struct gs_allocation_prop prop;
    uint32_t device;
    return get != NULL && get(&prop, handle) == GS_SUCCESS && prop.location.type == GS_LOCATION_DEVICE &&
                   devices_of_ordinal(process, prop.location.id, &device) == DEVICES_FOUND
               ? device
               : 0;
}

/* What the driver has just opened, and this process does not have already. */
static gs_result physical_imported(struct process *process, gs_handle handle, struct share_key key, gs_handle former)
{
    uint32_t device = device_of_handle(process, handle);
    physical_locate(process, handle, device);
    if (imports_begin(process, handle, IMPORT_PHYSICAL, key, device, 0)) {
        physical_hold_exported(process, handle, key, former);
        return GS_SUCCESS;
    }
    cuMemRelease_fn *release = DRIVER_REAL(cuMemRelease);
    if (release != NULL && release(handle) == GS_SUCCESS)
        physical_release(process, handle); /* and with it the import */
    return GS_OUT_OF_MEMORY;
}

/* Where this process has the handle already, it is one more reference to that; another handle for memory that it exported
 * itself ("no guarantee that [they] will be the same", CUDA driver API, virtual memory management) holds that memory. A number
 * that the program has released may be that same memory, or other memory by now. */
gs_result cuMemImportFromShareableHandle(gs_handle *handle, void *os_handle, int type)
{
    cuMemImportFromShareableHandle_fn *real = DRIVER_REAL(cuMemImportFromShareableHandle);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (handle == NULL || !guard_enter())
        return real(handle, os_handle, type);
    struct process *process = process_get();
    if (process == NULL) {
        guard_leave();
        return real(handle, os_handle, type);
    }
    struct share_key key = imports_key_of_shareable(os_handle, type);
    int state = physical_enter(process);
    gs_result result = real(handle, os_handle, type);
    if (result == GS_SUCCESS) {
        struct import import;
        gs_handle former = physical_is_only_held(process, *handle) ? physical_make_way(process, *handle) : 0;
        bool known = physical_device(process, *handle) != PHYSICAL_NOT_CHARGED || imports_find(process, *handle, &import);
        if (physical_add(process, *handle, PHYSICAL_NOT_CHARGED, 0) && !known)
            result = physical_imported(process, *handle, key, former);
    }
    physical_leave(process, state);
    guard_leave();
    return result;
}

gs_result cuMemPoolImportFromShareableHandle(gs_object *pool, void *os_handle, int type, unsigned long long flags)
{
    cuMemPoolImportFromShareableHandle_fn *real = DRIVER_REAL(cuMemPoolImportFromShareableHandle);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (pool == NULL || !guard_enter())
        return real(pool, os_handle, type, flags);
    struct share_key key = imports_key_of_shareable(os_handle, type);
    gs_result result = real(pool, os_handle, type, flags);
    struct process *process = process_get();
    if (result == GS_SUCCESS && process != NULL && pools_add(process, *pool, RESERVOIR_NO_VRAM, false) != NULL)
        imports_begin(process, (uintptr_t)*pool, IMPORT_POOL, key, 0, 0);
    guard_leave();
    return result;
}

/* The pointer is freed by cuMemFree or cuMemFreeAsync, which do not know it, and so credit nothing. */
gs_result cuMemPoolImportPointer(gs_deviceptr *address, gs_object pool, void *data)
{
    cuMemPoolImportPointer_fn *real = DRIVER_REAL(cuMemPoolImportPointer);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || data == NULL || !guard_enter())
        return real(address, pool, data);
    struct share_key key = imports_key_of_bytes(data);
    gs_result result = real(address, pool, data);
    struct process *process = process_get();
    if (result == GS_SUCCESS && process != NULL && !imported(process, *address, IMPORT_POOL_POINTER, key)) {
        cuMemFree_v2_fn *free = DRIVER_REAL(cuMemFree_v2);
        result = refused(process, *address, free == NULL ? GS_NOT_INITIALIZED : free(*address));
    }
    guard_leave();
    return result;
}

/* ------------------------------------------------------------ external memory */

gs_result cuImportExternalMemory(gs_object *memory, const struct gs_external_memory *descriptor)
{
    cuImportExternalMemory_fn *real = DRIVER_REAL(cuImportExternalMemory);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (memory == NULL || descriptor == NULL || !guard_enter())
        return real(memory, descriptor);
    bool is_descriptor = descriptor->type == GS_EXTERNAL_OPAQUE_FD || descriptor->type == GS_EXTERNAL_DMABUF_FD;
    struct share_key key =
        is_descriptor ? imports_key_of_descriptor(descriptor->handle.fd) : (struct share_key){{0}};
    gs_result result = real(memory, descriptor);
    struct process *process = process_get();
    if (result == GS_SUCCESS && process != NULL &&
        !imports_begin(process, (uintptr_t)*memory, IMPORT_EXTERNAL, key, likely_device(process, 0), descriptor->size)) {
        cuDestroyExternalMemory_fn *destroy = DRIVER_REAL(cuDestroyExternalMemory);
        result = refused(process, (uintptr_t)*memory, destroy == NULL ? GS_NOT_INITIALIZED : destroy(*memory));
    }
    guard_leave();
    return result;
}

gs_result cuDestroyExternalMemory(gs_object memory)
{
    cuDestroyExternalMemory_fn *real = DRIVER_REAL(cuDestroyExternalMemory);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(memory);
    ended(result, (uintptr_t)memory);
    return result;
}
