/* SPDX-License-Identifier: Apache-2.0 */
#include "charged.h"

#include "devices.h"
#include "process.h"
#include "sizes.h"

static bool begin(struct charged *charged)
{
    charged->config = config_get();
    charged->process = process_get();
    charged->uncounted = false;
    charged->bytes = 0;
    return charged->config != NULL && charged->process != NULL;
}

static bool reserve(struct charged *charged, uint64_t bytes)
{
    enum devices_result found =
        charged->ordinal == NULL ? devices_of_context(charged->process, &charged->device)
                                 : devices_of_ordinal(charged->process, *charged->ordinal, &charged->device);
    switch (found) {
    case DEVICES_UNKNOWN:
        charged->uncounted = true;
        return true;
    case DEVICES_BEYOND:
        ledger_tell(charged->process, REFUSAL_IMPOSSIBLE, charged->device, bytes,
                    "gpuslice counts on %u devices; hide the others with CUDA_VISIBLE_DEVICES", GPUSLICE_MAX_DEVICES);
        return false;
    case DEVICES_FOUND:
        break;
    }
    if (!ledger_reserve(charged->config, charged->process, charged->device, bytes))
        return false;
    charged->bytes = bytes;
    return true;
}

bool charged_begin(struct charged *charged, uint64_t bytes)
{
    return begin(charged) && reserve(charged, bytes);
}

bool charged_begin_pitched(struct charged *charged, uint64_t width, uint64_t height)
{
    uint64_t bytes;
    if (!begin(charged))
        return false;
    if (!sizes_pitch_bound(width, height, &bytes))
        bytes = UINT64_MAX; /* is refused as more than any device has */
    return reserve(charged, bytes);
}

/* The program must not have it: back to the driver. If the driver does not take it, it is held, and stays counted. */
static gs_result take_back(struct charged *charged, uint64_t handle)
{
    if (charged->undo(handle, charged->undo_context) == GS_SUCCESS && !charged->uncounted)
        ledger_cancel(charged->process, charged->device, charged->bytes);
    return GS_OUT_OF_MEMORY;
}

gs_result charged_end(struct charged *charged, gs_result result, uint64_t handle)
{
    if (charged->uncounted) {
        if (result != GS_SUCCESS)
            return result;
        ledger_tell(charged->process, REFUSAL_IMPOSSIBLE, 0, charged->bytes,
                    "the driver does not say which device this is for, so it cannot be counted");
        return take_back(charged, handle);
    }
    if (result != GS_SUCCESS) {
        ledger_cancel(charged->process, charged->device, charged->bytes);
        return result;
    }
    if (!ledger_record(charged->process, charged->device, charged->bytes, handle, charged->kind))
        return take_back(charged, handle);
    return GS_SUCCESS;
}

gs_result charged_end_pitched(struct charged *charged, gs_result result, uint64_t handle, uint64_t pitch,
                              uint64_t height)
{
    uint64_t taken;
    if (result != GS_SUCCESS || charged->uncounted)
        return charged_end(charged, result, handle);
    if (__builtin_mul_overflow(pitch, height, &taken))
        return take_back(charged, handle);
    if (taken > charged->bytes) {
        if (!ledger_reserve(charged->config, charged->process, charged->device, taken - charged->bytes))
            return take_back(charged, handle);
    } else if (taken < charged->bytes) {
        ledger_cancel(charged->process, charged->device, charged->bytes - taken);
    }
    charged->bytes = taken;
    return charged_end(charged, result, handle);
}

struct charged_view charged_look(void)
{
    struct charged_view view = {.free = 0, .total = UINT64_MAX};
    const struct config *config = config_get();
    struct process *process = process_get();
    uint32_t device;
    uint64_t used;
    if (config != NULL && process != NULL && devices_of_context(process, &device) == DEVICES_FOUND &&
        ledger_query(config, process, device, &used, &view.total) && used < view.total)
        view.free = view.total - used;
    return view;
}

bool charged_free_begin(uint64_t handle, struct taken *taken)
{
    struct process *process = process_if_started();
    return process != NULL && ledger_take(process, handle, taken);
}

void charged_free_end(const struct taken *taken, gs_result result)
{
    if (result == GS_SUCCESS)
        ledger_release(process_if_started(), taken);
    else
        ledger_put_back(taken);
}
