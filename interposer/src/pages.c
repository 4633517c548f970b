/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accounting.h"
#include "debug.h"
#include "descriptor.h"
#include "table.h"

/* Maps the memfd and looks whether it is what WELCOME promised; NULL: it is not. */
static struct gpuslice_page_header *map(struct process *process, int number, uint64_t size, char *reason,
                                        size_t reason_size)
{
    struct stat status;
    if (size != GPUSLICE_PAGE_SIZE || syscall(SYS_fstat, number, &status) != 0 || (uint64_t)status.st_size < size) {
        snprintf(reason, reason_size, "the ledger page has another size than %llu bytes",
                 (unsigned long long)GPUSLICE_PAGE_SIZE);
        return NULL;
    }
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0);
    if (memory == MAP_FAILED) {
        snprintf(reason, reason_size, "the ledger page cannot be mapped: %s", strerror(errno));
        return NULL;
    }
    struct gpuslice_page_header *header = memory;
    /* acquire pairs with the daemon's release store of the magic, which it stores last. */
    if (__atomic_load_n(&header->magic, __ATOMIC_ACQUIRE) != GPUSLICE_PAGE_MAGIC ||
        header->version >> 8 != GPUSLICE_ABI_MAJOR || header->device_count != process->devices.count) {
        snprintf(reason, reason_size, "the ledger page is not one of version %u for %u devices", GPUSLICE_ABI_MAJOR,
                 process->devices.count);
        munmap(memory, size);
        return NULL;
    }
    /* A child must not count on its parent's page. */
    if (madvise(memory, size, MADV_DONTFORK) != 0) {
        snprintf(reason, reason_size, "the ledger page cannot be kept from children: %s", strerror(errno));
        munmap(memory, size);
        return NULL;
    }
    return header;
}

static struct page *add(struct process *process, struct gpuslice_page_header *header)
{
    struct page *page = &process->pages[process->page_count++];
    page->header = header;
    page->devices = (struct gpuslice_page_device *)(header + 1);
    page->counts = (struct gpuslice_page_counts *)((char *)header + GPUSLICE_PAGE_COUNTS_OFFSET);
    page->table = (struct gpuslice_page_entry *)((char *)header + GPUSLICE_PAGE_TABLE_OFFSET);
    return page;
}

/* From now on the page says what this process holds. release pairs with the daemon's acquire: `used` is complete. */
static void begin_table(struct page *page)
{
    uint32_t none = 0;
    __atomic_compare_exchange_n(&page->header->segments, &none, 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* The daemon could not find the old page again. Operations in flight may stand on it: see accounting_hand_over for used;
 * entries are found on either page, and nobody concludes that one is missing while `moves` is odd. */
static void take_over(struct process *process, struct page *old, struct page *page)
{
    page->older = old;
    accounting_hand_over(old, page, process->devices.count);
    begin_table(page);
    atomic_store(&process->page, page);
    atomic_fetch_add(&process->moves, 1);
    for (struct page *from = old; from != NULL; from = from->older)
        table_move(from, page);
    atomic_fetch_add(&process->moves, 1);
    debug_line("the daemon gave this process another ledger page; what it holds was carried over");
}

bool pages_adopt(struct process *process, int number, uint64_t size, char *reason, size_t reason_size)
{
    struct page *current = atomic_load(&process->page);
    struct gpuslice_page_header *header = map(process, number, size, reason, reason_size);
    if (header == NULL) {
        close(number);
        return false;
    }
    if (current != NULL && memcmp(header->page_id, current->header->page_id, sizeof header->page_id) == 0) {
        munmap(header, size);
        if (descriptor_is_ours(&current->descriptor)) {
            close(number);
            return true;
        }
        /* The guest closed ours; the next restart of the daemon will look for this one. */
        return descriptor_adopt(&current->descriptor, number);
    }
    if (process->page_count == PROCESS_MAX_PAGES) {
        snprintf(reason, reason_size, "this process lost its ledger page %u times: it must keep its descriptors open",
                 PROCESS_MAX_PAGES);
        munmap(header, size);
        close(number);
        return false;
    }
    struct page *page = add(process, header);
    descriptor_adopt(&page->descriptor, number);
    if (current != NULL) {
        take_over(process, current, page);
    } else {
        begin_table(page);
        atomic_store(&process->page, page);
    }
    return true;
}
