/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The thread's depth guard, and the process's state across fork.
 */
#ifndef GPUSLICE_PROCESS_H
#define GPUSLICE_PROCESS_H

#include "config.h"
#include "state.h"

struct guard {
    uint32_t depth; /* > 0: this thread is inside a hook that decides; whatever it reaches is forwarded */
    bool probing;   /* see hooks_runtime.c: does the runtime come by our driver hooks? */
    bool reached;   /* it does */
};

/* initial-exec: no lazy allocation inside a hook. A preloaded library always fits into the static block. */
extern _Thread_local struct guard guard __attribute__((tls_model("initial-exec")));

/* Whether this hook decides. If so, leave it with guard_leave(). */
static inline bool guard_enter(void)
{
    if (__builtin_expect(guard.depth != 0, 0) || config_get() == NULL)
        return false;
    guard.depth = 1;
    return true;
}

static inline void guard_leave(void)
{
    guard.depth = 0;
}

extern struct process *_Atomic the_process __attribute__((visibility("hidden")));

/* This process's state, started if need be; NULL: there is no memory for it, and everything is refused. */
struct process *process_get(void);

/* The same, or NULL where this process has not allocated anything yet: a child after fork owns nothing. */
static inline struct process *process_if_started(void)
{
    /* acquire pairs with the releases of whoever made it and whoever started it: the kernel wipes `phase` in a child. */
    struct process *process = atomic_load_explicit(&the_process, memory_order_acquire);
    if (process == NULL || atomic_load_explicit(&process->phase, memory_order_acquire) != PROCESS_READY)
        return NULL;
    return process;
}

/* Its page; NULL until the first WELCOME. */
static inline struct page *process_page(struct process *process)
{
    /* acquire pairs with pages_adopt: the page is complete. */
    return atomic_load_explicit(&process->page, memory_order_acquire);
}

/* Remembers our two descriptors where fork does not wipe them, so that a child can close its copies. */
void process_leave_to_children(const struct descriptor *socket, const struct descriptor *page);

#endif
