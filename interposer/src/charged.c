/* SPDX-License-Identifier: Apache-2.0 */
#include "charged.h"

#include "contexts.h"
#include "deferred.h"
#include "devices.h"
#include "graphs.h"
#include "hot.h"
#include "imports.h"
#include "lock.h"
#include "pools.h"
#include "process.h"
#include "relief.h"
#include "shares.h"
#include "sizes.h"
#include "table.h"

/*
 * The plain case of each step comes first, in line from hot.h; what it does not settle is done once more with all
 * questions asked. Between two steps nothing is remembered but what `charged` and `freeing` say.
 */

/* ------------------------------------------------------------ allocations */

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
    if (bytes > 0 && !relief_reserve(charged->config, charged->process, charged->device, bytes))
        return false;
    charged->bytes = bytes;
    return true;
}

__attribute__((cold, noinline)) static bool begin_slowly(struct charged *charged, uint64_t bytes)
{
    return begin(charged) && reserve(charged, bytes);
}

bool charged_begin(struct charged *charged, uint64_t bytes)
{
    struct process *process = process_if_started();
    charged->process = process;
    charged->uncounted = false;
    charged->bytes = bytes;
    if (LIKELY(process != NULL) && charged->ordinal == NULL &&
        devices_of_context(process, &charged->device) == DEVICES_FOUND && hot_begin(process, charged->device, bytes))
        return true;
    return begin_slowly(charged, bytes);
}

void charged_begin_uncounted(struct charged *charged)
{
    begin(charged);
    charged->uncounted = true;
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

__attribute__((cold, noinline)) static gs_result end_slowly(struct charged *charged, gs_result result, uint64_t handle)
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
    if (charged->bytes == 0)
        return GS_SUCCESS;
    /* First whose it is: an entry that nobody has a context for goes with the primary one. */
    bool of_context = contexts_besides_primary(charged->process) && (CONTEXTS_KINDS & TABLE_KIND(charged->kind));
    if (of_context && !contexts_note(charged->process, handle))
        return take_back(charged, handle);
    if (ledger_record(charged->process, charged->device, charged->bytes, handle, charged->kind))
        return GS_SUCCESS;
    if (of_context)
        contexts_forget(charged->process, handle);
    return take_back(charged, handle);
}

gs_result charged_end(struct charged *charged, gs_result result, uint64_t handle)
{
    if (LIKELY(result == GS_SUCCESS) && !charged->uncounted && charged->bytes > 0 &&
        hot_end(charged->process, charged->device, charged->bytes, handle, charged->kind))
        return GS_SUCCESS;
    return end_slowly(charged, result, handle);
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
        if (!relief_reserve(charged->config, charged->process, charged->device, taken - charged->bytes))
            return take_back(charged, handle);
    } else if (taken < charged->bytes) {
        ledger_cancel(charged->process, charged->device, charged->bytes - taken);
    }
    charged->bytes = taken;
    return charged_end(charged, result, handle);
}

/* ------------------------------------------------------------ what is left */

static struct charged_view look(struct process *process, enum devices_result found, uint32_t device)
{
    struct charged_view view = {.used = 0, .free = 0, .total = UINT64_MAX};
    const struct config *config = config_get();
    if (config == NULL || found != DEVICES_FOUND)
        return view;
    relief_settle(config, process, device);
    if (ledger_query(config, process, device, &view.used, &view.total) && view.used < view.total)
        view.free = view.total - view.used;
    return view;
}

struct charged_view charged_look(void)
{
    struct process *process = process_get();
    uint32_t device = 0;
    enum devices_result found = process == NULL ? DEVICES_UNKNOWN : devices_of_context(process, &device);
    return look(process, found, device);
}

struct charged_view charged_look_at(gs_device number)
{
    struct process *process = process_get();
    uint32_t device = 0;
    enum devices_result found = process == NULL ? DEVICES_UNKNOWN : devices_of_handle(process, number, &device);
    return look(process, found, device);
}

bool charged_look_at_uuid(const uint8_t *uuid, struct charged_view *view)
{
    struct process *process = process_get();
    uint32_t device;
    if (process == NULL || devices_of_uuid(process, uuid, &device) != DEVICES_FOUND)
        return false;
    *view = look(process, DEVICES_FOUND, device);
    return true;
}

/* ------------------------------------------------------------ frees */

static bool take_entry(struct process *process, uint64_t handle, uint32_t kinds, struct freeing *freeing)
{
    bool taken = !shares_is_exporting(process) && hot_free_begin(process, handle, kinds, &freeing->taken);
    if (!taken && !ledger_take_kind(process, handle, kinds, &freeing->taken))
        return false;
    freeing->what = FREEING_ENTRY;
    /* Now, not when it is free: the driver may have given the address to another thread by then. */
    freeing->context = contexts_besides_primary(process) ? contexts_forget(process, handle) : 0;
    return true;
}

void charged_free_begin_kind(uint64_t handle, uint32_t kinds, struct freeing *freeing)
{
    struct process *process = process_if_started();
    freeing->what = FREEING_UNKNOWN;
    freeing->address = 0;
    if (process != NULL)
        take_entry(process, handle, kinds, freeing);
}

void charged_free_begin(uint64_t address, struct freeing *freeing)
{
    struct process *process = process_if_started();
    freeing->what = FREEING_UNKNOWN;
    freeing->address = address;
    if (process == NULL)
        return;
    if (take_entry(process, address, TABLE_POINTERS, freeing) ||
        atomic_load_explicit(&process->measures, memory_order_relaxed) == 0)
        return;
    freeing->pool = pools_forget(process, address);
    if (freeing->pool == NULL)
        return;
    freeing->what = FREEING_ASYNC;
    freeing->pool_handle = freeing->pool->handle;
    freeing->device = freeing->pool->device;
    freeing->export = shares_is_exporting(process) ? shares_detach(process, SHARES_ADDRESS, address) : 0;
}

static void end_entry(struct process *process, const struct freeing *freeing, gs_result result)
{
    if (LIKELY(result == GS_SUCCESS)) {
        ledger_release(process, &freeing->taken);
        return;
    }
    if (freeing->context != 0)
        contexts_restore(process, freeing->taken.handle, freeing->context);
    ledger_put_back(process, &freeing->taken);
}

static void end_async(struct process *process, const struct freeing *freeing, gs_result result)
{
    struct reservoir *pool = freeing->pool;
    if (result != GS_SUCCESS) {
        shares_attach(process, SHARES_ADDRESS, freeing->address, freeing->export);
        pools_remember(process, freeing->address, pool);
        return;
    }
    shares_release(process, freeing->export);
    ledger_count_free(process, freeing->device);
    int state = lock_enter(&pool->lock);
    /* That was perhaps its last memory: then another thread may have ended a pool that was only waiting for it. */
    if (pools_is(pool, (gs_object)(uintptr_t)freeing->pool_handle))
        pools_settle_one(config_get(), process, pool);
    lock_leave(&pool->lock, state);
}

/* Perhaps a graph's, or from another process's pool. */
static void end_unknown(struct process *process, const struct freeing *freeing, gs_result result)
{
    if (result != GS_SUCCESS || process == NULL ||
        atomic_load_explicit(&process->measures, memory_order_relaxed) == 0)
        return;
    graphs_settle_every(config_get(), process);
    imports_end(process, freeing->address);
}

void charged_free_end(const struct freeing *freeing, gs_result result)
{
    struct process *process = process_if_started();
    switch (freeing->what) {
    case FREEING_ENTRY:
        end_entry(process, freeing, result);
        break;
    case FREEING_ASYNC:
        end_async(process, freeing, result);
        break;
    case FREEING_UNKNOWN:
        end_unknown(process, freeing, result);
        break;
    }
}

void charged_free_end_in(const struct freeing *freeing, gs_result result, gs_object stream, bool per_thread)
{
    struct process *process = process_if_started();
    if (freeing->what == FREEING_ENTRY && result == GS_SUCCESS)
        deferred_free(process, &freeing->taken, freeing->context, stream, per_thread);
    else
        charged_free_end(freeing, result);
}
