/* SPDX-License-Identifier: Apache-2.0 */
#include "reserve.h"

#include <stdlib.h>

#include "import.h"

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static struct range *new_range(struct segment *segment, uint64_t offset, uint64_t bytes)
{
    struct range *range = calloc(1, sizeof *range);
    if (range != NULL)
        *range = (struct range){.segment = segment, .offset = offset, .bytes = bytes};
    return range;
}

static void free_segment(struct segment *segment)
{
    for (struct range *range = segment->ranges, *after; range != NULL; range = after) {
        after = range->after;
        free(range);
    }
    free(segment);
}

static bool take_from_card(struct reserve *reserve, uint64_t bytes)
{
    if (reserve->max_size != 0 && bytes > reserve->max_size - reserve->reserved)
        return false;
    return reserve->on_host || card_grow(&driver.card, reserve->device, bytes, reserve->kind);
}

/* A whole chunk, or, where that is more than the reserve or the card allows, just what is needed. */
static struct segment *grow(struct reserve *reserve, uint64_t bytes)
{
    uint64_t chunk = round_up(bytes, driver.pool_chunk);
    struct segment *segment = calloc(1, sizeof *segment);
    if (segment == NULL)
        return NULL;
    segment->ranges = new_range(segment, 0, chunk);
    bool taken = segment->ranges != NULL && take_from_card(reserve, chunk);
    if (!taken && segment->ranges != NULL && chunk != bytes) {
        segment->ranges->bytes = chunk = bytes;
        taken = take_from_card(reserve, chunk);
    }
    if (!taken) {
        free_segment(segment);
        return NULL;
    }
    segment->bytes = chunk;
    segment->next = reserve->segments;
    reserve->segments = segment;
    reserve->reserved += chunk;
    if (reserve->reserved_high < reserve->reserved)
        reserve->reserved_high = reserve->reserved;
    return segment;
}

static bool usable(const struct range *range, uint64_t bytes, CUstream stream, bool any)
{
    bool right = range->state == RANGE_FREE || (range->state == RANGE_PENDING && (any || range->stream == stream));
    return right && range->bytes >= bytes;
}

static struct range *find(const struct reserve *reserve, uint64_t bytes, CUstream stream, bool any)
{
    for (struct segment *segment = reserve->segments; segment != NULL; segment = segment->next)
        for (struct range *range = segment->ranges; range != NULL && segment->bytes >= bytes; range = range->after)
            if (usable(range, bytes, stream, any))
                return range;
    return NULL;
}

/* Leaves the rest as it was: free, or pending on its stream. */
static bool split(struct range *range, uint64_t bytes)
{
    if (range->bytes == bytes)
        return true;
    struct range *rest = new_range(range->segment, range->offset + bytes, range->bytes - bytes);
    if (rest == NULL)
        return false;
    rest->state = range->state;
    rest->stream = range->stream;
    rest->before = range;
    rest->after = range->after;
    if (rest->after != NULL)
        rest->after->before = rest;
    range->after = rest;
    range->bytes = bytes;
    return true;
}

struct range *reserve_take(struct reserve *reserve, uint64_t bytes, CUstream stream, bool any)
{
    if (bytes > UINT64_MAX / 4)
        return NULL;
    bytes = round_up(bytes, RESERVE_UNIT);
    struct range *range = find(reserve, bytes, stream, any);
    if (range == NULL) {
        struct segment *segment = grow(reserve, bytes);
        range = segment != NULL ? segment->ranges : NULL;
    }
    if (range == NULL || !split(range, bytes))
        return NULL;
    if (range->state == RANGE_FREE)
        range->segment->used += bytes;
    range->state = RANGE_USED;
    reserve->live++;
    reserve->used += bytes;
    if (reserve->used_high < reserve->used)
        reserve->used_high = reserve->used;
    return range;
}

static void merge(struct range *left, struct range *right)
{
    if (left == NULL || right == NULL || left->state != RANGE_FREE || right->state != RANGE_FREE)
        return;
    left->bytes += right->bytes;
    left->after = right->after;
    if (left->after != NULL)
        left->after->before = left;
    free(right);
}

static void make_free(struct range *range)
{
    struct range *before = range->before;
    range->segment->used -= range->bytes;
    range->state = RANGE_FREE;
    merge(range, range->after);
    merge(before, range);
}

void reserve_give(struct reserve *reserve, struct range *range, bool pending, CUstream stream, uint64_t order)
{
    reserve->used -= range->bytes;
    reserve->live--;
    if (!pending) {
        make_free(range);
        return;
    }
    range->state = RANGE_PENDING;
    range->stream = stream;
    range->order = order;
}

void reserve_complete(struct reserve *reserve, CUstream stream, uint64_t until)
{
    for (struct segment *segment = reserve->segments; segment != NULL; segment = segment->next)
        for (struct range *range = segment->ranges, *after; range != NULL; range = after) {
            after = range->after;
            bool done = range->state == RANGE_PENDING && (stream == NULL || range->stream == stream)
                        && range->order <= until;
            if (done && after != NULL && after->state == RANGE_FREE)
                after = after->after; /* it is merged away */
            if (done)
                make_free(range);
        }
}

bool reserve_pending(const struct reserve *reserve)
{
    for (struct segment *segment = reserve->segments; segment != NULL; segment = segment->next)
        for (struct range *range = segment->ranges; range != NULL; range = range->after)
            if (range->state == RANGE_PENDING)
                return true;
    return false;
}

uint64_t reserve_trim(struct reserve *reserve, uint64_t keep)
{
    uint64_t given = 0, own = 0;
    for (struct segment **link = &reserve->segments; *link != NULL;) {
        struct segment *segment = *link;
        if (segment->used != 0 || reserve->reserved <= keep || reserve->reserved - segment->bytes < keep) {
            link = &segment->next;
            continue;
        }
        *link = segment->next;
        reserve->reserved -= segment->bytes;
        given += segment->bytes;
        if (segment->exported != NULL)
            exported_end(segment->exported);
        else
            own += segment->bytes;
        free_segment(segment);
    }
    if (own != 0 && !reserve->on_host)
        card_shrink(&driver.card, reserve->device, own, reserve->kind);
    return given;
}
