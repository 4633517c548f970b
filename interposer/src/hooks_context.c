/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ends of contexts, and the beginnings of those that are not primary.
 */
#include "contexts.h"
#include "devices.h"
#include "export.h"
#include "process.h"
#include "relief.h"
#include "resolve.h"

/* ------------------------------------------------------------ beginnings */

static void created(gs_result result, const gs_object *context, gs_device device)
{
    if (result != GS_SUCCESS || context == NULL || !guard_enter())
        return;
    struct process *process = process_get();
    uint32_t index;
    if (process != NULL && devices_of_handle(process, device, &index) == DEVICES_FOUND)
        contexts_add(process, *context, index);
    guard_leave();
}

gs_result cuCtxCreate(gs_object *context, unsigned int flags, gs_device device)
{
    cuCtxCreate_fn *real = DRIVER_REAL(cuCtxCreate);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(context, flags, device);
    created(result, context, device);
    return result;
}

gs_result cuCtxCreate_v2(gs_object *context, unsigned int flags, gs_device device)
{
    cuCtxCreate_v2_fn *real = DRIVER_REAL(cuCtxCreate_v2);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(context, flags, device);
    created(result, context, device);
    return result;
}

gs_result cuCtxCreate_v3(gs_object *context, void *affinity, int count, unsigned int flags, gs_device device)
{
    cuCtxCreate_v3_fn *real = DRIVER_REAL(cuCtxCreate_v3);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(context, affinity, count, flags, device);
    created(result, context, device);
    return result;
}

gs_result cuCtxCreate_v4(gs_object *context, void *params, unsigned int flags, gs_device device)
{
    cuCtxCreate_v4_fn *real = DRIVER_REAL(cuCtxCreate_v4);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(context, params, flags, device);
    created(result, context, device);
    return result;
}

gs_result cuGLCtxCreate(gs_object *context, unsigned int flags, gs_device device)
{
    cuGLCtxCreate_fn *real = DRIVER_REAL(cuGLCtxCreate);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(context, flags, device);
    created(result, context, device);
    return result;
}

gs_result cuGLCtxCreate_v2(gs_object *context, unsigned int flags, gs_device device)
{
    cuGLCtxCreate_v2_fn *real = DRIVER_REAL(cuGLCtxCreate_v2);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(context, flags, device);
    created(result, context, device);
    return result;
}

gs_result cuCtxAttach(gs_object *context, unsigned int flags)
{
    cuCtxAttach_fn *real = DRIVER_REAL(cuCtxAttach);
    gs_result result = real == NULL ? GS_NOT_INITIALIZED : real(context, flags);
    struct process *process = process_if_started();
    if (result == GS_SUCCESS && context != NULL && process != NULL && guard_enter()) {
        contexts_attach(process, *context);
        guard_leave();
    }
    return result;
}

/* ------------------------------------------------------------ ends of those that were created */

static gs_result destroy(gs_result (*real)(gs_object), gs_object context)
{
    struct process *process = process_if_started();
    if (process == NULL || !contexts_besides_primary(process) || !guard_enter())
        return real(context);
    struct taken_list *list = contexts_end_begin(process, context);
    gs_result result = real(context);
    contexts_end(process, context, list, result);
    guard_leave();
    return result;
}

gs_result cuCtxDestroy(gs_object context)
{
    cuCtxDestroy_fn *real = DRIVER_REAL(cuCtxDestroy);
    return real == NULL ? GS_NOT_INITIALIZED : destroy(real, context);
}

gs_result cuCtxDestroy_v2(gs_object context)
{
    cuCtxDestroy_v2_fn *real = DRIVER_REAL(cuCtxDestroy_v2);
    return real == NULL ? GS_NOT_INITIALIZED : destroy(real, context);
}

gs_result cuCtxDetach(gs_object context)
{
    cuCtxDetach_fn *real = DRIVER_REAL(cuCtxDetach);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    struct process *process = process_if_started();
    if (process == NULL || !contexts_besides_primary(process) || !guard_enter())
        return real(context);
    bool last = contexts_detach(process, context);
    struct taken_list *list = last ? contexts_end_begin(process, context) : NULL;
    gs_result result = real(context);
    if (last)
        contexts_end(process, context, list, result);
    if (result != GS_SUCCESS)
        contexts_attach(process, context);
    guard_leave();
    return result;
}

/* ------------------------------------------------------------ primary contexts */

static gs_result reset(gs_result (*real)(gs_device), gs_device device)
{
    struct process *process = process_if_started();
    uint32_t index;
    if (process == NULL || !guard_enter())
        return real(device);
    bool known = devices_of_handle(process, device, &index) == DEVICES_FOUND;
    struct taken_list *list = known ? contexts_end_begin_primary(process, index) : NULL;
    gs_result result = real(device);
    contexts_end(process, NULL, list, result);
    if (known)
        relief_settle(config_get(), process, index);
    guard_leave();
    return result;
}

gs_result cuDevicePrimaryCtxReset(gs_device device)
{
    cuDevicePrimaryCtxReset_fn *real = DRIVER_REAL(cuDevicePrimaryCtxReset);
    return real == NULL ? GS_NOT_INITIALIZED : reset(real, device);
}

gs_result cuDevicePrimaryCtxReset_v2(gs_device device)
{
    cuDevicePrimaryCtxReset_v2_fn *real = DRIVER_REAL(cuDevicePrimaryCtxReset_v2);
    return real == NULL ? GS_NOT_INITIALIZED : reset(real, device);
}

static bool is_active(gs_device device)
{
    cuDevicePrimaryCtxGetState_fn *get = DRIVER_REAL(cuDevicePrimaryCtxGetState);
    unsigned int flags;
    int active = 1;
    return get == NULL || get(device, &flags, &active) != GS_SUCCESS || active;
}

/* Whether a release was the last one shows only afterwards. */
static gs_result release(gs_result (*real)(gs_device), gs_device device)
{
    struct process *process = process_if_started();
    uint32_t index;
    gs_result result = real(device);
    if (result != GS_SUCCESS || process == NULL || !guard_enter())
        return result;
    if (devices_of_handle(process, device, &index) == DEVICES_FOUND && !is_active(device)) {
        contexts_end(process, NULL, contexts_end_begin_primary(process, index), GS_SUCCESS);
        relief_settle(config_get(), process, index);
    }
    guard_leave();
    return result;
}

gs_result cuDevicePrimaryCtxRelease(gs_device device)
{
    cuDevicePrimaryCtxRelease_fn *real = DRIVER_REAL(cuDevicePrimaryCtxRelease);
    return real == NULL ? GS_NOT_INITIALIZED : release(real, device);
}

gs_result cuDevicePrimaryCtxRelease_v2(gs_device device)
{
    cuDevicePrimaryCtxRelease_v2_fn *real = DRIVER_REAL(cuDevicePrimaryCtxRelease_v2);
    return real == NULL ? GS_NOT_INITIALIZED : release(real, device);
}
