/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * NVML's view of a device's memory, for programs that look there. Only devices that this process sees through CUDA have
 * a limit here: a program that never touches CUDA is in no session of its own, and is shown what there is.
 */
#include "charged.h"
#include "export.h"
#include "process.h"
#include "resolve.h"

/* "GPU-01234567-89ab-cdef-0123-456789abcdef", or "MIG-" and the same. */
static bool parse_uuid(const char *text, uint8_t uuid[GPUSLICE_UUID_SIZE])
{
    uint32_t digits = 0;
    while (*text != '\0' && *text != '-')
        text++;
    for (; *text != '\0' && digits < 2 * GPUSLICE_UUID_SIZE; text++) {
        if (*text == '-')
            continue;
        uint8_t digit = (uint8_t)(*text >= '0' && *text <= '9'   ? *text - '0'
                                  : *text >= 'a' && *text <= 'f' ? *text - 'a' + 10
                                  : *text >= 'A' && *text <= 'F' ? *text - 'A' + 10
                                                                 : 16);
        if (digit == 16)
            return false;
        uuid[digits / 2] = (uint8_t)(digits % 2 == 0 ? digit << 4 : uuid[digits / 2] | digit);
        digits++;
    }
    return digits == 2 * GPUSLICE_UUID_SIZE && *text == '\0';
}

static bool look(gs_object device, struct charged_view *view)
{
    nvmlDeviceGetUUID_fn *get = NVML_REAL(nvmlDeviceGetUUID);
    char text[96] = "";
    uint8_t uuid[GPUSLICE_UUID_SIZE];
    return get != NULL && get(device, text, sizeof text) == GS_SUCCESS && parse_uuid(text, uuid) &&
           charged_look_at_uuid(uuid, view);
}

static void lower(unsigned long long *number, uint64_t limit)
{
    if (*number > limit)
        *number = limit;
}

gs_result nvmlDeviceGetMemoryInfo(gs_object device, struct gs_nvml_memory *memory)
{
    nvmlDeviceGetMemoryInfo_fn *real = NVML_REAL(nvmlDeviceGetMemoryInfo);
    if (real == NULL)
        return GS_NVML_FUNCTION_NOT_FOUND;
    gs_result result = real(device, memory);
    struct charged_view view;
    if (result != GS_SUCCESS || memory == NULL || !guard_enter())
        return result;
    if (look(device, &view)) {
        lower(&memory->total, view.total);
        lower(&memory->free, view.free);
        memory->used = view.used;
    }
    guard_leave();
    return result;
}

/* What the driver keeps for itself is no part of a session's memory. */
gs_result nvmlDeviceGetMemoryInfo_v2(gs_object device, struct gs_nvml_memory_v2 *memory)
{
    nvmlDeviceGetMemoryInfo_v2_fn *real = NVML_REAL(nvmlDeviceGetMemoryInfo_v2);
    if (real == NULL)
        return GS_NVML_FUNCTION_NOT_FOUND;
    gs_result result = real(device, memory);
    struct charged_view view;
    if (result != GS_SUCCESS || memory == NULL || !guard_enter())
        return result;
    if (look(device, &view)) {
        lower(&memory->total, view.total);
        lower(&memory->free, view.free);
        memory->used = view.used;
        memory->reserved = 0;
    }
    guard_leave();
    return result;
}
