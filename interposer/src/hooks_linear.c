/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Linear, managed and pitched memory, and the free that takes any pointer.
 *
 * For all hooks of the driver API: who counts is the first of them that a call reaches, at depth 0. Every hook that is
 * reached inside it (the driver calling itself) forwards. Where an output pointer is NULL or the size is 0 nothing can be
 * allocated: the driver says what it thinks of that.
 */
#include "charged.h"
#include "devices.h"
#include "export.h"
#include "hot.h"
#include "process.h"
#include "resolve.h"
#include "shares.h"

/* ------------------------------------------------------------ taking memory back, by either free */

static gs_result undo(uint64_t handle, const void *unused)
{
    (void)unused;
    cuMemFree_v2_fn *real = DRIVER_REAL(cuMemFree_v2);
    return real == NULL ? GS_NOT_INITIALIZED : real(handle);
}

static gs_result undo_v1(uint64_t handle, const void *unused)
{
    (void)unused;
    cuMemFree_fn *real = DRIVER_REAL(cuMemFree);
    return real == NULL ? GS_NOT_INITIALIZED : real((gs_deviceptr_v1)handle);
}

/* ------------------------------------------------------------ linear and managed */

gs_result cuMemAlloc(gs_deviceptr_v1 *address, unsigned int bytes)
{
    cuMemAlloc_fn *real = DRIVER_REAL(cuMemAlloc);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || bytes == 0 || !guard_enter())
        return real(address, bytes);
    struct charged charged = {.kind = GPUSLICE_KIND_LINEAR, .undo = undo_v1};
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin(&charged, bytes)) {
        gs_deviceptr_v1 handle = 0;
        result = real(&handle, bytes);
        result = charged_end(&charged, result, handle);
        if (result == GS_SUCCESS)
            *address = handle;
    }
    guard_leave();
    return result;
}

__attribute__((cold, noinline)) static gs_result allocate(cuMemAlloc_v2_fn *real, gs_deviceptr *address, size_t bytes)
{
    struct charged charged = {.kind = GPUSLICE_KIND_LINEAR, .undo = undo};
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin(&charged, bytes)) {
        gs_deviceptr handle = 0;
        result = real(&handle, bytes);
        result = charged_end(&charged, result, handle);
        if (result == GS_SUCCESS)
            *address = handle;
    }
    return result;
}

/* What was begun in line on device 0. */
__attribute__((cold, noinline)) static gs_result end_allocation(struct process *process, size_t bytes, gs_result result,
                                                                gs_deviceptr handle)
{
    struct charged charged = {.kind = GPUSLICE_KIND_LINEAR, .undo = undo, .process = process, .bytes = bytes};
    return charged_end(&charged, result, handle);
}

/* This one and cuMemFree_v2 are what programs call all day long, and have the plain case in line: see hot.h. */
gs_result cuMemAlloc_v2(gs_deviceptr *address, size_t bytes)
{
    cuMemAlloc_v2_fn *real = DRIVER_REAL(cuMemAlloc_v2);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || bytes == 0 || !guard_enter())
        return real(address, bytes);
    struct process *process = process_if_started();
    gs_result result;
    if (LIKELY(process != NULL) && devices_is_one(process) && hot_begin(process, 0, bytes)) {
        gs_deviceptr handle = 0;
        result = real(&handle, bytes);
        if (!LIKELY(result == GS_SUCCESS) || !hot_end(process, 0, bytes, handle, GPUSLICE_KIND_LINEAR))
            result = end_allocation(process, bytes, result, handle);
        if (LIKELY(result == GS_SUCCESS))
            *address = handle;
    } else {
        result = allocate(real, address, bytes);
    }
    guard_leave();
    return result;
}

/* Managed memory migrates; it is charged in full to the device that is current. */
gs_result cuMemAllocManaged(gs_deviceptr *address, size_t bytes, unsigned int flags)
{
    cuMemAllocManaged_fn *real = DRIVER_REAL(cuMemAllocManaged);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || bytes == 0 || !guard_enter())
        return real(address, bytes, flags);
    struct charged charged = {.kind = GPUSLICE_KIND_MANAGED, .undo = undo};
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin(&charged, bytes)) {
        gs_deviceptr handle = 0;
        result = real(&handle, bytes, flags);
        result = charged_end(&charged, result, handle);
        if (result == GS_SUCCESS)
            *address = handle;
    }
    guard_leave();
    return result;
}

/* ------------------------------------------------------------ pitched */

gs_result cuMemAllocPitch(gs_deviceptr_v1 *address, unsigned int *pitch, unsigned int width, unsigned int height,
                          unsigned int element)
{
    cuMemAllocPitch_fn *real = DRIVER_REAL(cuMemAllocPitch);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || pitch == NULL || width == 0 || height == 0 || !guard_enter())
        return real(address, pitch, width, height, element);
    struct charged charged = {.kind = GPUSLICE_KIND_PITCHED, .undo = undo_v1};
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin_pitched(&charged, width, height)) {
        gs_deviceptr_v1 handle = 0;
        unsigned int given = 0;
        result = real(&handle, &given, width, height, element);
        result = charged_end_pitched(&charged, result, handle, given, height);
        if (result == GS_SUCCESS) {
            *address = handle;
            *pitch = given;
        }
    }
    guard_leave();
    return result;
}

gs_result cuMemAllocPitch_v2(gs_deviceptr *address, size_t *pitch, size_t width, size_t height, unsigned int element)
{
    cuMemAllocPitch_v2_fn *real = DRIVER_REAL(cuMemAllocPitch_v2);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || pitch == NULL || width == 0 || height == 0 || !guard_enter())
        return real(address, pitch, width, height, element);
    struct charged charged = {.kind = GPUSLICE_KIND_PITCHED, .undo = undo};
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin_pitched(&charged, width, height)) {
        gs_deviceptr handle = 0;
        size_t given = 0;
        result = real(&handle, &given, width, height, element);
        result = charged_end_pitched(&charged, result, handle, given, height);
        if (result == GS_SUCCESS) {
            *address = handle;
            *pitch = given;
        }
    }
    guard_leave();
    return result;
}

/* ------------------------------------------------------------ free: all of the above end here, and stream-ordered memory */

gs_result cuMemFree(gs_deviceptr_v1 address)
{
    cuMemFree_fn *real = DRIVER_REAL(cuMemFree);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (!guard_enter())
        return real(address);
    struct freeing freeing;
    charged_free_begin(address, &freeing);
    gs_result result = real(address);
    charged_free_end(&freeing, result);
    guard_leave();
    return result;
}

__attribute__((cold, noinline)) static gs_result free_any(cuMemFree_v2_fn *real, gs_deviceptr address)
{
    struct freeing freeing;
    charged_free_begin(address, &freeing);
    gs_result result = real(address);
    charged_free_end(&freeing, result);
    return result;
}

gs_result cuMemFree_v2(gs_deviceptr address)
{
    cuMemFree_v2_fn *real = DRIVER_REAL(cuMemFree_v2);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (!guard_enter())
        return real(address);
    struct process *process = process_if_started();
    struct taken taken;
    gs_result result;
    if (LIKELY(process != NULL) && !contexts_besides_primary(process) && !shares_is_exporting(process) &&
        hot_free_begin(process, address, TABLE_POINTERS, &taken)) {
        result = real(address);
        if (LIKELY(result == GS_SUCCESS))
            hot_free_end(process, &taken);
        else
            table_put_back(taken.entry, address);
    } else {
        result = free_any(real, address);
    }
    guard_leave();
    return result;
}
