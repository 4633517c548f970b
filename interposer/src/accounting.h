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

/*
 * Counters for people: relaxed. Every allocation and every free counts, so the threads do it side by side, each on a
 * cache line of its own.
 */

/* The stripe of each page that this thread alone writes, counted from 1; 0: none was left, or none is claimed yet. */
struct counting {
    uint64_t generation; /* of the process that it was claimed in: a child inherits this, and not the claims */
    uint32_t stripe;
};
extern _Thread_local struct counting counting __attribute__((tls_model("initial-exec")));

/* For a thread that counts for the first time. */
void accounting_claim_stripe(struct process *process);

/* This thread's stripe, or NULL: it has none, or the device has no words there. */
static inline struct gpuslice_page_counts *accounting_stripe(struct process *process, struct page *page,
                                                             uint32_t device)
{
    if (__builtin_expect(counting.generation != process->generation, 0))
        accounting_claim_stripe(process);
    bool has_words = counting.stripe != 0 && device < GPUSLICE_STRIPE_DEVICES;
    return __builtin_expect(has_words, 1) ? &page->counts[counting.stripe - 1] : NULL;
}

/* No read-modify-write: nobody else writes here. */
static inline void accounting_raise(uint64_t *own)
{
    __atomic_store_n(own, __atomic_load_n(own, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

static inline void accounting_count_allocation(struct process *process, struct page *page, uint32_t device)
{
    struct gpuslice_page_counts *stripe = accounting_stripe(process, page, device);
    if (stripe != NULL)
        accounting_raise(&stripe->allocations[device]);
    else
        __atomic_fetch_add(&page->devices[device].allocations, 1, __ATOMIC_RELAXED);
}
static inline void accounting_count_free(struct process *process, struct page *page, uint32_t device)
{
    struct gpuslice_page_counts *stripe = accounting_stripe(process, page, device);
    if (stripe != NULL)
        accounting_raise(&stripe->frees[device]);
    else
        __atomic_fetch_add(&page->devices[device].frees, 1, __ATOMIC_RELAXED);
}
static inline void accounting_count_denial(struct page *page, uint32_t device)
{
    __atomic_fetch_add(&page->devices[device].denials, 1, __ATOMIC_RELAXED);
}

/* How many there were, on a device: the sum of its own word and of the stripes. */
uint64_t accounting_allocations(const struct page *page, uint32_t device);
uint64_t accounting_frees(const struct page *page, uint32_t device);

/* Lets `newer`, which no other thread knows yet, take over from `page`: used is carried over exactly once. */
void accounting_hand_over(struct page *page, struct page *newer, uint32_t device_count);

#endif
