/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The charge/used protocol on the ledger page: pure memory, no I/O, no lock. The step names are those of
 * docs/protocol.md and of the checked model.
 */
#ifndef GPUSLICE_ACCOUNTING_H
#define GPUSLICE_ACCOUNTING_H

#include "state.h"

enum accounting_result {
    ACCOUNTING_TAKEN, /* used was raised, within charge */
    ACCOUNTING_ASK,   /* not enough credit, or the page is gated: the daemon decides */
    ACCOUNTING_MOVED, /* another page has taken over: try there */
};

/*
 * Top bit of `used` on a page that was replaced. Nobody but this process looks at such a page. Every change of `used`
 * is a read-modify-write, so each sees whether it came before the hand-over (and was carried along) or after.
 */
#define ACCOUNTING_HANDED_OVER (1ull << 63)

/* Raises used by `bytes` (at most GPUSLICE_MAX_BYTES) if charge allows it. `granted`: the daemon just said yes, so
 * the gate does not matter this once. */
enum accounting_result accounting_take(struct page *page, uint32_t device, uint64_t bytes, bool granted);

/* LOWER_USED: gives back what a take raised; follows to the page that holds it now. */
void accounting_lower(struct page *page, uint32_t device, uint64_t bytes);
/* The same where `page` is known to have been replaced. */
void accounting_lower_in_newer(struct page *page, uint32_t device, uint64_t bytes);

/* Counters for people: relaxed. */
static inline void accounting_count_allocation(struct page *page, uint32_t device)
{
    __atomic_fetch_add(&page->devices[device].allocations, 1, __ATOMIC_RELAXED);
}
static inline void accounting_count_free(struct page *page, uint32_t device)
{
    __atomic_fetch_add(&page->devices[device].frees, 1, __ATOMIC_RELAXED);
}
static inline void accounting_count_denial(struct page *page, uint32_t device)
{
    __atomic_fetch_add(&page->devices[device].denials, 1, __ATOMIC_RELAXED);
}

/* Lets `newer`, which no other thread knows yet, take over from `page`: used is carried over exactly once. */
void accounting_hand_over(struct page *page, struct page *newer, uint32_t device_count);

#endif
