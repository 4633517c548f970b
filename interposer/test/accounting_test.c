/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "accounting.h"
#include "test.h"

#define MIB (1ull << 20)

/* A page on ordinary memory. */
struct small_page {
    _Alignas(64) struct gpuslice_page_header header;
    struct gpuslice_page_device devices[GPUSLICE_STRIPE_DEVICES + 1];
    struct gpuslice_page_counts counts[GPUSLICE_PAGE_STRIPES];
};

static struct page view(struct small_page *small)
{
    memset(small, 0, sizeof *small);
    return (struct page){.header = &small->header, .devices = small->devices, .counts = small->counts};
}

static void anAllocationWithinTheChargeIsTaken(void)
{
    struct small_page small;
    struct page page = view(&small);
    small.devices[0].charge = 10 * MIB;
    CHECK_EQUAL(accounting_take(&page, 0, 4 * MIB, false), ACCOUNTING_TAKEN);
    CHECK_EQUAL(accounting_take(&page, 0, 6 * MIB, false), ACCOUNTING_TAKEN);
    CHECK_EQUAL(small.devices[0].used, 10 * MIB);
    CHECK_EQUAL(small.devices[0].peak, 10 * MIB);
    accounting_lower(&page, 0, 4 * MIB);
    CHECK_EQUAL(small.devices[0].used, 6 * MIB);
    CHECK_EQUAL(small.devices[0].peak, 10 * MIB);
    CHECK_EQUAL(small.devices[1].used, 0);
}

static void anAllocationBeyondTheChargeIsAskedAndChangesNothing(void)
{
    struct small_page small;
    struct page page = view(&small);
    small.devices[0].charge = 10 * MIB;
    small.devices[0].used = 9 * MIB;
    CHECK_EQUAL(accounting_take(&page, 0, MIB + 1, false), ACCOUNTING_ASK);
    CHECK_EQUAL(accounting_take(&page, 0, GPUSLICE_MAX_BYTES, false), ACCOUNTING_ASK);
    CHECK_EQUAL(accounting_take(&page, 0, INT64_MAX, false), ACCOUNTING_ASK);
    CHECK_EQUAL(accounting_take(&page, 0, UINT64_MAX, false), ACCOUNTING_ASK);
    CHECK_EQUAL(accounting_take(&page, 0, UINT64_MAX - 9 * MIB + 1, false), ACCOUNTING_ASK);
    CHECK_EQUAL(small.devices[0].used, 9 * MIB);
}

static void usedAboveAChargeThatWasLoweredAsksAndDoesNotWrap(void)
{
    struct small_page small;
    struct page page = view(&small);
    small.devices[0].charge = MIB;
    small.devices[0].used = 5 * MIB;
    CHECK_EQUAL(accounting_take(&page, 0, 1, false), ACCOUNTING_ASK);
    CHECK_EQUAL(small.devices[0].used, 5 * MIB);
}

static void aGatedPageAsksUnlessTheDaemonHasJustGranted(void)
{
    struct small_page small;
    struct page page = view(&small);
    small.devices[0].charge = 10 * MIB | GPUSLICE_GATED;
    CHECK_EQUAL(accounting_take(&page, 0, MIB, false), ACCOUNTING_ASK);
    CHECK_EQUAL(accounting_take(&page, 0, MIB, true), ACCOUNTING_TAKEN);
    CHECK_EQUAL(accounting_take(&page, 0, 10 * MIB, true), ACCOUNTING_ASK);
    CHECK_EQUAL(small.devices[0].used, MIB);
}

/* ------------------------------------------------------------ eight threads and a daemon */

/*
 * Two processes of one session, four threads each, and a daemon that moves credit from the one to the other by
 * DESIGN's collect. What the threads really hold is counted apart, and must never exceed the limit.
 */
#define LIMIT (64 * MIB)

struct session {
    struct process *process;
    struct small_page small[2];
    struct page page[2];
    _Atomic uint64_t held;
    _Atomic uint64_t highest;
    _Atomic uint64_t taken;
    _Atomic int running;
};

static void hold_and_free(void *context, int index)
{
    struct session *session = context;
    struct page *page = &session->page[index / 4];
    unsigned seed = (unsigned)index;
    for (int i = 0; i < 200000; i++) {
        uint64_t bytes = (1 + (uint64_t)rand_r(&seed) % 16) * MIB;
        if (accounting_take(page, 0, bytes, false) != ACCOUNTING_TAKEN)
            continue;
        uint64_t held = atomic_fetch_add(&session->held, bytes) + bytes;
        for (uint64_t highest = session->highest; held > highest;) {
            if (atomic_compare_exchange_weak(&session->highest, &highest, held))
                break;
        }
        atomic_fetch_add(&session->taken, 1);
        atomic_fetch_sub(&session->held, bytes);
        accounting_lower(page, 0, bytes);
    }
    atomic_fetch_sub(&session->running, 1);
}

static void *move_credit(void *context)
{
    struct session *session = context;
    uint64_t charge[2] = {LIMIT, 0};
    for (int from = 0; session->running > 0; from = 1 - from) {
        struct gpuslice_page_device *line = &session->small[from].devices[0];
        uint64_t used = __atomic_load_n(&line->used, __ATOMIC_SEQ_CST); /* READ_USED */
        uint64_t lowered = used < charge[from] ? used : charge[from];
        __atomic_store_n(&line->charge, lowered, __ATOMIC_SEQ_CST); /* LOWER_CHARGE */
        used = __atomic_load_n(&line->used, __ATOMIC_SEQ_CST);      /* REREAD_USED */
        if (used > lowered) {
            lowered = used < charge[from] ? used : charge[from];
            __atomic_store_n(&line->charge, lowered, __ATOMIC_SEQ_CST); /* RAISE_BACK */
        }
        charge[1 - from] += charge[from] - lowered;
        charge[from] = lowered;
        __atomic_store_n(&session->small[1 - from].devices[0].charge, charge[1 - from], __ATOMIC_SEQ_CST);
        sched_yield();
    }
    CHECK_EQUAL(charge[0] + charge[1], LIMIT);
    return NULL;
}

static void eightThreadsNeverHoldMoreThanTheLimitWhileADaemonMovesCredit(void)
{
    static struct session session;
    for (int i = 0; i < 2; i++)
        session.page[i] = view(&session.small[i]);
    session.small[0].devices[0].charge = LIMIT;
    session.running = 8;
    pthread_t daemon;
    if (!CHECK(pthread_create(&daemon, NULL, move_credit, &session) == 0))
        return;
    test_threads(8, hold_and_free, &session);
    pthread_join(daemon, NULL);
    CHECK(session.taken > 0);
    CHECK(session.highest <= LIMIT);
    CHECK_EQUAL(session.small[0].devices[0].used, 0);
    CHECK_EQUAL(session.small[1].devices[0].used, 0);
}

static void fill_up(void *context, int index)
{
    (void)index;
    struct session *session = context;
    while (accounting_take(&session->page[0], 0, MIB, false) == ACCOUNTING_TAKEN) {
        accounting_count_allocation(session->process, &session->page[0], 0);
        atomic_fetch_add(&session->taken, 1);
    }
    accounting_count_denial(&session->page[0], 0);
}

static void eightThreadsFillTheChargeToTheLastByte(void)
{
    static struct session session;
    for (int round = 0; round < 200; round++) {
        session.process = test_process_create(1);
        session.page[0] = view(&session.small[0]);
        session.small[0].devices[0].charge = LIMIT + MIB - 1;
        session.taken = 0;
        test_threads(8, fill_up, &session);
        test_process_destroy(session.process);
        if (!CHECK_EQUAL(session.taken, 64) || !CHECK_EQUAL(session.small[0].devices[0].used, LIMIT) ||
            !CHECK_EQUAL(accounting_allocations(&session.page[0], 0), 64) ||
            !CHECK_EQUAL(session.small[0].devices[0].denials, 8))
            return;
    }
}

/* ------------------------------------------------------------ counters */

#define COUNTED 20000u /* by each thread, on each device; and half as many frees */
#define BEYOND GPUSLICE_STRIPE_DEVICES /* a device without words in the stripes */

struct counters {
    struct process *process;
    struct small_page small[2];
    struct page page[2];
};

static struct counters *counters_begin(void)
{
    static struct counters counters;
    counters.process = test_process_create(1);
    for (int i = 0; i < 2; i++)
        counters.page[i] = view(&counters.small[i]);
    return &counters;
}

static void count(void *context, int index)
{
    (void)index;
    struct counters *counters = context;
    for (uint32_t i = 0; i < COUNTED; i++) {
        for (uint32_t device = 0; device <= BEYOND; device++) {
            accounting_count_allocation(counters->process, &counters->page[0], device);
            if (i % 2 == 0)
                accounting_count_free(counters->process, &counters->page[0], device);
        }
    }
}

static void check_counts(const struct page *page, uint64_t threads)
{
    for (uint32_t device = 0; device <= BEYOND; device++) {
        CHECK_EQUAL(accounting_allocations(page, device), threads * COUNTED);
        CHECK_EQUAL(accounting_frees(page, device), threads * COUNTED / 2);
    }
}

static void eachThreadCountsInAStripeOfItsOwn(void)
{
    struct counters *counters = counters_begin();
    test_threads(8, count, counters);
    check_counts(&counters->page[0], 8);
    const struct small_page *small = &counters->small[0];
    for (int i = 0; i < 8; i++) {
        CHECK_EQUAL(small->counts[i].allocations[0], COUNTED);
        CHECK_EQUAL(small->counts[i].frees[GPUSLICE_STRIPE_DEVICES - 1], COUNTED / 2);
    }
    CHECK_EQUAL(small->counts[8].allocations[0], 0);
    CHECK_EQUAL(small->devices[0].allocations, 0);
    CHECK_EQUAL(small->devices[BEYOND].allocations, 8 * COUNTED);
    test_process_destroy(counters->process);
}

static void threadsBeyondTheStripesShareTheDevicesOwnWords(void)
{
    struct counters *counters = counters_begin();
    for (uint32_t done = 0; done < GPUSLICE_PAGE_STRIPES - 1; done += 10)
        test_threads(10, count, counters); /* whose stripes are never another thread's */
    test_threads(8, count, counters);
    check_counts(&counters->page[0], 38);
    CHECK_EQUAL(counters->small[0].counts[GPUSLICE_PAGE_STRIPES - 1].frees[0], COUNTED / 2);
    CHECK_EQUAL(counters->small[0].devices[0].allocations, 7 * COUNTED);
    test_process_destroy(counters->process);
}

static void aThreadWithAStripeClaimsAnotherOneInAnotherProcess(void)
{
    struct counters *parent = counters_begin();
    test_threads(1, count, parent);
    count(parent, 0); /* this thread has stripe 1 */
    check_counts(&parent->page[0], 2);
    test_process_destroy(parent->process);
    struct counters *child = counters_begin(); /* what a fork leaves: this thread, and nobody's claims */
    count(child, 0);
    test_threads(1, count, child);
    check_counts(&child->page[0], 2);
    CHECK_EQUAL(child->small[0].counts[0].allocations[0], COUNTED);
    CHECK_EQUAL(child->small[0].counts[1].allocations[0], COUNTED);
    test_process_destroy(child->process);
}

static void aNewPageCarriesTheSumsOn(void)
{
    struct counters *counters = counters_begin();
    test_threads(8, count, counters);
    count(counters, 0);
    accounting_hand_over(&counters->page[0], &counters->page[1], BEYOND + 1);
    check_counts(&counters->page[1], 9);
    accounting_count_allocation(counters->process, &counters->page[1], 0);
    CHECK_EQUAL(accounting_allocations(&counters->page[1], 0), 9 * COUNTED + 1);
    CHECK_EQUAL(accounting_allocations(&counters->page[1], 1), 9 * COUNTED);
    test_process_destroy(counters->process);
}

/* ------------------------------------------------------------ another page takes over */

struct relay {
    struct small_page small[8];
    struct page page[8];
    struct page *_Atomic current;
    _Atomic uint64_t kept;
    _Atomic int running;
};

static void take_and_lower(void *context, int index)
{
    struct relay *relay = context;
    unsigned seed = (unsigned)index;
    for (int i = 0; i < 100000; i++) {
        uint64_t bytes = 1 + (uint64_t)rand_r(&seed) % 1000;
        struct page *page = relay->current;
        enum accounting_result result = accounting_take(page, 0, bytes, false);
        if (result != ACCOUNTING_TAKEN)
            continue;
        if (i % 100 == 0)
            atomic_fetch_add(&relay->kept, bytes);
        else
            accounting_lower(relay->current, 0, bytes);
    }
    atomic_fetch_sub(&relay->running, 1);
}

static void *hand_over_and_over(void *context)
{
    struct relay *relay = context;
    for (int i = 0; i < 7; i++) {
        uint64_t used = __atomic_load_n(&relay->small[i].devices[0].used, __ATOMIC_SEQ_CST);
        /* Each page must see some traffic first. */
        while (relay->running > 0 && __atomic_load_n(&relay->small[i].devices[0].used, __ATOMIC_SEQ_CST) == used)
            sched_yield();
        accounting_hand_over(&relay->page[i], &relay->page[i + 1], 1);
        relay->current = &relay->page[i + 1];
    }
    return NULL;
}

static void usedIsCarriedOverExactlyWhileThreadsGoOn(void)
{
    static struct relay relay;
    for (int i = 0; i < 8; i++) {
        relay.page[i] = view(&relay.small[i]);
        relay.small[i].devices[0].charge = 1ull << 40;
    }
    relay.current = &relay.page[0];
    relay.running = 8;
    pthread_t daemon;
    if (!CHECK(pthread_create(&daemon, NULL, hand_over_and_over, &relay) == 0))
        return;
    test_threads(8, take_and_lower, &relay);
    pthread_join(daemon, NULL);
    CHECK(relay.kept > 0);
    CHECK_EQUAL(relay.small[7].devices[0].used, relay.kept);
    CHECK_EQUAL(accounting_take(&relay.page[0], 0, 1, true), ACCOUNTING_MOVED);
}

void accounting_tests(void)
{
    RUN(anAllocationWithinTheChargeIsTaken);
    RUN(anAllocationBeyondTheChargeIsAskedAndChangesNothing);
    RUN(usedAboveAChargeThatWasLoweredAsksAndDoesNotWrap);
    RUN(aGatedPageAsksUnlessTheDaemonHasJustGranted);
    RUN(eightThreadsNeverHoldMoreThanTheLimitWhileADaemonMovesCredit);
    RUN(eightThreadsFillTheChargeToTheLastByte);
    RUN(eachThreadCountsInAStripeOfItsOwn);
    RUN(threadsBeyondTheStripesShareTheDevicesOwnWords);
    RUN(aThreadWithAStripeClaimsAnotherOneInAnotherProcess);
    RUN(aNewPageCarriesTheSumsOn);
    RUN(usedIsCarriedOverExactlyWhileThreadsGoOn);
}
