/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

#include <string.h>

#include "lock.h"
#include "resolve.h"

static bool uuid_of(gs_device device, uint8_t *uuid)
{
    /* Version 2 tells the slices of a partitioned device apart; the older one names the whole. */
    cuDeviceGetUuid_v2_fn *current = DRIVER_REAL(cuDeviceGetUuid_v2);
    if (current != NULL)
        return current(uuid, device) == GS_SUCCESS;
    cuDeviceGetUuid_fn *older = DRIVER_REAL(cuDeviceGetUuid);
    return older != NULL && older(uuid, device) == GS_SUCCESS;
}

static bool ask_driver(struct devices *devices)
{
    cuDeviceGetCount_fn *get_count = DRIVER_REAL(cuDeviceGetCount);
    cuDeviceGet_fn *get = DRIVER_REAL(cuDeviceGet);
    int count;
    if (get_count == NULL || get == NULL || get_count(&count) != GS_SUCCESS || count < 1)
        return false;
    devices->count = count < (int)GPUSLICE_MAX_DEVICES ? (uint32_t)count : GPUSLICE_MAX_DEVICES;
    for (uint32_t i = 0; i < devices->count; i++) {
        if (get(&devices->handle[i], (int)i) != GS_SUCCESS || !uuid_of(devices->handle[i], devices->uuid[i]))
            return false;
    }
    return true;
}

static bool known(struct process *process)
{
    /* acquire pairs with the release below. */
    if (atomic_load_explicit(&process->has_devices, memory_order_acquire))
        return true;
    struct devices devices = {0};
    if (!ask_driver(&devices)) /* not under the lock: the driver may wait for its own */
        return false;
    int state = lock_enter(&process->lock);
    if (!atomic_load_explicit(&process->has_devices, memory_order_relaxed)) {
        process->devices = devices;
        atomic_store_explicit(&process->has_devices, 1, memory_order_release);
    }
    lock_leave(&process->lock, state);
    return true;
}

enum devices_result devices_of_context(struct process *process, uint32_t *index)
{
    if (!known(process))
        return DEVICES_UNKNOWN;
    *index = 0;
    if (devices_is_one(process))
        return DEVICES_FOUND;
    cuCtxGetDevice_fn *get_device = DRIVER_REAL(cuCtxGetDevice);
    gs_device device;
    if (get_device == NULL || get_device(&device) != GS_SUCCESS)
        return DEVICES_UNKNOWN;
    return devices_of_handle(process, device, index);
}

enum devices_result devices_of_handle(struct process *process, gs_device device, uint32_t *index)
{
    if (!known(process))
        return DEVICES_UNKNOWN;
    for (*index = 0; *index < process->devices.count; ++*index) {
        if (process->devices.handle[*index] == device)
            return DEVICES_FOUND;
    }
    return DEVICES_BEYOND;
}

/* The streams that every context has: NULL, CU_STREAM_LEGACY and CU_STREAM_PER_THREAD. */
static bool is_of_current_context(gs_object stream)
{
    return (uintptr_t)stream <= 2;
}

enum devices_result devices_of_stream(struct process *process, gs_object stream, uint32_t *index)
{
    cuStreamGetCtx_fn *get_context = DRIVER_REAL(cuStreamGetCtx);
    cuCtxPushCurrent_v2_fn *push = DRIVER_REAL(cuCtxPushCurrent_v2);
    cuCtxPopCurrent_v2_fn *pop = DRIVER_REAL(cuCtxPopCurrent_v2);
    gs_object context;
    if (!known(process))
        return DEVICES_UNKNOWN;
    if (process->devices.count == 1 || is_of_current_context(stream))
        return devices_of_context(process, index);
    if (get_context == NULL || push == NULL || pop == NULL || get_context(stream, &context) != GS_SUCCESS ||
        push(context) != GS_SUCCESS)
        return DEVICES_UNKNOWN;
    enum devices_result found = devices_of_context(process, index);
    pop(&context);
    return found;
}

enum devices_result devices_of_uuid(struct process *process, const uint8_t *uuid, uint32_t *index)
{
    if (!known(process))
        return DEVICES_UNKNOWN;
    for (*index = 0; *index < process->devices.count; ++*index) {
        if (memcmp(process->devices.uuid[*index], uuid, GPUSLICE_UUID_SIZE) == 0)
            return DEVICES_FOUND;
    }
    return DEVICES_BEYOND;
}

enum devices_result devices_of_ordinal(struct process *process, int ordinal, uint32_t *index)
{
    if (ordinal < 0 || !known(process))
        return DEVICES_UNKNOWN;
    *index = (uint32_t)ordinal;
    if (*index < process->devices.count)
        return DEVICES_FOUND;
    /* Where a page has lines to spare the driver has no such device, and will say so. */
    return process->devices.count < GPUSLICE_MAX_DEVICES ? DEVICES_UNKNOWN : DEVICES_BEYOND;
}
