/* SPDX-License-Identifier: Apache-2.0 */
#include "contexts.h"

#include "deferred.h"
#include "lock.h"
#include "map.h"
#include "resolve.h"

struct known {
    uint64_t context;
    uint32_t device;
    uint32_t references;
};

struct owner {
    uint64_t handle;
    uint64_t context;
};

bool contexts_add(struct process *process, gs_object context, uint32_t device)
{
    struct contexts *contexts = &process->contexts;
    int state = lock_enter(&contexts->lock);
    struct known *known = map_add(&contexts->known, sizeof *known, (uintptr_t)context);
    if (known != NULL) {
        known->device = device;
        known->references = 1;
    }
    atomic_store_explicit(&contexts->created, 1, memory_order_relaxed);
    lock_leave(&contexts->lock, state);
    return known != NULL;
}

void contexts_attach(struct process *process, gs_object context)
{
    struct contexts *contexts = &process->contexts;
    int state = lock_enter(&contexts->lock);
    struct known *known = map_find(&contexts->known, sizeof *known, (uintptr_t)context);
    if (known != NULL)
        known->references++;
    lock_leave(&contexts->lock, state);
}

bool contexts_detach(struct process *process, gs_object context)
{
    struct contexts *contexts = &process->contexts;
    int state = lock_enter(&contexts->lock);
    struct known *known = map_find(&contexts->known, sizeof *known, (uintptr_t)context);
    bool last = known != NULL && --known->references == 0;
    lock_leave(&contexts->lock, state);
    return last;
}

bool contexts_on(struct process *process, uint32_t device)
{
    struct contexts *contexts = &process->contexts;
    int state = lock_enter(&contexts->lock);
    const struct known *known = NULL;
    do
        known = map_next(&contexts->known, sizeof *known, known);
    while (known != NULL && known->device != device);
    lock_leave(&contexts->lock, state);
    return known != NULL;
}

void contexts_retain_primary(struct process *process, uint32_t device)
{
    atomic_fetch_add(&process->contexts.primary[device], 1);
}

uint32_t contexts_primary_references(struct process *process, uint32_t device)
{
    return atomic_load(&process->contexts.primary[device]);
}

void contexts_release_primary(struct process *process, uint32_t device, bool gone)
{
    _Atomic uint32_t *references = &process->contexts.primary[device];
    uint32_t seen = atomic_load(references);
    while (seen > 0 && !atomic_compare_exchange_weak(references, &seen, gone ? 0 : seen - 1))
        ;
}

/* ------------------------------------------------------------ which allocation goes with which context */

static uint64_t current_context(void)
{
    cuCtxGetCurrent_fn *get = DRIVER_REAL(cuCtxGetCurrent);
    gs_object context;
    return get != NULL && get(&context) == GS_SUCCESS ? (uintptr_t)context : 0;
}

static bool remember(struct process *process, uint64_t handle, uint64_t context, bool anew)
{
    struct contexts *contexts = &process->contexts;
    bool remembered = true;
    int state = lock_enter(&contexts->lock);
    if (map_find(&contexts->known, sizeof(struct known), context) != NULL &&
        (anew || map_find(&contexts->owners, sizeof(struct owner), handle) == NULL)) {
        struct owner *owner = map_add(&contexts->owners, sizeof *owner, handle);
        remembered = owner != NULL;
        if (remembered)
            owner->context = context;
    }
    lock_leave(&contexts->lock, state);
    return remembered;
}

bool contexts_note(struct process *process, uint64_t handle)
{
    return remember(process, handle, current_context(), true);
}

bool contexts_restore(struct process *process, uint64_t handle, uint64_t context)
{
    /* If the address has an owner, another thread has freed it meanwhile, and it was given out again. */
    return remember(process, handle, context, false);
}

uint64_t contexts_forget(struct process *process, uint64_t handle)
{
    struct contexts *contexts = &process->contexts;
    int state = lock_enter(&contexts->lock);
    struct owner *owner = map_find(&contexts->owners, sizeof *owner, handle);
    uint64_t context = owner == NULL ? 0 : owner->context;
    if (owner != NULL)
        map_remove(&contexts->owners, sizeof *owner, owner);
    lock_leave(&contexts->lock, state);
    return context;
}

/* ------------------------------------------------------------ the end of a context */

struct end {
    struct process *process;
    uint64_t context; /* 0: the primary one */
};

static bool goes_along(void *context, uint64_t handle)
{
    const struct end *ending = context;
    struct contexts *contexts = &ending->process->contexts;
    int state = lock_enter(&contexts->lock);
    const struct owner *owner = map_find(&contexts->owners, sizeof *owner, handle);
    bool along = owner == NULL ? ending->context == 0 : owner->context == ending->context;
    lock_leave(&contexts->lock, state);
    return along;
}

struct taken_list *contexts_end_begin(struct process *process, gs_object context)
{
    int state = lock_enter(&process->contexts.lock);
    const struct known *known = map_find(&process->contexts.known, sizeof *known, (uintptr_t)context);
    uint32_t device = known == NULL ? 0 : known->device;
    lock_leave(&process->contexts.lock, state);
    if (known == NULL)
        return NULL;
    struct end ending = {process, (uintptr_t)context};
    deferred_context_ends(process, device, (uintptr_t)context);
    struct taken_list *list = ledger_take_all(process, device, CONTEXTS_KINDS, goes_along, &ending);
    /* Forgotten now: once the context is gone, the driver may give the same addresses to others. */
    for (size_t i = 0; list != NULL && i < list->count; i++)
        contexts_forget(process, list->taken[i].handle);
    return list;
}

struct taken_list *contexts_end_begin_primary(struct process *process, uint32_t device)
{
    struct end ending = {process, 0};
    deferred_context_ends(process, device, 0);
    return ledger_take_all(process, device, CONTEXTS_KINDS, goes_along, &ending);
}

void contexts_end(struct process *process, gs_object context, struct taken_list *list, gs_result result)
{
    bool gone = result == GS_SUCCESS;
    for (size_t i = 0; !gone && context != NULL && list != NULL && i < list->count; i++)
        contexts_restore(process, list->taken[i].handle, (uintptr_t)context);
    if (gone && context != NULL) {
        int state = lock_enter(&process->contexts.lock);
        struct known *known = map_find(&process->contexts.known, sizeof *known, (uintptr_t)context);
        if (known != NULL)
            map_remove(&process->contexts.known, sizeof *known, known);
        lock_leave(&process->contexts.lock, state);
    }
    ledger_settle_all(process, list, gone);
}
