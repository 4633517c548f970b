/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is imported from another process or another API: whoever exported it pays for it.
 */
#include "export.h"
#include "imports.h"
#include "physical.h"
#include "pools.h"
#include "process.h"
#include "resolve.h"

/* ------------------------------------------------------------ IPC handles */

static void ipc_opened(gs_result result, const gs_deviceptr *address, const struct gs_ipc_handle *handle)
{
    if (result != GS_SUCCESS || address == NULL || !guard_enter())
        return;
    struct process *process = process_get();
    if (process != NULL)
        imports_begin(process, *address, IMPORT_IPC, imports_key_of_bytes(handle->bytes));
    guard_leave();
}

gs_result cuIpcOpenMemHandle(gs_deviceptr *address, struct gs_ipc_handle handle, unsigned int flags)
{
    cuIpcOpenMemHandle_fn *real = DRIVER_REAL(cuIpcOpenMemHandle);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(address, handle, flags);
    ipc_opened(result, address, &handle);
    return result;
}

gs_result cuIpcOpenMemHandle_v2(gs_deviceptr *address, struct gs_ipc_handle handle, unsigned int flags)
{
    cuIpcOpenMemHandle_v2_fn *real = DRIVER_REAL(cuIpcOpenMemHandle_v2);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(address, handle, flags);
    ipc_opened(result, address, &handle);
    return result;
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

/* Where this process has the handle already, it is one more reference to that; another handle for memory that it exported
 * itself ("no guarantee that [they] will be the same", CUDA driver API, virtual memory management) holds that memory. */
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
    struct import_key key = imports_key_of_shareable(os_handle, type);
    int state = physical_enter(process);
    gs_result result = real(handle, os_handle, type);
    if (result == GS_SUCCESS) {
        bool known = physical_device(process, *handle) != PHYSICAL_NOT_CHARGED;
        if (physical_add(process, *handle, PHYSICAL_NOT_CHARGED) && !known) {
            imports_begin(process, *handle, IMPORT_PHYSICAL, key);
            physical_hold_exported(process, *handle, key);
        }
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
    struct import_key key = imports_key_of_shareable(os_handle, type);
    gs_result result = real(pool, os_handle, type, flags);
    struct process *process = process_get();
    if (result == GS_SUCCESS && process != NULL && pools_add(process, *pool, RESERVOIR_NO_VRAM, false) != NULL)
        imports_begin(process, (uintptr_t)*pool, IMPORT_POOL, key);
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
    struct import_key key = imports_key_of_bytes(data);
    gs_result result = real(address, pool, data);
    struct process *process = process_get();
    if (result == GS_SUCCESS && process != NULL)
        imports_begin(process, *address, IMPORT_POOL_POINTER, key);
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
    struct import_key key =
        is_descriptor ? imports_key_of_descriptor(descriptor->handle.fd) : (struct import_key){{0}};
    gs_result result = real(memory, descriptor);
    struct process *process = process_get();
    if (result == GS_SUCCESS && process != NULL)
        imports_begin(process, (uintptr_t)*memory, IMPORT_EXTERNAL, key);
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
