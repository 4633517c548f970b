/* SPDX-License-Identifier: Apache-2.0 */
#include "accounting.h"

#include <sched.h>
#include <stddef.h>

#include "hot.h"

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
    return hot_reserve(page, device, bytes, granted);
}

void accounting_lower(struct page *page, uint32_t device, uint64_t bytes)
{
    hot_lower(page, device, bytes);
}

void accounting_lower_in_newer(struct page *page, uint32_t device, uint64_t bytes)
{
    hot_lower(wait_for_newer(page), device, bytes); /* which may have been replaced as well: there are few pages */
}

_Thread_local struct counting counting __attribute__((tls_model("initial-exec")));

void accounting_claim_stripe(struct process *process)
{
    uint32_t claimed = atomic_load_explicit(&process->stripes, memory_order_relaxed);
    while (claimed < GPUSLICE_PAGE_STRIPES &&
           !atomic_compare_exchange_weak_explicit(&process->stripes, &claimed, claimed + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
    counting.generation = process->generation;
    counting.stripe = claimed < GPUSLICE_PAGE_STRIPES ? claimed + 1 : 0;
}

/* A device's own word of a counter, and the words for it in the stripes, `offset` bytes from where each begins. */
static uint64_t counted(const struct page *page, uint32_t device, const uint64_t *own, size_t offset)
{
    uint64_t sum = __atomic_load_n(own, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < GPUSLICE_PAGE_STRIPES && device < GPUSLICE_STRIPE_DEVICES; i++) {
        const uint64_t *words = (const uint64_t *)((const char *)&page->counts[i] + offset);
        sum += __atomic_load_n(&words[device], __ATOMIC_RELAXED);
    }
    return sum;
}

uint64_t accounting_allocations(const struct page *page, uint32_t device)
{
    return counted(page, device, &page->devices[device].allocations, offsetof(struct gpuslice_page_counts, allocations));
}

uint64_t accounting_frees(const struct page *page, uint32_t device)
{
    return counted(page, device, &page->devices[device].frees, offsetof(struct gpuslice_page_counts, frees));
}

void accounting_hand_over(struct page *page, struct page *newer, uint32_t device_count)
{
    for (uint32_t device = 0; device < device_count; device++) {
        struct gpuslice_page_device *from = &page->devices[device], *to = &newer->devices[device];
        /* From this instruction on nothing is taken here, and what is lowered here is lowered there too. */
        uint64_t used = __atomic_fetch_or(&from->used, ACCOUNTING_HANDED_OVER, __ATOMIC_SEQ_CST);
        __atomic_store_n(&to->used, used, __ATOMIC_SEQ_CST);
        __atomic_store_n(&to->peak, __atomic_load_n(&from->peak, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
        __atomic_store_n(&to->allocations, accounting_allocations(page, device), __ATOMIC_RELAXED);
        __atomic_store_n(&to->frees, accounting_frees(page, device), __ATOMIC_RELAXED);
        __atomic_store_n(&to->denials, __atomic_load_n(&from->denials, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    }
    atomic_store_explicit(&page->newer, newer, memory_order_release); /* pairs with wait_for_newer */
}
