/* SPDX-License-Identifier: Apache-2.0 */
#include "contexts.h"

#include "deferred.h"
#include "imports.h"
#include "lock.h"
#include "map.h"
#include "resolve.h"
#include "shares.h"

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
    bool known = map_find(&contexts->known, sizeof(struct known), context) != NULL;
    struct owner *owner = map_find(&contexts->owners, sizeof *owner, handle);
    if (!known && anew && owner != NULL) {
        map_remove(&contexts->owners, sizeof *owner, owner); /* of a context that ended while this was being allocated */
    } else if (known && (anew || owner == NULL)) {
        owner = map_add(&contexts->owners, sizeof *owner, handle);
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

static struct taken_list *take(struct process *process, uint32_t device, uint64_t context)
{
    struct end ending = {process, context};
    return ledger_take_all(process, device, CONTEXTS_KINDS, goes_along, &ending);
}

static bool device_of(struct process *process, gs_object context, uint32_t *device)
{
    struct contexts *contexts = &process->contexts;
    int state = lock_enter(&contexts->lock);
    const struct known *known = map_find(&contexts->known, sizeof *known, (uintptr_t)context);
    *device = known == NULL ? 0 : known->device;
    lock_leave(&contexts->lock, state);
    return known != NULL;
}

static void forget_context(struct process *process, gs_object context, struct contexts_ending *ending)
{
    struct contexts *contexts = &process->contexts;
    int state = lock_enter(&contexts->lock);
    struct known *known = map_find(&contexts->known, sizeof *known, (uintptr_t)context);
    if (known != NULL) {
        *ending = (struct contexts_ending){true, context, known->device, known->references, NULL};
        map_remove(&contexts->known, sizeof *known, known);
    }
    lock_leave(&contexts->lock, state);
}

/* What goes with a context is taken, and both are forgotten, before the driver is called: once that has let go of them,
 * another thread may be given the same addresses, and a new context the same handle. */
void contexts_end_begin(struct process *process, gs_object context, struct contexts_ending *ending)
{
    uint32_t device;
    *ending = (struct contexts_ending){0};
    if (!device_of(process, context, &device))
        return;
    deferred_context_ends(process, device, (uintptr_t)context); /* as long as it is known */
    forget_context(process, context, ending);
    if (!ending->known)
        return; /* another thread ends it */
    ending->list = take(process, ending->device, (uintptr_t)context);
    for (size_t i = 0; ending->list != NULL && i < ending->list->count; i++)
        contexts_forget(process, ending->list->taken[i].handle);
}

void contexts_end_begin_primary(struct process *process, uint32_t device, struct contexts_ending *ending)
{
    *ending = (struct contexts_ending){.known = true, .device = device};
    deferred_context_ends(process, device, 0);
    ending->list = take(process, device, 0);
}

/* It goes on: the context is known again, and what belongs to it. */
static void restore(struct process *process, const struct contexts_ending *ending)
{
    struct contexts *contexts = &process->contexts;
    int state = lock_enter(&contexts->lock);
    struct known *known = map_add(&contexts->known, sizeof *known, (uintptr_t)ending->context);
    if (known != NULL) {
        known->device = ending->device;
        known->references = ending->references;
    }
    lock_leave(&contexts->lock, state);
    for (size_t i = 0; ending->list != NULL && i < ending->list->count; i++)
        contexts_restore(process, ending->list->taken[i].handle, (uintptr_t)ending->context);
}

void contexts_end(struct process *process, const struct contexts_ending *ending, gs_result result)
{
    bool gone = result == GS_SUCCESS;
    if (!gone && ending->context != NULL)
        restore(process, ending);
    ledger_settle_all(process, ending->list, gone);
    if (gone)
        imports_context_ended(process);
}
