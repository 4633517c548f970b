/* SPDX-License-Identifier: Apache-2.0 */
/* A reserve of device memory, taken from the card in segments and given out in ranges: "The OS allocations may happen
 * at different granularity from the user allocations", and "the allocator cannot release OS allocations that back
 * outstanding asynchronous allocations" (CUDA driver API, cuMemPoolTrimTo). Memory pools and graphs each have such
 * reserves. */
#ifndef RESERVE_H
#define RESERVE_H

#include "driver.h"

#define RESERVE_UNIT 512u /* sizes are rounded up to this */

enum range_state { RANGE_FREE, RANGE_PENDING, RANGE_USED };

struct range {
    struct segment *segment;
    uint64_t offset, bytes;
    enum range_state state;
    CUstream stream; /* whose completion a pending free waits for */
    uint64_t order;  /* and when it was freed (pools_order) */
    struct range *before, *after;
};

struct segment {
    uint64_t bytes;
    uint64_t used; /* in ranges that are not free */
    struct range *ranges;
    struct exported *exported; /* NULL unless other processes may have references to it (import.h) */
    struct segment *next;
};

struct reserve {
    struct segment *segments;
    enum fakecuda_kind kind;
    uint32_t device;
    bool on_host;      /* takes nothing from the card */
    uint64_t max_size; /* 0 = none */
    uint64_t reserved, reserved_high, used, used_high;
    uint64_t live;     /* ranges in use */
};

/* A range of `bytes`; NULL if there is no room. Pending ranges of the same stream may be used, and others' too if
 * `any`. */
struct range *reserve_take(struct reserve *reserve, uint64_t bytes, CUstream stream, bool any);
/* Its memory may be used by others now, or, with `pending`, when the stream gets there. */
void reserve_give(struct reserve *reserve, struct range *range, bool pending, CUstream stream, uint64_t order);
/* What was pending on the stream, up to that moment, is free; NULL stands for every stream. */
void reserve_complete(struct reserve *reserve, CUstream stream, uint64_t until);
bool reserve_pending(const struct reserve *reserve);
/* Gives whole free segments back to the card, but never so many that fewer than `keep` bytes are left; how many
 * bytes. */
uint64_t reserve_trim(struct reserve *reserve, uint64_t keep);

#endif
