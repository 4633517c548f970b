/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Virtual memory management: physical memory is charged when it is created, to the device of its location, whatever
 * context is current; credited when nobody holds it any more (physical.h).
 */
#include <string.h>
#include <unistd.h>

#include "charged.h"
#include "devices.h"
#include "export.h"
#include "physical.h"
#include "process.h"
#include "resolve.h"
#include "table.h"

static gs_result undo(uint64_t handle, const void *unused)
{
    (void)unused;
    cuMemRelease_fn *real = DRIVER_REAL(cuMemRelease);
    return real == NULL ? GS_NOT_INITIALIZED : real(handle);
}

/* Recorded in the ledger and in the map at once: see physical.h. */
static gs_result created(struct charged *charged, gs_result result, gs_handle handle)
{
    int state = physical_enter(charged->process);
    if (result == GS_SUCCESS)
        physical_make_way(charged->process, handle);
    result = charged_end(charged, result, handle);
    if (result == GS_SUCCESS && !physical_add(charged->process, handle, charged->device, charged->bytes)) {
        struct freeing freeing;
        charged_free_begin_kind(handle, TABLE_KIND(GPUSLICE_KIND_PHYSICAL), &freeing);
        charged_free_end(&freeing, undo(handle, NULL));
        result = GS_OUT_OF_MEMORY;
    }
    physical_leave(charged->process, state);
    return result;
}

gs_result cuMemCreate(gs_handle *handle, size_t bytes, const struct gs_allocation_prop *prop, unsigned long long flags)
{
    cuMemCreate_fn *real = DRIVER_REAL(cuMemCreate);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (handle == NULL || bytes == 0 || prop == NULL || prop->location.type != GS_LOCATION_DEVICE || !guard_enter())
        return real(handle, bytes, prop, flags);
    int ordinal = prop->location.id;
    struct charged charged = {.kind = GPUSLICE_KIND_PHYSICAL, .ordinal = &ordinal, .undo = undo};
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin(&charged, bytes)) {
        gs_handle made = 0;
        result = real(&made, bytes, prop, flags);
        result = created(&charged, result, made);
        if (result == GS_SUCCESS)
            *handle = made;
    }
    guard_leave();
    return result;
}

/* Whether this hook follows what the driver does. If so, leave it with end(). */
static struct process *begin(int *state)
{
    if (!guard_enter())
        return NULL;
    struct process *process = process_get();
    if (process == NULL)
        guard_leave();
    else
        *state = physical_enter(process);
    return process;
}

static gs_result end(struct process *process, int state, gs_result result)
{
    physical_leave(process, state);
    guard_leave();
    return result;
}

gs_result cuMemRelease(gs_handle handle)
{
    cuMemRelease_fn *real = DRIVER_REAL(cuMemRelease);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(handle);
    if (process == NULL)
        return result;
    if (result == GS_SUCCESS)
        physical_release(process, handle);
    return end(process, state, result);
}

gs_result cuMemMap(gs_deviceptr address, size_t bytes, size_t offset, gs_handle handle, unsigned long long flags)
{
    cuMemMap_fn *real = DRIVER_REAL(cuMemMap);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(address, bytes, offset, handle, flags);
    if (process == NULL)
        return result;
    if (result == GS_SUCCESS && !physical_map(process, address, bytes, handle)) {
        cuMemUnmap_fn *unmap = DRIVER_REAL(cuMemUnmap);
        if (unmap != NULL && unmap(address, bytes) == GS_SUCCESS)
            result = GS_OUT_OF_MEMORY;
    }
    return end(process, state, result);
}

gs_result cuMemUnmap(gs_deviceptr address, size_t bytes)
{
    cuMemUnmap_fn *real = DRIVER_REAL(cuMemUnmap);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(address, bytes);
    if (process == NULL)
        return result;
    if (result == GS_SUCCESS)
        physical_unmap(process, address, bytes);
    return end(process, state, result);
}

gs_result cuMemRetainAllocationHandle(gs_handle *handle, void *address)
{
    cuMemRetainAllocationHandle_fn *real = DRIVER_REAL(cuMemRetainAllocationHandle);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(handle, address);
    if (process == NULL)
        return result;
    if (result == GS_SUCCESS && handle != NULL)
        physical_retain(process, *handle);
    return end(process, state, result);
}

static void take_back_shareable(void *shareable, int type)
{
    if (type == GS_HANDLE_POSIX_FD)
        close(*(int *)shareable);
    else
        memset(shareable, 0, GPUSLICE_KEY_SIZE);
}

/* `shareable` is where the driver puts it: a descriptor, or the bytes of a fabric handle. */
gs_result cuMemExportToShareableHandle(void *shareable, gs_handle handle, int type, unsigned long long flags)
{
    cuMemExportToShareableHandle_fn *real = DRIVER_REAL(cuMemExportToShareableHandle);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(shareable, handle, type, flags);
    if (process == NULL)
        return result;
    if (result == GS_SUCCESS) {
        void *given = type == GS_HANDLE_POSIX_FD ? (void *)(intptr_t)*(const int *)shareable : shareable;
        if (!physical_exported(process, handle, imports_key_of_shareable(given, type))) {
            take_back_shareable(shareable, type);
            result = GS_OUT_OF_MEMORY;
        }
    }
    return end(process, state, result);
}

/* ------------------------------------------------------------ sparse arrays */

/* What is mapped into an array is held until that is destroyed: tiles can be mapped over one another and unmapped in
 * parts, and too much charged is the safe side. */
static void hold_for_arrays(struct process *process, const struct gs_array_map *list, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        if (list[i].operation == GS_OPERATION_MAP)
            physical_hold(process, physical_array(list[i].resource), 0, 0, list[i].handle);
    }
}

static gs_result map_array(cuMemMapArrayAsync_fn *real, struct gs_array_map *list, unsigned int count, gs_object stream)
{
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(list, count, stream);
    if (process == NULL)
        return result;
    if (result == GS_SUCCESS && list != NULL)
        hold_for_arrays(process, list, count);
    return end(process, state, result);
}

gs_result cuMemMapArrayAsync(struct gs_array_map *list, unsigned int count, gs_object stream)
{
    return map_array(DRIVER_REAL(cuMemMapArrayAsync), list, count, stream);
}

gs_result cuMemMapArrayAsync_ptsz(struct gs_array_map *list, unsigned int count, gs_object stream)
{
    return map_array(DRIVER_REAL(cuMemMapArrayAsync_ptsz), list, count, stream);
}

/* ------------------------------------------------------------ multicast objects: no memory of their own */

gs_result cuMulticastCreate(gs_handle *handle, const void *prop)
{
    cuMulticastCreate_fn *real = DRIVER_REAL(cuMulticastCreate);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(handle, prop);
    if (process == NULL)
        return result;
    if (result == GS_SUCCESS && handle != NULL) {
        physical_make_way(process, *handle);
        physical_add(process, *handle, PHYSICAL_NOT_CHARGED, 0);
    }
    return end(process, state, result);
}

/* Several devices may have memory at the same offset; it is known by its handle which one. */
gs_result cuMulticastBindMem(gs_handle multicast, size_t offset, gs_handle memory, size_t memory_offset, size_t bytes,
                             unsigned long long flags)
{
    cuMulticastBindMem_fn *real = DRIVER_REAL(cuMulticastBindMem);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(multicast, offset, memory, memory_offset, bytes, flags);
    if (process == NULL)
        return result;
    if (result == GS_SUCCESS)
        physical_hold(process, multicast, physical_location(process, memory), offset, memory);
    return end(process, state, result);
}

gs_result cuMulticastBindAddr(gs_handle multicast, size_t offset, gs_deviceptr address, size_t bytes,
                              unsigned long long flags)
{
    cuMulticastBindAddr_fn *real = DRIVER_REAL(cuMulticastBindAddr);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(multicast, offset, address, bytes, flags);
    if (process == NULL)
        return result;
    if (result == GS_SUCCESS) {
        gs_handle memory = physical_at(process, address);
        physical_hold(process, multicast, physical_location(process, memory), offset, memory);
    }
    return end(process, state, result);
}

gs_result cuMulticastUnbind(gs_handle multicast, gs_device device, size_t offset, size_t bytes)
{
    cuMulticastUnbind_fn *real = DRIVER_REAL(cuMulticastUnbind);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    int state;
    struct process *process = begin(&state);
    gs_result result = real(multicast, device, offset, bytes);
    if (process == NULL)
        return result;
    uint32_t index;
    if (result == GS_SUCCESS && devices_of_handle(process, device, &index) == DEVICES_FOUND)
        physical_let_go(process, multicast, index, offset);
    return end(process, state, result);
}
