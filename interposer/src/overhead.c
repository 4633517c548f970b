/* SPDX-License-Identifier: Apache-2.0 */
#include "overhead.h"

#include <stdio.h>

#include "contexts.h"
#include "devices.h"
#include "ledger.h"
#include "lock.h"
#include "process.h"
#include "relief.h"
#include "resolve.h"

/* ------------------------------------------------------------ measuring */

static bool nvml_device(const uint8_t *uuid, gs_object *device)
{
    nvmlDeviceGetHandleByUUID_fn *find = NVML_REAL(nvmlDeviceGetHandleByUUID);
    static const char *const forms[] = {"GPU", "MIG"};
    for (size_t form = 0; find != NULL && form < 2; form++) {
        char text[48];
        int length = snprintf(text, sizeof text, "%s-", forms[form]);
        for (uint32_t i = 0; i < GPUSLICE_UUID_SIZE; i++)
            length += snprintf(text + length, sizeof text - (size_t)length,
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
        if (find(text, device) == GS_SUCCESS)
            return true;
    }
    return false;
}

static bool measure_free(const struct process *process, uint32_t device, uint64_t *bytes)
{
    resolve_load_nvml();
    nvmlInit_v2_fn *start = NVML_REAL(nvmlInit_v2);
    nvmlDeviceGetMemoryInfo_fn *ask = NVML_REAL(nvmlDeviceGetMemoryInfo);
    gs_object handle;
    struct gs_nvml_memory memory;
    if (start == NULL || ask == NULL || start() != GS_SUCCESS || !nvml_device(process->devices.uuid[device], &handle) ||
        ask(handle, &memory) != GS_SUCCESS)
        return false;
    *bytes = memory.free;
    return true;
}

/* ------------------------------------------------------------ the first context */

static bool leave(struct overhead *overhead, bool allowed)
{
    lock_leave(&overhead->process->contexts.overhead_lock, overhead->cancel_state);
    guard_leave();
    overhead->process = NULL;
    return allowed;
}

static bool foresee(struct overhead *overhead)
{
    struct process *process = overhead->process;
    if (overhead->config->count_context != CONFIG_COUNT_MEASURED) {
        overhead->bytes = overhead->config->count_context;
        return relief_reserve(overhead->config, process, overhead->device, overhead->bytes);
    }
    if (measure_free(process, overhead->device, &overhead->free_before))
        return true;
    ledger_tell(process, REFUSAL_IMPOSSIBLE, overhead->device, 0,
                "what a context takes cannot be measured without NVML (libnvidia-ml.so.1): give a size, as in "
                "--count-context=400MB");
    return false;
}

bool overhead_begin(struct overhead *overhead, gs_device device)
{
    *overhead = (struct overhead){.config = NULL};
    if (!guard_enter())
        return true;
    overhead->config = config_get();
    struct process *process = overhead->config->count_context == 0 ? NULL : process_get();
    if (process == NULL) {
        guard_leave();
        return overhead->config->count_context == 0;
    }
    if (devices_of_handle(process, device, &overhead->device) != DEVICES_FOUND) {
        guard_leave();
        return true; /* the driver knows no such device either */
    }
    overhead->process = process;
    overhead->cancel_state = lock_enter(&process->contexts.overhead_lock);
    if (process->contexts.overhead[overhead->device] != 0)
        return leave(overhead, true);
    return foresee(overhead) || leave(overhead, false);
}

/* What the context took, reserved. */
static bool correct(struct overhead *overhead)
{
    uint64_t free_now;
    if (overhead->config->count_context != CONFIG_COUNT_MEASURED)
        return true;
    if (measure_free(overhead->process, overhead->device, &free_now) && free_now < overhead->free_before)
        overhead->bytes = overhead->free_before - free_now;
    if (overhead->bytes == 0 || relief_reserve(overhead->config, overhead->process, overhead->device, overhead->bytes))
        return true;
    overhead->bytes = 0;
    return false;
}

bool overhead_end(struct overhead *overhead, gs_result result, gs_object context)
{
    struct process *process = overhead->process;
    if (process == NULL)
        return true;
    bool allowed = result != GS_SUCCESS || correct(overhead);
    if (allowed && result == GS_SUCCESS && overhead->bytes > 0) {
        allowed = ledger_record(process, overhead->device, overhead->bytes, (uintptr_t)context, GPUSLICE_KIND_CONTEXT);
        if (allowed) {
            process->contexts.overhead[overhead->device] = (uintptr_t)context;
            return leave(overhead, true);
        }
    }
    if (overhead->bytes > 0)
        ledger_cancel(process, overhead->device, overhead->bytes);
    return leave(overhead, allowed);
}

/* ------------------------------------------------------------ the last context */

static bool is_primary_active(gs_device device)
{
    cuDevicePrimaryCtxGetState_fn *get = DRIVER_REAL(cuDevicePrimaryCtxGetState);
    unsigned int flags;
    int active = 1;
    return get == NULL || get(device, &flags, &active) != GS_SUCCESS || active;
}

void overhead_context_ended(struct process *process, uint32_t device)
{
    struct contexts *contexts = &process->contexts;
    struct taken taken;
    int state = lock_enter(&contexts->overhead_lock);
    uint64_t handle = contexts->overhead[device];
    if (handle != 0 && !contexts_on(process, device) && !is_primary_active(process->devices.handle[device]) &&
        ledger_take_kind(process, handle, TABLE_KIND(GPUSLICE_KIND_CONTEXT), &taken)) {
        ledger_release(process, &taken);
        contexts->overhead[device] = 0;
    }
    lock_leave(&contexts->overhead_lock, state);
}
