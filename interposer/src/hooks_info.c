/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a program is told about its devices: the limit is the device. Errors and NULL are the driver's to judge, so it is
 * asked first, and what it said is only ever lowered.
 */
#include "charged.h"
#include "export.h"
#include "process.h"
#include "resolve.h"

gs_result cuMemGetInfo(unsigned int *free_bytes, unsigned int *total_bytes)
{
    cuMemGetInfo_fn *real = DRIVER_REAL(cuMemGetInfo);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    gs_result result = real(free_bytes, total_bytes);
    if (result != GS_SUCCESS || !guard_enter())
        return result;
    struct charged_view view = charged_look();
    if (free_bytes != NULL && *free_bytes > view.free)
        *free_bytes = (unsigned int)view.free;
    if (total_bytes != NULL && *total_bytes > view.total)
        *total_bytes = (unsigned int)view.total;
    guard_leave();
    return result;
}

gs_result cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes)
{
    cuMemGetInfo_v2_fn *real = DRIVER_REAL(cuMemGetInfo_v2);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (guard.probing) {
        guard.reached = true;
        return real(free_bytes, total_bytes);
    }
    gs_result result = real(free_bytes, total_bytes);
    if (result != GS_SUCCESS || !guard_enter())
        return result;
    struct charged_view view = charged_look();
    if (free_bytes != NULL && *free_bytes > view.free)
        *free_bytes = (size_t)view.free;
    if (total_bytes != NULL && *total_bytes > view.total)
        *total_bytes = (size_t)view.total;
    guard_leave();
    return result;
}

gs_result cuDeviceTotalMem(unsigned int *bytes, gs_device device)
{
    cuDeviceTotalMem_fn *real = DRIVER_REAL(cuDeviceTotalMem);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    gs_result result = real(bytes, device);
    if (result != GS_SUCCESS || bytes == NULL || !guard_enter())
        return result;
    struct charged_view view = charged_look_at(device);
    if (*bytes > view.total)
        *bytes = (unsigned int)view.total;
    guard_leave();
    return result;
}

gs_result cuDeviceTotalMem_v2(size_t *bytes, gs_device device)
{
    cuDeviceTotalMem_v2_fn *real = DRIVER_REAL(cuDeviceTotalMem_v2);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    gs_result result = real(bytes, device);
    if (result != GS_SUCCESS || bytes == NULL || !guard_enter())
        return result;
    struct charged_view view = charged_look_at(device);
    if (*bytes > view.total)
        *bytes = (size_t)view.total;
    guard_leave();
    return result;
}
