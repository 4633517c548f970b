/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The table of live allocations on the ledger page: any number of threads, no lock, so a death at any instruction
 * leaves nothing held. The daemon reads it while we write.
 */
#ifndef GPUSLICE_TABLE_H
#define GPUSLICE_TABLE_H

#include "state.h"

/* RECORD. `handle` is at least 2, and `meta` is not 0. False: all 12 segments are full around its place (some 14 million
 * live). */
bool table_insert(struct page *page, uint64_t handle, uint64_t meta);

/* Sets of kinds: a handle is looked for among those of its own name space. */
#define TABLE_KIND(kind) (1u << (kind))
#define TABLE_POINTERS \
    (TABLE_KIND(GPUSLICE_KIND_LINEAR) | TABLE_KIND(GPUSLICE_KIND_MANAGED) | TABLE_KIND(GPUSLICE_KIND_PITCHED))

/* TAKE. The slot stays the caller's until released or put back; NULL: no such handle of those kinds. */
struct gpuslice_page_entry *table_take(struct page *page, uint64_t handle, uint32_t kinds, uint64_t *meta);
/* The same with other bytes, by whoever has taken it. */
void table_change(struct gpuslice_page_entry *entry, uint64_t meta);

/* Calls `visit` for every live entry, as it is at some instant; those that it takes are not seen again. */
void table_visit(struct page *page, void (*visit)(void *context, uint64_t handle, uint64_t meta), void *context);

/* Moves every live entry of `from` into `to`; false: `to` is full, the rest stays where it is. */
bool table_move(struct page *from, struct page *to);

/* ------------------------------------------------------------ in line, for hot.h */

/* A bucket is one cache line. A handle lives in its home bucket or in one of the next few, or in another segment. */
#define TABLE_BUCKET 4u
#define TABLE_SEGMENT0_BITS 10u /* of the number of a bucket in segment 0 */
_Static_assert(TABLE_BUCKET << TABLE_SEGMENT0_BITS == GPUSLICE_TABLE_SEGMENT0, "segment 0 has another size");
/* Every third segment is enough until the last is full: each is eight times as large as the one before, so that most
 * handles are in the newest, where they are looked for first; those between stay holes in the memfd. */
#define TABLE_STRIDE 3u

/* The guest can scribble over the header: whatever stands there, stay inside the mapping. */
static inline uint32_t table_segments(const struct page *page)
{
    /* acquire: nothing is read through it, but a thread that was handed a pointer must see the segment it lies in. */
    uint32_t segments = __atomic_load_n(&page->header->segments, __ATOMIC_ACQUIRE);
    if (segments - 1 < GPUSLICE_TABLE_SEGMENTS)
        return segments;
    return segments == 0 ? 1 : GPUSLICE_TABLE_SEGMENTS;
}

/* The newest segment, as an index: 0, 3, 6, 9 or 11. */
static inline uint32_t table_newest(const struct page *page)
{
    uint32_t last = table_segments(page) - 1;
    return last == GPUSLICE_TABLE_SEGMENTS - 1 ? last : last - last % TABLE_STRIDE;
}

/* Only its high bits are used. Addresses come in strides, and one multiplication makes another stride of a stride, which may
 * leave most buckets empty and fill the others: hence two. Shifted by 26, strides of every power of two spread best. */
static inline uint64_t table_mix(uint64_t handle)
{
    uint64_t golden = 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio */
    uint64_t once = handle * golden;
    return (once ^ once >> 26) * golden;
}

/* Bucket `step` behind the home of what was mixed, in `segment`; windows wrap around inside their segment. */
static inline struct gpuslice_page_entry *table_bucket(const struct page *page, uint32_t segment, uint64_t mixed,
                                                       uint32_t step)
{
    uint64_t buckets = 1ull << (TABLE_SEGMENT0_BITS + segment);
    uint64_t start = buckets - (1ull << TABLE_SEGMENT0_BITS);
    uint64_t home = mixed >> (64 - TABLE_SEGMENT0_BITS - segment);
    return &page->table[(start + ((home + step) & (buckets - 1))) * TABLE_BUCKET];
}

/* False: another thread was faster. */
static inline bool table_fill(struct gpuslice_page_entry *entry, uint64_t handle, uint64_t meta)
{
    uint64_t free = GPUSLICE_ENTRY_FREE;
    /* acquire pairs with the release in table_release: the former owner is done with meta. */
    if (!__atomic_compare_exchange_n(&entry->handle, &free, GPUSLICE_ENTRY_CLAIMED, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return false;
    __atomic_store_n(&entry->meta, meta, __ATOMIC_RELAXED);
    /* release pairs with the acquire in table_claim and in the daemon: who sees the handle sees its meta. */
    __atomic_store_n(&entry->handle, handle, __ATOMIC_RELEASE);
    return true;
}

static inline void table_release(struct gpuslice_page_entry *entry)
{
    __atomic_store_n(&entry->handle, GPUSLICE_ENTRY_FREE, __ATOMIC_RELEASE); /* pairs with table_fill's CAS */
}

static inline void table_put_back(struct gpuslice_page_entry *entry, uint64_t handle)
{
    __atomic_store_n(&entry->handle, handle, __ATOMIC_RELEASE); /* meta never changed; pairs with table_claim */
}

static inline bool table_is_of(uint32_t kinds, uint64_t meta)
{
    return kinds & TABLE_KIND(GPUSLICE_META_KIND(meta));
}

/* Whether this entry is the handle's, and the caller's from now on. */
static inline bool table_claim(struct gpuslice_page_entry *entry, uint64_t handle, uint32_t kinds, uint64_t *meta)
{
    /* Looked at before it is claimed: an entry of another kind must not vanish for an instant. acquire pairs with
     * table_fill's release. */
    if (__atomic_load_n(&entry->handle, __ATOMIC_ACQUIRE) != handle ||
        !table_is_of(kinds, __atomic_load_n(&entry->meta, __ATOMIC_RELAXED)))
        return false;
    uint64_t expected = handle;
    /* acquire, once more: what was looked at may have been another thread's since. */
    if (!__atomic_compare_exchange_n(&entry->handle, &expected, GPUSLICE_ENTRY_CLAIMED, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return false;
    *meta = __atomic_load_n(&entry->meta, __ATOMIC_RELAXED);
    if (table_is_of(kinds, *meta))
        return true;
    table_put_back(entry, handle); /* the slot changed hands between the two looks */
    return false;
}

#endif
