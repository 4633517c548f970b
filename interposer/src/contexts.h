/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A context that is destroyed takes its linear, managed and pitched memory and its arrays along; physical memory, pools
 * and graphs outlive it. Most programs have only the primary contexts, so an allocation is remembered with its context
 * only where it is made in another one.
 */
#ifndef GPUSLICE_CONTEXTS_H
#define GPUSLICE_CONTEXTS_H

#include "cuda_types.h"
#include "ledger.h"
#include "state.h"
#include "table.h"

/* The kinds of what goes with its context. */
#define CONTEXTS_KINDS (TABLE_POINTERS | TABLE_KIND(GPUSLICE_KIND_ARRAY))

/* A new context, or one reference more to it. False: no memory to remember it. */
bool contexts_add(struct process *process, gs_object context, uint32_t device);
void contexts_attach(struct process *process, gs_object context);
/* One reference less; true: it was the last. */
bool contexts_detach(struct process *process, gs_object context);

/* Whether there is one on `device`, the primary one aside. */
bool contexts_on(struct process *process, uint32_t device);

/* References to a device's primary context that were seen; one more; one less, or none because it is gone. */
uint32_t contexts_primary_references(struct process *process, uint32_t device);
void contexts_retain_primary(struct process *process, uint32_t device);
void contexts_release_primary(struct process *process, uint32_t device, bool gone);

static inline bool contexts_besides_primary(const struct process *process)
{
    return atomic_load_explicit(&process->contexts.created, memory_order_relaxed) != 0;
}

/* Remembers that `handle` goes with the current context, if that is no primary one. False: no memory for it. */
bool contexts_note(struct process *process, uint64_t handle);
/* Forgets it and says which context that was; 0: a primary one. */
uint64_t contexts_forget(struct process *process, uint64_t handle);
bool contexts_restore(struct process *process, uint64_t handle, uint64_t context);

struct contexts_ending {
    bool known;        /* else nothing goes with it */
    gs_object context; /* NULL: a primary one */
    uint32_t device, references;
    struct taken_list *list; /* what goes with it, taken; NULL: nothing */
};

/* Around the driver's call that ends a context, or a device's primary one. */
void contexts_end_begin(struct process *process, gs_object context, struct contexts_ending *ending);
void contexts_end_begin_primary(struct process *process, uint32_t device, struct contexts_ending *ending);
void contexts_end(struct process *process, const struct contexts_ending *ending, gs_result result);

#endif
