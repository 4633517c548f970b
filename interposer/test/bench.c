/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the fast path costs: accounting alone, and with the table, as a hook does it; 1 and 4 threads, CPU time.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "accounting.h"
#include "ledger.h"

#define PAIRS 5000000
#define LIVE 1000

static struct process *process;
static const struct config config;

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *accounting_pairs(void *cost)
{
    double start = cpu_ns();
    for (int i = 0; i < PAIRS; i++) {
        if (accounting_take(process->page, 0, 4096, false) != ACCOUNTING_TAKEN)
            abort();
        accounting_lower(process->page, 0, 4096);
    }
    *(double *)cost = (cpu_ns() - start) / PAIRS;
    return NULL;
}

/* With LIVE allocations of this thread in the table at any time. */
static void *ledger_pairs(void *cost)
{
    uint64_t base = (uint64_t)(uintptr_t)cost << 20;
    double start = cpu_ns();
    for (uint64_t i = 0; i < PAIRS; i++) {
        struct taken taken;
        if (!ledger_reserve(&config, process, 0, 4096) ||
            !ledger_record(process, 0, 4096, base + 512 * i, GPUSLICE_KIND_LINEAR))
            abort();
        if (i < LIVE)
            continue;
        if (!ledger_take(process, base + 512 * (i - LIVE), &taken))
            abort();
        ledger_release(process, &taken);
    }
    *(double *)cost = (cpu_ns() - start) / PAIRS;
    return NULL;
}

static double run(void *(*body)(void *), int count)
{
    pthread_t threads[4];
    double costs[4], sum = 0;
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, body, &costs[i]) != 0)
            abort();
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        sum += costs[i];
    }
    return sum / count;
}

int main(void)
{
    static struct process only;
    process = &only;
    process->generation = 1;
    struct page *page = &only.pages[0];
    char *memory = mmap(NULL, GPUSLICE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    page->header = (struct gpuslice_page_header *)memory;
    page->devices = (struct gpuslice_page_device *)(page->header + 1);
    page->counts = (struct gpuslice_page_counts *)(memory + GPUSLICE_PAGE_COUNTS_OFFSET);
    page->table = (struct gpuslice_page_entry *)(memory + GPUSLICE_PAGE_TABLE_OFFSET);
    page->header->segments = 1;
    page->devices[0].charge = 1ull << 40;
    only.page = page;
    printf("ns of CPU per pair        1 thread  4 threads\n");
    printf("accounting                  %6.1f     %6.1f\n", run(accounting_pairs, 1), run(accounting_pairs, 4));
    printf("accounting, table, counts   %6.1f     %6.1f\n", run(ledger_pairs, 1), run(ledger_pairs, 4));
    return 0;
}
