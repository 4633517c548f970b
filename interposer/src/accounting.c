/* SPDX-License-Identifier: Apache-2.0 */
#include "accounting.h"

#include <sched.h>

/*
 * Top bit of `used` on a page that was replaced. Nobody but this process looks at such a page. Every change of `used`
 * is a read-modify-write, so each sees whether it came before the hand-over (and was carried along) or after.
 */
#define MOVED (1ull << 63)

static struct page *wait_for_newer(struct page *page)
{
    struct page *newer;
    /* acquire pairs with the release in accounting_hand_over: newer->devices[].used is complete. */
    while ((newer = atomic_load_explicit(&page->newer, memory_order_acquire)) == NULL)
        sched_yield(); /* the thread that hands over is between two stores */
    return newer;
}

enum accounting_result accounting_take(struct page *page, uint32_t device, uint64_t bytes, bool granted)
{
    struct gpuslice_page_device *line = &page->devices[device];
    /* LOAD. seq_cst here and below, on both words: the collector stores charge and then reads used, we raise used and
     * then read charge; in one total order at least one of us sees the other (and one of us then steps back). */
    uint64_t used = __atomic_load_n(&line->used, __ATOMIC_SEQ_CST);
    for (;;) {
        uint64_t charge = __atomic_load_n(&line->charge, __ATOMIC_SEQ_CST);
        if (used & MOVED)
            return ACCOUNTING_MOVED;
        if ((charge & GPUSLICE_GATED) && !granted)
            return ACCOUNTING_ASK;
        charge &= GPUSLICE_CHARGE_MASK;
        if (used > charge || bytes > charge - used)
            return ACCOUNTING_ASK;
        /* CAS_USED. Pairs with the daemon's READ_USED and REREAD_USED. On failure `used` is loaded afresh. */
        if (__atomic_compare_exchange_n(&line->used, &used, used + bytes, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            break;
    }
    used += bytes;
    /* RECHECK. Pairs with the daemon's LOWER_CHARGE: credit collected since LOAD shows here. */
    uint64_t charge = __atomic_load_n(&line->charge, __ATOMIC_SEQ_CST) & GPUSLICE_CHARGE_MASK;
    if (charge < used) {
        accounting_lower(page, device, bytes); /* BACK_OFF */
        return ACCOUNTING_ASK;
    }
    /* relaxed: a number for people; two threads that race may leave the lower of their peaks. */
    if (used > __atomic_load_n(&line->peak, __ATOMIC_RELAXED))
        __atomic_store_n(&line->peak, used, __ATOMIC_RELAXED);
    return ACCOUNTING_TAKEN;
}

void accounting_lower(struct page *page, uint32_t device, uint64_t bytes)
{
    /* seq_cst: a collector that reads the lower value may hand these bytes to a sibling; the driver call that
     * freed them came before. */
    while (__atomic_fetch_sub(&page->devices[device].used, bytes, __ATOMIC_SEQ_CST) & MOVED)
        page = wait_for_newer(page);
}

void accounting_count_allocation(struct page *page, uint32_t device)
{
    __atomic_fetch_add(&page->devices[device].allocations, 1, __ATOMIC_RELAXED);
}

void accounting_count_free(struct page *page, uint32_t device)
{
    __atomic_fetch_add(&page->devices[device].frees, 1, __ATOMIC_RELAXED);
}

void accounting_count_denial(struct page *page, uint32_t device)
{
    __atomic_fetch_add(&page->devices[device].denials, 1, __ATOMIC_RELAXED);
}

void accounting_hand_over(struct page *page, struct page *newer, uint32_t device_count)
{
    for (uint32_t device = 0; device < device_count; device++) {
        struct gpuslice_page_device *from = &page->devices[device], *to = &newer->devices[device];
        /* From this instruction on nothing is taken here, and what is lowered here is lowered there too. */
        uint64_t used = __atomic_fetch_or(&from->used, MOVED, __ATOMIC_SEQ_CST);
        __atomic_store_n(&to->used, used, __ATOMIC_SEQ_CST);
        __atomic_store_n(&to->peak, __atomic_load_n(&from->peak, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
        __atomic_store_n(&to->allocations, __atomic_load_n(&from->allocations, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
        __atomic_store_n(&to->frees, __atomic_load_n(&from->frees, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
        __atomic_store_n(&to->denials, __atomic_load_n(&from->denials, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    }
    atomic_store_explicit(&page->newer, newer, memory_order_release); /* pairs with wait_for_newer */
}
