/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The table of live allocations on the ledger page: any number of threads, no lock, so a death at any instruction
 * leaves nothing held. The daemon reads it while we write.
 */
#ifndef GPUSLICE_TABLE_H
#define GPUSLICE_TABLE_H

#include "state.h"

/* RECORD. `handle` is at least 2. False: all 12 segments are full around its place (some 14 million live). */
bool table_insert(struct page *page, uint64_t handle, uint64_t meta);

/* Sets of kinds: a handle is looked for among those of its own name space. */
#define TABLE_KIND(kind) (1u << (kind))
#define TABLE_POINTERS \
    (TABLE_KIND(GPUSLICE_KIND_LINEAR) | TABLE_KIND(GPUSLICE_KIND_MANAGED) | TABLE_KIND(GPUSLICE_KIND_PITCHED))

/* TAKE. The slot stays the caller's until released or put back; NULL: no such handle of those kinds. */
struct gpuslice_page_entry *table_take(struct page *page, uint64_t handle, uint32_t kinds, uint64_t *meta);
void table_release(struct gpuslice_page_entry *entry);
void table_put_back(struct gpuslice_page_entry *entry, uint64_t handle);
/* The same with other bytes, by whoever has taken it. */
void table_change(struct gpuslice_page_entry *entry, uint64_t meta);

/* Calls `visit` for every live entry, as it is at some instant; those that it takes are not seen again. */
void table_visit(struct page *page, void (*visit)(void *context, uint64_t handle, uint64_t meta), void *context);

/* Moves every live entry of `from` into `to`; false: `to` is full, the rest stays where it is. */
bool table_move(struct page *from, struct page *to);

#endif
