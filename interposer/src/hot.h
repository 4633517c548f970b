/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What almost every allocation and free comes to, in the order in which it happens: the steps of docs/protocol.md, in
 * line, with a fence where one says so and nowhere else. No system call, no lock, no memory of its own. Whatever is not
 * plain (no credit, another page, a full bucket) answers no and changes nothing; accounting.c and table.c then do it at
 * their leisure.
 */
#ifndef GPUSLICE_HOT_H
#define GPUSLICE_HOT_H

#include "accounting.h"
#include "contexts.h"
#include "ledger.h"
#include "process.h"
#include "table.h"

#define LIKELY(condition) __builtin_expect(!!(condition), 1)

/* LOAD, CAS_USED, RECHECK. seq_cst on both words: the collector stores charge and then reads used, we raise used and then
 * read charge; in one total order at least one of us sees the other (and one of us then steps back). */
static inline enum accounting_result hot_reserve(struct page *page, uint32_t device, uint64_t bytes, bool granted)
{
    struct gpuslice_page_device *line = &page->devices[device];
    uint64_t used = __atomic_load_n(&line->used, __ATOMIC_SEQ_CST), charge;
    do { /* on failure `used` is loaded afresh */
        charge = __atomic_load_n(&line->charge, __ATOMIC_SEQ_CST);
        if (used & ACCOUNTING_HANDED_OVER)
            return ACCOUNTING_MOVED;
        if ((charge & GPUSLICE_GATED) && !granted)
            return ACCOUNTING_ASK;
        charge &= GPUSLICE_CHARGE_MASK;
        if (used > charge || bytes > charge - used)
            return ACCOUNTING_ASK;
        /* Pairs with the daemon's READ_USED and REREAD_USED. */
    } while (!__atomic_compare_exchange_n(&line->used, &used, used + bytes, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    used += bytes;
    /* Pairs with the daemon's LOWER_CHARGE: credit collected since LOAD shows here. */
    charge = __atomic_load_n(&line->charge, __ATOMIC_SEQ_CST) & GPUSLICE_CHARGE_MASK;
    if (!LIKELY(used <= charge)) {
        accounting_lower(page, device, bytes); /* BACK_OFF */
        return ACCOUNTING_ASK;
    }
    /* relaxed: a number for people; two threads that race may leave the lower of their peaks. */
    if (used > __atomic_load_n(&line->peak, __ATOMIC_RELAXED))
        __atomic_store_n(&line->peak, used, __ATOMIC_RELAXED);
    return ACCOUNTING_TAKEN;
}

/* RECORD, in the first bucket that is looked into for this handle. */
static inline bool hot_record(struct page *page, uint64_t handle, uint64_t meta)
{
    struct gpuslice_page_entry *bucket = table_bucket(page, table_newest(page), table_mix(handle), 0);
    for (uint32_t i = 0; i < TABLE_BUCKET; i++) {
        if (__atomic_load_n(&bucket[i].handle, __ATOMIC_RELAXED) == GPUSLICE_ENTRY_FREE)
            return table_fill(&bucket[i], handle, meta);
    }
    return false;
}

/* TAKE, from there. */
static inline struct gpuslice_page_entry *hot_take(struct page *page, uint64_t handle, uint32_t kinds, uint64_t *meta)
{
    if (handle <= GPUSLICE_ENTRY_CLAIMED) /* they mark free and claimed slots; no driver hands them out */
        return NULL;
    struct gpuslice_page_entry *bucket = table_bucket(page, table_newest(page), table_mix(handle), 0);
    for (uint32_t i = 0; i < TABLE_BUCKET; i++) {
        if (table_claim(&bucket[i], handle, kinds, meta))
            return &bucket[i];
    }
    return NULL;
}

/* LOWER_USED. seq_cst: a collector that reads the lower value may hand these bytes to a sibling; the driver call that
 * freed them came before. */
static inline void hot_lower(struct page *page, uint32_t device, uint64_t bytes)
{
    uint64_t before = __atomic_fetch_sub(&page->devices[device].used, bytes, __ATOMIC_SEQ_CST);
    if (!LIKELY(!(before & ACCOUNTING_HANDED_OVER)))
        accounting_lower_in_newer(page, device, bytes);
}

/* ------------------------------------------------------------ around the driver's call */

/* Reserves. False: nothing has been done. */
static inline bool hot_begin(struct process *process, uint32_t device, uint64_t bytes)
{
    struct page *page = process_page(process);
    return LIKELY(page != NULL) && bytes - 1 < GPUSLICE_MAX_BYTES &&
           LIKELY(hot_reserve(page, device, bytes, false) == ACCOUNTING_TAKEN);
}

/* The driver gave `handle`. False: the reservation stands, and nothing has been recorded. */
static inline bool hot_end(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle, uint32_t kind)
{
    struct page *page = process_page(process); /* perhaps another one by now */
    if (contexts_besides_primary(process) || !LIKELY(hot_record(page, handle, GPUSLICE_META(bytes, device, kind))))
        return false;
    accounting_count_allocation(process, page, device);
    return true;
}

/* Takes the entry. False: it is not where it is looked for first, or is no entry at all. */
static inline bool hot_free_begin(struct process *process, uint64_t handle, uint32_t kinds, struct taken *taken)
{
    struct page *page = process_page(process);
    taken->handle = handle;
    taken->export = 0; /* should another thread begin to export meanwhile */
    taken->entry = LIKELY(page != NULL) ? hot_take(page, handle, kinds, &taken->meta) : NULL;
    return LIKELY(taken->entry != NULL);
}

/* The driver freed it. */
static inline void hot_free_end(struct process *process, const struct taken *taken)
{
    uint32_t device = GPUSLICE_META_DEVICE(taken->meta);
    uint64_t bytes = GPUSLICE_META_BYTES(taken->meta);
    struct page *page = process_page(process);
    table_release(taken->entry);
    hot_lower(page, device, bytes);
    accounting_count_free(process, page, device);
    if (ledger_reports(process))
        ledger_report(process, device, bytes, taken->handle);
}

#endif
