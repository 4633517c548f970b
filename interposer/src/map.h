/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A private map from 64-bit keys to small records, for what the ledger page has no room for: no malloc (the guest's may
 * be anything), and nothing that a child would inherit. Not thread-safe: its owner has a lock.
 */
#ifndef GPUSLICE_MAP_H
#define GPUSLICE_MAP_H

#include <stddef.h>

#include "state.h"

/* A record begins with its key, which is not 0; `size` is the record's, the same in every call, a multiple of 8. Records
 * move when others come and go: a pointer is good until the next add or remove. */

/* NULL: no record has that key. */
void *map_find(const struct map *map, size_t size, uint64_t key);

/* The record of that key, all zero but for the key if it is new; NULL: no memory. */
void *map_add(struct map *map, size_t size, uint64_t key);

void map_remove(struct map *map, size_t size, void *record);

/* The records one after the other, in no order: NULL in, the first out; NULL out: that was the last. A record may be
 * removed if the walk then goes on from the one before it (map_remove may put another in its place). */
void *map_next(const struct map *map, size_t size, const void *after);

#endif
