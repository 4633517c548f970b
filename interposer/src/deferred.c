/* SPDX-License-Identifier: Apache-2.0 */
#include "deferred.h"

#include "contexts.h"
#include "lock.h"
#include "map.h"
#include "resolve.h"

struct deferred {
    uint64_t number;
    struct taken taken;
    uint64_t context;
    gs_object event;
};

/* ------------------------------------------------------------ events */

static void destroy(gs_object event)
{
    cuEventDestroy_v2_fn *real = DRIVER_REAL(cuEventDestroy_v2);
    if (real != NULL)
        real(event);
}

/* In the current context, which is the stream's. */
static gs_object record_here(gs_object stream, bool per_thread)
{
    cuEventCreate_fn *create = DRIVER_REAL(cuEventCreate);
    cuEventRecord_fn *record = per_thread ? DRIVER_REAL(cuEventRecord_ptsz) : DRIVER_REAL(cuEventRecord);
    gs_object event;
    if (create == NULL || record == NULL || create(&event, GS_EVENT_DISABLE_TIMING) != GS_SUCCESS)
        return NULL;
    if (record(event, stream) == GS_SUCCESS)
        return event;
    destroy(event);
    return NULL;
}

static gs_object record(gs_object stream, bool per_thread)
{
    cuStreamGetCtx_fn *get_context = DRIVER_REAL(cuStreamGetCtx);
    cuCtxPushCurrent_v2_fn *push = DRIVER_REAL(cuCtxPushCurrent_v2);
    cuCtxPopCurrent_v2_fn *pop = DRIVER_REAL(cuCtxPopCurrent_v2);
    gs_object context;
    if ((uintptr_t)stream <= 2) /* every context has these */
        return record_here(stream, per_thread);
    if (get_context == NULL || push == NULL || pop == NULL || get_context(stream, &context) != GS_SUCCESS ||
        push(context) != GS_SUCCESS)
        return NULL;
    gs_object event = record_here(stream, per_thread);
    pop(&context);
    return event;
}

/* Reached, or gone with its context. The driver lets go of the memory at a synchronization, which then takes no time. */
static bool is_reached(gs_object event)
{
    cuEventQuery_fn *query = DRIVER_REAL(cuEventQuery);
    cuEventSynchronize_fn *synchronize = DRIVER_REAL(cuEventSynchronize);
    if (query == NULL || synchronize == NULL || query(event) == GS_NOT_READY)
        return false;
    synchronize(event);
    return true;
}

/* ------------------------------------------------------------ frees */

static bool remember(struct process *process, const struct deferred *deferred)
{
    struct deferred_frees *frees = &process->deferred;
    int state = lock_enter(&frees->lock);
    uint64_t number = ++frees->last;
    struct deferred *known = map_add(&frees->live, sizeof *known, number);
    if (known != NULL) {
        *known = *deferred;
        known->number = number;
        atomic_store_explicit(&process->measures, 1, memory_order_relaxed);
    }
    lock_leave(&frees->lock, state);
    return known != NULL;
}

void deferred_free(struct process *process, const struct taken *taken, uint64_t context, gs_object stream,
                   bool per_thread)
{
    struct deferred deferred = {.taken = *taken, .context = context, .event = record(stream, per_thread)};
    bool reached = deferred.event != NULL && is_reached(deferred.event);
    if (!reached && deferred.event != NULL && remember(process, &deferred))
        return;
    if (deferred.event != NULL)
        destroy(deferred.event);
    cuStreamSynchronize_fn *synchronize =
        per_thread ? DRIVER_REAL(cuStreamSynchronize_ptsz) : DRIVER_REAL(cuStreamSynchronize);
    if (!reached && synchronize != NULL)
        synchronize(stream); /* nobody would tell: it is waited for here */
    ledger_release(process, taken);
}

/* One that `wanted` says yes to, out of the map and without its event; false: there is none. */
static bool take_one(struct process *process, bool (*wanted)(const struct deferred *, const void *), const void *what,
                     struct taken *taken)
{
    struct deferred_frees *frees = &process->deferred;
    int state = lock_enter(&frees->lock);
    struct deferred *deferred = NULL;
    do
        deferred = map_next(&frees->live, sizeof *deferred, deferred);
    while (deferred != NULL && !wanted(deferred, what));
    if (deferred != NULL) {
        *taken = deferred->taken;
        destroy(deferred->event);
        map_remove(&frees->live, sizeof *deferred, deferred);
    }
    lock_leave(&frees->lock, state);
    return deferred != NULL;
}

static bool can_be_credited(const struct deferred *deferred, const void *unused)
{
    (void)unused;
    return is_reached(deferred->event);
}

void deferred_settle(struct process *process)
{
    struct taken taken;
    while (take_one(process, can_be_credited, NULL, &taken))
        ledger_release(process, &taken);
}

struct end {
    uint32_t device;
    uint64_t context;
};

static bool goes_along(const struct deferred *deferred, const void *what)
{
    const struct end *end = what;
    return deferred->context == end->context && GPUSLICE_META_DEVICE(deferred->taken.meta) == end->device;
}

void deferred_context_ends(struct process *process, uint32_t device, uint64_t context)
{
    struct end end = {device, context};
    struct taken taken;
    while (take_one(process, goes_along, &end, &taken)) {
        if (context != 0)
            contexts_restore(process, taken.handle, context);
        ledger_put_back(process, &taken);
    }
}
