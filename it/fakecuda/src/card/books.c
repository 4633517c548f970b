/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds how much: the only code that changes bytes, sums and counters, and always under the device's lock. */
#include "books.h"

#include <fcntl.h>
#include <unistd.h>

#include "lock.h"
#include "process.h"

/* Readers of the file sample without the lock: no torn or invented values. */
static void store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static void raise_to(uint64_t *peak, uint64_t value)
{
    if (*peak < value)
        store(peak, value);
}

/* --- the living and the dead ------------------------------------------------------------------------------------ */

bool card_slot_alive(const struct card *card, uint32_t slot)
{
    if (card->owner != 0 && slot == card->slot)
        return true;
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)(FAKECUDA_SLOT_LOCK + slot), .l_len = 1};
    return fcntl(card->fd, F_OFD_GETLK, &range) != 0 || range.l_type != F_UNLCK;
}

/* Unlike its memory, a lock dies with the process even where a forked child keeps the descriptor. */
static bool owner_alive(const struct card *card, uint64_t owner)
{
    uint32_t index = (uint32_t)(owner & 0xffff) - 1;
    const struct fakecuda_slot *slot = &card->map->slots[index];
    if (__atomic_load_n(&slot->generation, __ATOMIC_ACQUIRE) != owner >> 16 || !card_slot_alive(card, index))
        return false;
    return slot->namespace != process_namespace() || process_starttime(slot->pid) == slot->starttime;
}

uint64_t card_used(const struct card *card, uint32_t device)
{
    uint64_t used = 0;
    for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++) {
        uint64_t bytes = __atomic_load_n(&card->map->slots[s].books[device].bytes, __ATOMIC_RELAXED);
        if (bytes != 0 && card_slot_alive(card, s))
            used += bytes;
    }
    return used;
}

static bool grouped(const struct fakecuda_slot *slot)
{
    return slot->group != 0;
}

/* Strikes one slot's holdings off; the caller holds the device's lock and knows that the owner is dead. */
static void strike_off(struct fakecuda_card *map, uint32_t device, uint32_t slot)
{
    struct fakecuda_books *books = &map->slots[slot].books[device];
    uint64_t *current = &map->groups[map->slots[slot].group].memory[device].current;
    store(&map->devices[device].used, map->devices[device].used - books->bytes);
    if (grouped(&map->slots[slot]))
        store(current, *current - books->bytes);
    store(&books->bytes, 0);
    store(&books->live, 0);
    store(&books->contexts, 0);
}

/* A slot's byte can be locked anew between the check and the strike, but its new owner cannot hold a byte of memory
 * before it has taken the lock that this process has. */
static void strike_off_the_dead(struct card *card, uint32_t device)
{
    for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++)
        if (card->map->slots[s].books[device].bytes != 0 && !card_slot_alive(card, s))
            strike_off(card->map, device, s);
}

/* After an owner died inside the critical section: the sums anew from the slots. Its last allocation may be in its slot
 * and not in the peaks, and a forked child may keep the slot alive, hence the peaks. */
static void recompute(struct card *card, uint32_t device)
{
    struct fakecuda_card *map = card->map;
    uint64_t used = 0, current[FAKECUDA_GROUPS] = {0};
    for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++) {
        used += map->slots[s].books[device].bytes;
        current[map->slots[s].group] += map->slots[s].books[device].bytes;
    }
    store(&map->devices[device].used, used);
    for (uint32_t g = 1; g < FAKECUDA_GROUPS; g++)
        store(&map->groups[g].memory[device].current, current[g]);
    strike_off_the_dead(card, device);
    raise_to(&map->devices[device].peak, map->devices[device].used);
    for (uint32_t g = 1; g < FAKECUDA_GROUPS; g++)
        raise_to(&map->groups[g].memory[device].peak, map->groups[g].memory[device].current);
}

/* --- the lock --------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void wait_for(struct card *card, uint32_t device)
{
    uint64_t *lock = &card->map->devices[device].lock;
    for (unsigned round = 1;; round++) {
        uint64_t owner = __atomic_load_n(lock, __ATOMIC_RELAXED);
        if (owner == 0) {
            if (lock_try(lock, 0, card->owner))
                return;
        } else if (round % 256 == 0 && owner != card->owner && !owner_alive(card, owner)
                   && lock_try(lock, owner, card->owner)) {
            /* No other process will ever write this owner's word again (generation and slot), so it was still the
             * dead one's. */
            recompute(card, device);
            return;
        }
        lock_relax(round);
    }
}

static inline void take(struct card *card, uint32_t device)
{
    if (!lock_try(&card->map->devices[device].lock, 0, card->owner))
        wait_for(card, device);
}

static inline void let_go(struct card *card, uint32_t device)
{
    lock_release(&card->map->devices[device].lock);
}

/* --- the books -------------------------------------------------------------------------------------------------- */

void books_open(struct card *card, uint32_t device)
{
    take(card, device);
    strike_off(card->map, device, card->slot);
    card->map->slots[card->slot].books[device] = (struct fakecuda_books){0};
    let_go(card, device);
}

bool card_reserve(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_call call)
{
    struct fakecuda_device *gpu = &card->map->devices[device];
    struct fakecuda_slot *slot = &card->map->slots[card->slot];
    struct fakecuda_books *books = &slot->books[device];
    struct fakecuda_group_memory *group = &card->map->groups[slot->group].memory[device];

    take(card, device);
    bool others = gpu->used != books->bytes;
    bool new_peak = bytes > gpu->peak - gpu->used || (grouped(slot) && bytes > group->peak - group->current);
    if (others && new_peak) /* a peak is never above the capacity, so this covers a full card too */
        strike_off_the_dead(card, device);
    bool room = bytes <= gpu->capacity - gpu->used;
    if (room) {
        store(&books->bytes, books->bytes + bytes);
        store(&gpu->used, gpu->used + bytes);
        raise_to(&books->peak, books->bytes);
        raise_to(&gpu->peak, gpu->used);
        if (grouped(slot)) {
            store(&group->current, group->current + bytes);
            raise_to(&group->peak, group->current);
        }
        store(&books->live, books->live + 1);
        store(&books->allocated, books->allocated + bytes);
        store(&books->calls[call], books->calls[call] + 1);
    } else {
        store(&books->refused, books->refused + 1);
    }
    let_go(card, device);
    return room;
}

void card_release(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_call call)
{
    struct fakecuda_device *gpu = &card->map->devices[device];
    struct fakecuda_slot *slot = &card->map->slots[card->slot];
    struct fakecuda_books *books = &slot->books[device];
    struct fakecuda_group_memory *group = &card->map->groups[slot->group].memory[device];

    take(card, device);
    store(&books->bytes, books->bytes - bytes);
    store(&gpu->used, gpu->used - bytes);
    if (grouped(slot))
        store(&group->current, group->current - bytes);
    store(&books->live, books->live - 1);
    store(&books->calls[call], books->calls[call] + 1);
    let_go(card, device);
}

void card_count_context(struct card *card, uint32_t device, int change)
{
    uint64_t *contexts = &card->map->slots[card->slot].books[device].contexts;
    take(card, device);
    store(contexts, *contexts + (uint64_t)(int64_t)change);
    let_go(card, device);
}
