/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#define WINDOW_BUCKETS 4u

/* Nothing has ever been in this slot: meta is written before a handle is, and is left there when the slot is free again. */
static bool is_untouched(const struct gpuslice_page_entry *entry)
{
    return __atomic_load_n(&entry->handle, __ATOMIC_ACQUIRE) == GPUSLICE_ENTRY_FREE &&
           __atomic_load_n(&entry->meta, __ATOMIC_RELAXED) == 0;
}

static bool insert_into(struct page *page, uint32_t segment, uint64_t handle, uint64_t meta)
{
    for (uint32_t step = 0; step < WINDOW_BUCKETS; step++) {
        struct gpuslice_page_entry *bucket = table_bucket(page, segment, table_mix(handle), step);
        for (uint32_t i = 0; i < TABLE_BUCKET; i++) {
            if (__atomic_load_n(&bucket[i].handle, __ATOMIC_RELAXED) == GPUSLICE_ENTRY_FREE &&
                table_fill(&bucket[i], handle, meta))
                return true;
        }
    }
    return false;
}

/* The segment that handles were put into before this one was begun. Once the last has been, into any: all are in use then. */
static uint32_t before(const struct page *page, uint32_t segment)
{
    bool is_last = table_segments(page) == GPUSLICE_TABLE_SEGMENTS;
    return is_last || segment < TABLE_STRIDE ? segment - 1 : segment - TABLE_STRIDE;
}

/* Only ever raised; losing the race means that another thread has just raised it. */
static void grow(struct page *page, uint32_t segments)
{
    uint32_t more = segments + TABLE_STRIDE < GPUSLICE_TABLE_SEGMENTS ? segments + TABLE_STRIDE : GPUSLICE_TABLE_SEGMENTS;
    uint32_t seen = __atomic_load_n(&page->header->segments, __ATOMIC_RELAXED);
    while (seen < more && !__atomic_compare_exchange_n(&page->header->segments, &seen, more, false, __ATOMIC_RELEASE,
                                                       __ATOMIC_RELAXED))
        ;
}

bool table_insert(struct page *page, uint64_t handle, uint64_t meta)
{
    for (;;) {
        uint32_t newest = table_newest(page);
        if (insert_into(page, newest, handle, meta))
            return true;
        if (newest == GPUSLICE_TABLE_SEGMENTS - 1)
            break;
        /* One crowded place is no reason to grow. Segments before that would be the longest to look through. */
        if (newest > 0 && insert_into(page, before(page, newest), handle, meta))
            return true;
        grow(page, newest + 1);
    }
    for (uint32_t segment = GPUSLICE_TABLE_SEGMENTS - 1; segment-- > 0;) {
        if (insert_into(page, segment, handle, meta))
            return true;
    }
    return false;
}

static struct gpuslice_page_entry *take_from(struct page *page, uint32_t segment, uint64_t handle, uint32_t kinds,
                                             uint64_t *meta)
{
    /* Over free slots too: that is why a removal leaves no tombstone. But a bucket that has a slot which nobody ever
     * used has never been full, and nobody ever went on to the next. */
    for (uint32_t step = 0; step < WINDOW_BUCKETS; step++) {
        struct gpuslice_page_entry *bucket = table_bucket(page, segment, table_mix(handle), step);
        bool overflowed = true;
        for (uint32_t i = 0; i < TABLE_BUCKET; i++) {
            if (table_claim(&bucket[i], handle, kinds, meta))
                return &bucket[i];
            overflowed = overflowed && !is_untouched(&bucket[i]);
        }
        if (!overflowed)
            break;
    }
    return NULL;
}

struct gpuslice_page_entry *table_take(struct page *page, uint64_t handle, uint32_t kinds, uint64_t *meta)
{
    /* 0 and 1 mark free and claimed slots; no driver hands them out. */
    if (handle <= GPUSLICE_ENTRY_CLAIMED)
        return NULL;
    for (uint32_t segment = table_newest(page);; segment = before(page, segment)) {
        struct gpuslice_page_entry *entry = take_from(page, segment, handle, kinds, meta);
        if (entry != NULL || segment == 0)
            return entry;
    }
}

void table_change(struct gpuslice_page_entry *entry, uint64_t meta)
{
    __atomic_store_n(&entry->meta, meta, __ATOMIC_RELAXED);
}

static uint64_t entries_of(const struct page *page)
{
    return ((uint64_t)GPUSLICE_TABLE_SEGMENT0 << table_segments(page)) - GPUSLICE_TABLE_SEGMENT0;
}

void table_visit(struct page *page, void (*visit)(void *context, uint64_t handle, uint64_t meta), void *context)
{
    uint64_t entries = entries_of(page);
    for (uint64_t i = 0; i < entries; i++) {
        struct gpuslice_page_entry *entry = &page->table[i];
        uint64_t handle = __atomic_load_n(&entry->handle, __ATOMIC_ACQUIRE);
        if (handle > GPUSLICE_ENTRY_CLAIMED)
            visit(context, handle, __atomic_load_n(&entry->meta, __ATOMIC_RELAXED));
    }
}

bool table_move(struct page *from, struct page *to)
{
    uint64_t entries = entries_of(from);
    for (uint64_t i = 0; i < entries; i++) {
        struct gpuslice_page_entry *entry = &from->table[i];
        uint64_t handle = __atomic_load_n(&entry->handle, __ATOMIC_RELAXED);
        if (handle <= GPUSLICE_ENTRY_CLAIMED)
            continue;
        if (!__atomic_compare_exchange_n(&entry->handle, &handle, GPUSLICE_ENTRY_CLAIMED, false, __ATOMIC_ACQUIRE,
                                         __ATOMIC_RELAXED))
            continue; /* just taken by a free */
        if (!table_insert(to, handle, __atomic_load_n(&entry->meta, __ATOMIC_RELAXED))) {
            table_put_back(entry, handle);
            return false;
        }
        table_release(entry);
    }
    return true;
}
