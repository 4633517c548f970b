/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ends of contexts, and the beginnings of those that are not primary.
 */
#include "contexts.h"
#include "devices.h"
#include "export.h"
#include "lock.h"
#include "overhead.h"
#include "process.h"
#include "relief.h"
#include "resolve.h"

/* ------------------------------------------------------------ beginnings */

static void ended_somewhere(struct process *process, gs_result result)
{
    bool counts = config_get()->count_context != 0;
    for (uint32_t device = 0; counts && result == GS_SUCCESS && device < GPUSLICE_MAX_DEVICES; device++)
        overhead_context_ended(process, device);
}

/* Remembers a context; one whose overhead does not fit, or that cannot be remembered, is given back. */
static gs_result created(struct overhead *overhead, gs_result result, gs_object *context, gs_device device)
{
    bool allowed = overhead_end(overhead, result, context == NULL ? NULL : *context);
    if (result != GS_SUCCESS || context == NULL || !guard_enter())
        return result;
    struct process *process = process_get();
    uint32_t index;
    if (allowed && process != NULL && devices_of_handle(process, device, &index) == DEVICES_FOUND)
        allowed = contexts_add(process, *context, index);
    if (!allowed) {
        cuCtxDestroy_v2_fn *destroy = DRIVER_REAL(cuCtxDestroy_v2);
        if (destroy != NULL)
            destroy(*context);
        if (process != NULL)
            ended_somewhere(process, GS_SUCCESS);
        result = GS_OUT_OF_MEMORY;
    }
    guard_leave();
    return result;
}

/* All those that take flags and a device; the others differ in what they take as well. */
static gs_result create(cuCtxCreate_fn *real, gs_object *context, unsigned int flags, gs_device device)
{
    struct overhead overhead;
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (!overhead_begin(&overhead, device))
        return GS_OUT_OF_MEMORY;
    return created(&overhead, real(context, flags, device), context, device);
}

gs_result cuCtxCreate(gs_object *context, unsigned int flags, gs_device device)
{
    return create(DRIVER_REAL(cuCtxCreate), context, flags, device);
}

gs_result cuCtxCreate_v2(gs_object *context, unsigned int flags, gs_device device)
{
    return create(DRIVER_REAL(cuCtxCreate_v2), context, flags, device);
}

gs_result cuCtxCreate_v3(gs_object *context, void *affinity, int count, unsigned int flags, gs_device device)
{
    cuCtxCreate_v3_fn *real = DRIVER_REAL(cuCtxCreate_v3);
    struct overhead overhead;
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (!overhead_begin(&overhead, device))
        return GS_OUT_OF_MEMORY;
    return created(&overhead, real(context, affinity, count, flags, device), context, device);
}

gs_result cuCtxCreate_v4(gs_object *context, void *params, unsigned int flags, gs_device device)
{
    cuCtxCreate_v4_fn *real = DRIVER_REAL(cuCtxCreate_v4);
    struct overhead overhead;
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (!overhead_begin(&overhead, device))
        return GS_OUT_OF_MEMORY;
    return created(&overhead, real(context, params, flags, device), context, device);
}

gs_result cuGLCtxCreate(gs_object *context, unsigned int flags, gs_device device)
{
    return create(DRIVER_REAL(cuGLCtxCreate), context, flags, device);
}

gs_result cuGLCtxCreate_v2(gs_object *context, unsigned int flags, gs_device device)
{
    return create(DRIVER_REAL(cuGLCtxCreate_v2), context, flags, device);
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
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    struct process *process = process_if_started();
    if (process == NULL || !contexts_besides_primary(process) || !guard_enter())
        return real(context);
    struct contexts_ending ending;
    contexts_end_begin(process, context, &ending);
    gs_result result = real(context);
    contexts_end(process, &ending, result);
    ended_somewhere(process, result);
    guard_leave();
    return result;
}

gs_result cuCtxDestroy(gs_object context)
{
    return destroy(DRIVER_REAL(cuCtxDestroy), context);
}

gs_result cuCtxDestroy_v2(gs_object context)
{
    return destroy(DRIVER_REAL(cuCtxDestroy_v2), context);
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
    struct contexts_ending ending;
    if (last)
        contexts_end_begin(process, context, &ending);
    gs_result result = real(context);
    if (last)
        contexts_end(process, &ending, result);
    ended_somewhere(process, result);
    if (result != GS_SUCCESS)
        contexts_attach(process, context);
    guard_leave();
    return result;
}

/* ------------------------------------------------------------ primary contexts */

gs_result cuDevicePrimaryCtxRetain(gs_object *context, gs_device device)
{
    cuDevicePrimaryCtxRetain_fn *real = DRIVER_REAL(cuDevicePrimaryCtxRetain);
    struct overhead overhead;
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (!overhead_begin(&overhead, device))
        return GS_OUT_OF_MEMORY;
    bool entered = overhead.process == NULL && guard_enter();
    struct process *process = entered || overhead.process != NULL ? process_get() : NULL;
    uint32_t index;
    bool known = process != NULL && devices_of_handle(process, device, &index) == DEVICES_FOUND;
    int state = known ? lock_enter(&process->contexts.primary_lock) : 0;
    gs_result result = real(context, device);
    if (known && result == GS_SUCCESS)
        contexts_retain_primary(process, index);
    if (known)
        lock_leave(&process->contexts.primary_lock, state);
    if (entered)
        guard_leave();
    if (!overhead_end(&overhead, result, context == NULL ? NULL : *context)) {
        cuDevicePrimaryCtxRelease_v2_fn *release = DRIVER_REAL(cuDevicePrimaryCtxRelease_v2);
        if (release != NULL)
            release(device);
        return GS_OUT_OF_MEMORY;
    }
    return result;
}

static bool is_active(gs_device device)
{
    cuDevicePrimaryCtxGetState_fn *get = DRIVER_REAL(cuDevicePrimaryCtxGetState);
    unsigned int flags;
    int active = 1;
    return get == NULL || get(device, &flags, &active) != GS_SUCCESS || active;
}

/*
 * What goes with the context is taken out of the ledger before the driver is called: once that has let go of it, another
 * thread may be given the same addresses. Where it turns out that there were more references than were seen, it is all
 * put back.
 */
static gs_result end_primary(gs_result (*real)(gs_device), gs_device device, bool is_release)
{
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    struct process *process = process_if_started();
    uint32_t index;
    if (process == NULL || !guard_enter())
        return real(device);
    bool known = devices_of_handle(process, device, &index) == DEVICES_FOUND;
    int state = lock_enter(&process->contexts.primary_lock);
    bool ends = known && (!is_release || contexts_primary_references(process, index) <= 1);
    struct contexts_ending ending = {0};
    if (ends)
        contexts_end_begin_primary(process, index, &ending);
    gs_result result = real(device);
    bool gone = result == GS_SUCCESS && !(is_release && is_active(device));
    if (known && gone && !ends) /* fewer references than were seen */
        contexts_end_begin_primary(process, index, &ending);
    contexts_end(process, &ending, gone ? GS_SUCCESS : GS_INVALID_VALUE);
    if (is_release && known && result == GS_SUCCESS)
        contexts_release_primary(process, index, gone);
    lock_leave(&process->contexts.primary_lock, state);
    if (known && gone) {
        overhead_context_ended(process, index);
        relief_settle(config_get(), process, index);
    }
    guard_leave();
    return result;
}

gs_result cuDevicePrimaryCtxReset(gs_device device)
{
    return end_primary(DRIVER_REAL(cuDevicePrimaryCtxReset), device, false);
}

gs_result cuDevicePrimaryCtxReset_v2(gs_device device)
{
    return end_primary(DRIVER_REAL(cuDevicePrimaryCtxReset_v2), device, false);
}

gs_result cuDevicePrimaryCtxRelease(gs_device device)
{
    return end_primary(DRIVER_REAL(cuDevicePrimaryCtxRelease), device, true);
}

gs_result cuDevicePrimaryCtxRelease_v2(gs_device device)
{
    return end_primary(DRIVER_REAL(cuDevicePrimaryCtxRelease_v2), device, true);
}
