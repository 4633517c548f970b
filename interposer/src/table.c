/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

/* A bucket is one cache line. A handle lives in its home bucket or in one of the next few, or in another segment. */
#define BUCKET_ENTRIES 4u
#define WINDOW_BUCKETS 4u
#define WINDOW_ENTRIES (BUCKET_ENTRIES * WINDOW_BUCKETS)
#define SEGMENT0_BITS 12u
_Static_assert(1u << SEGMENT0_BITS == GPUSLICE_TABLE_SEGMENT0, "segment 0 has another size");

/* The guest can scribble over the header: whatever stands there, stay inside the mapping. */
static uint32_t segments_of(const struct page *page)
{
    /* acquire: nothing is read through it, but a thread that was handed a pointer must see the segment it lies in. */
    uint32_t segments = __atomic_load_n(&page->header->segments, __ATOMIC_ACQUIRE);
    if (segments < 1)
        return 1;
    return segments < GPUSLICE_TABLE_SEGMENTS ? segments : GPUSLICE_TABLE_SEGMENTS;
}

/* Entry `i` of the window of `handle` in `segment`; windows wrap around inside their segment. */
static struct gpuslice_page_entry *window(const struct page *page, uint32_t segment, uint64_t handle, uint32_t i)
{
    uint64_t mixed = handle * 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio: device pointers share their low bits */
    uint64_t home = mixed >> (64 - SEGMENT0_BITS - segment) & ~(uint64_t)(BUCKET_ENTRIES - 1);
    uint64_t size = (uint64_t)GPUSLICE_TABLE_SEGMENT0 << segment;
    uint64_t start = size - GPUSLICE_TABLE_SEGMENT0;
    return &page->table[start + ((home + i) & (size - 1))];
}

static bool insert_into(struct page *page, uint32_t segment, uint64_t handle, uint64_t meta)
{
    for (uint32_t i = 0; i < WINDOW_ENTRIES; i++) {
        struct gpuslice_page_entry *entry = window(page, segment, handle, i);
        uint64_t free = GPUSLICE_ENTRY_FREE;
        if (__atomic_load_n(&entry->handle, __ATOMIC_RELAXED) != free)
            continue;
        /* acquire pairs with the release in table_release: the former owner is done with meta. */
        if (!__atomic_compare_exchange_n(&entry->handle, &free, GPUSLICE_ENTRY_CLAIMED, false, __ATOMIC_ACQUIRE,
                                         __ATOMIC_RELAXED))
            continue;
        __atomic_store_n(&entry->meta, meta, __ATOMIC_RELAXED);
        /* release pairs with the acquire in table_take and in the daemon: who sees the handle sees its meta. */
        __atomic_store_n(&entry->handle, handle, __ATOMIC_RELEASE);
        return true;
    }
    return false;
}

bool table_insert(struct page *page, uint64_t handle, uint64_t meta)
{
    for (;;) {
        uint32_t segments = segments_of(page);
        for (uint32_t segment = segments; segment-- > 0;) { /* the newest is the largest and the emptiest */
            if (insert_into(page, segment, handle, meta))
                return true;
        }
        if (segments == GPUSLICE_TABLE_SEGMENTS)
            return false;
        /* Only ever raised, and by one; losing the race means that another thread has just raised it. */
        uint32_t seen = __atomic_load_n(&page->header->segments, __ATOMIC_RELAXED);
        if (seen <= segments)
            __atomic_compare_exchange_n(&page->header->segments, &seen, segments + 1, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED);
    }
}

static bool is_of(uint32_t kinds, uint64_t meta)
{
    return kinds & TABLE_KIND(GPUSLICE_META_KIND(meta));
}

struct gpuslice_page_entry *table_take(struct page *page, uint64_t handle, uint32_t kinds, uint64_t *meta)
{
    /* 0 and 1 mark free and claimed slots; no driver hands them out. */
    if (handle <= GPUSLICE_ENTRY_CLAIMED)
        return NULL;
    for (uint32_t segment = segments_of(page); segment-- > 0;) {
        /* The whole window, over free slots too: that is why a removal leaves no tombstone. */
        for (uint32_t i = 0; i < WINDOW_ENTRIES; i++) {
            struct gpuslice_page_entry *entry = window(page, segment, handle, i);
            uint64_t expected = handle;
            if (__atomic_load_n(&entry->handle, __ATOMIC_ACQUIRE) != handle ||
                !is_of(kinds, __atomic_load_n(&entry->meta, __ATOMIC_RELAXED)))
                continue; /* looked at before it is claimed: an entry of another kind must not vanish for an instant */
            /* acquire pairs with insert's release: meta is the one that belongs to the handle. */
            if (!__atomic_compare_exchange_n(&entry->handle, &expected, GPUSLICE_ENTRY_CLAIMED, false,
                                             __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
                continue;
            *meta = __atomic_load_n(&entry->meta, __ATOMIC_RELAXED);
            if (is_of(kinds, *meta))
                return entry;
            table_put_back(entry, handle); /* the slot changed hands between the two looks */
        }
    }
    return NULL;
}

void table_release(struct gpuslice_page_entry *entry)
{
    __atomic_store_n(&entry->handle, GPUSLICE_ENTRY_FREE, __ATOMIC_RELEASE); /* pairs with insert's CAS */
}

void table_put_back(struct gpuslice_page_entry *entry, uint64_t handle)
{
    __atomic_store_n(&entry->handle, handle, __ATOMIC_RELEASE); /* meta never changed; pairs with table_take's CAS */
}

void table_change(struct gpuslice_page_entry *entry, uint64_t meta)
{
    __atomic_store_n(&entry->meta, meta, __ATOMIC_RELAXED);
}

static uint64_t entries_of(const struct page *page)
{
    return ((uint64_t)GPUSLICE_TABLE_SEGMENT0 << segments_of(page)) - GPUSLICE_TABLE_SEGMENT0;
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
