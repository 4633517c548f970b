/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The life of an allocation: reserve, let the driver allocate, record; take, let the driver free, release. Accounting,
 * table and transport put together; no CUDA here.
 */
#ifndef GPUSLICE_LEDGER_H
#define GPUSLICE_LEDGER_H

#include "state.h"

/* Makes `bytes` of `device` this process's, asking the daemon where there is no credit. False: denied, and told once
 * per kind of refusal. */
bool ledger_reserve(const struct config *config, struct process *process, uint32_t device, uint64_t bytes);

/* The same, where a denial is not the last word: it is neither told nor counted. */
bool ledger_try(const struct config *config, struct process *process, uint32_t device, uint64_t bytes);

/* Memory that is held already, so that nothing can be refused any more: charged even above the limit. False: the daemon
 * cannot be asked; it is still uncounted, and to be tried again. */
bool ledger_hold(const struct config *config, struct process *process, uint32_t device, uint64_t bytes);

/* Gives a reservation, or a part of it, back (LOWER_USED). */
void ledger_cancel(struct process *process, uint32_t device, uint64_t bytes);

/* RECORD: the driver allocated what was reserved. False: the table is full, and the reservation still stands. */
bool ledger_record(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle, uint32_t kind);

/* The entry of something that grows and shrinks: shows `bytes` from now on, or is gone where they are 0. Only the entry:
 * `used` is the caller's. Whoever owns the handle calls this in one thread at a time. */
void ledger_show(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle, uint32_t kind);

/* Bytes of such a thing are the driver's again (LOWER_USED), and reported where every free is. */
void ledger_give_back(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle);

/* Every free of a strict session is told. */
static inline bool ledger_reports(const struct process *process)
{
    return atomic_load_explicit(&process->strict, memory_order_relaxed) != 0;
}
void ledger_report(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle);

/* Counters, for what has no entry of its own. */
void ledger_count_allocation(struct process *process, uint32_t device);
void ledger_count_free(struct process *process, uint32_t device);

struct taken {
    struct gpuslice_page_entry *entry;
    uint64_t handle;
    uint64_t meta;
    uint64_t export; /* shares.h: what others may have of it; 0: nothing */
};
struct taken_list {
    size_t count, room; /* of `taken` */
    struct taken taken[];
};
/* TAKE a pointer. False: not one of ours, or freed by another thread already: the driver knows what to do. */
bool ledger_take(struct process *process, uint64_t handle, struct taken *taken);
/* The same for a handle of these kinds (TABLE_KIND). */
bool ledger_take_kind(struct process *process, uint64_t handle, uint32_t kinds, struct taken *taken);
/* Every live entry of these kinds on `device` for which `chosen` says so, taken. Where there is no memory for the list,
 * only some 2,000 or, as NULL says, none: it is said on stderr how many stay counted. */
struct taken_list *ledger_take_all(struct process *process, uint32_t device, uint32_t kinds,
                                   bool (*chosen)(void *context, uint64_t handle), void *context);
/* What became of them; frees the list. */
void ledger_settle_all(struct process *process, struct taken_list *list, bool freed);
/* The driver freed it (LOWER_USED), or refused to. */
void ledger_release(struct process *process, const struct taken *taken);
void ledger_put_back(struct process *process, const struct taken *taken);

/* What the session holds and may hold on `device`. False: the daemon does not say; `limit` is as last heard, UINT64_MAX
 * if never. */
bool ledger_query(const struct config *config, struct process *process, uint32_t device, uint64_t *used,
                  uint64_t *limit);

enum refusal {
    REFUSAL_QUOTA = 0,
    REFUSAL_SESSION,     /* the daemon answered, and it is not about bytes */
    REFUSAL_UNREACHABLE,
    REFUSAL_IMPOSSIBLE,  /* a size, device or number of allocations that cannot be counted */
};
/* One line on stderr for the first refusal of a kind, for the others with GPUSLICE_DEBUG. */
__attribute__((format(printf, 5, 6))) void ledger_tell(struct process *process, enum refusal kind, uint32_t device,
                                                       uint64_t bytes, const char *format, ...);

#endif
