/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds how much: the only code that changes bytes, sums and counters, and always under the device's lock. */
#include "books.h"

#include <fcntl.h>
#include <unistd.h>

#include "lock.h"
#include "process.h"

#define store books_store

static uint64_t load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
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
        uint64_t bytes = load(&card->map->slots[s].books[device].bytes);
        if (bytes != 0 && card_slot_alive(card, s))
            used += bytes;
    }
    for (uint32_t i = 0; i < shared_count(card, device); i++) {
        uint64_t bytes = load(&card->map->shared[device][i].bytes);
        if (bytes != 0 && card_shared_holder(card, device, i) != CARD_GONE)
            used += bytes;
    }
    return used;
}

static uint64_t held_shared(const struct card *card, uint32_t device, uint32_t slot, int kind)
{
    uint64_t held = 0;
    for (uint32_t i = 0; i < shared_count(card, device); i++) {
        const struct fakecuda_shared *shared = &card->map->shared[device][i];
        uint64_t bytes = load(&shared->bytes);
        if (bytes != 0 && (kind < 0 || shared->kind == (uint32_t)kind) && card_shared_holder(card, device, i) == slot)
            held += bytes;
    }
    return held;
}

uint64_t card_held(const struct card *card, uint32_t device, uint32_t slot)
{
    return load(&card->map->slots[slot].books[device].bytes) + held_shared(card, device, slot, -1);
}

uint64_t card_held_kind(const struct card *card, uint32_t device, uint32_t slot, enum fakecuda_kind kind)
{
    const struct fakecuda_books *books = &card->map->slots[slot].books[device];
    uint64_t own = load(&books->kinds[kind]);
    if (kind == FAKECUDA_KIND_linear) {
        own = load(&books->bytes);
        for (int k = 0; k < (int)FAKECUDA_KINDS; k++)
            own -= load(&books->kinds[k]);
    }
    return own + held_shared(card, device, slot, (int)kind);
}

static bool grouped(const struct fakecuda_slot *slot)
{
    return slot->group != 0;
}

/* The sum that the holder's group counts it in; NULL if there is none. */
static struct fakecuda_group_memory *group_of(struct fakecuda_card *map, uint32_t device, uint32_t holder)
{
    bool counts = holder < FAKECUDA_SLOTS && grouped(&map->slots[holder]);
    return counts ? &map->groups[map->slots[holder].group].memory[device] : NULL;
}

void books_move(struct card *card, uint32_t device, uint64_t bytes, uint32_t from, uint32_t to)
{
    struct fakecuda_card *map = card->map;
    struct fakecuda_group_memory *old = group_of(map, device, from), *new = group_of(map, device, to);
    if (old != NULL)
        store(&old->current, old->current - bytes);
    if (new != NULL) {
        store(&new->current, new->current + bytes);
        raise_to(&new->peak, new->current);
    }
    if (to == CARD_GONE)
        store(&map->devices[device].used, map->devices[device].used - bytes);
}

/* Strikes one slot's holdings off; the caller holds the device's lock and knows that the owner is dead. */
static void strike_off(struct card *card, uint32_t device, uint32_t slot)
{
    struct fakecuda_card *map = card->map;
    struct fakecuda_books *books = &map->slots[slot].books[device];
    shared_strike_off(card, device, slot);
    uint64_t *current = &map->groups[map->slots[slot].group].memory[device].current;
    store(&map->devices[device].used, map->devices[device].used - books->bytes);
    if (grouped(&map->slots[slot]))
        store(current, *current - books->bytes);
    store(&books->bytes, 0);
    for (int k = 0; k < (int)FAKECUDA_KINDS; k++)
        store(&books->kinds[k], 0);
    store(&books->live, 0);
    store(&books->contexts, 0);
}

/* A slot's byte can be locked anew between the check and the strike, but its new owner cannot hold a byte of memory
 * before it has taken the lock that this process has. */
static void strike_off_the_dead(struct card *card, uint32_t device)
{
    for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++)
        if (card->map->slots[s].books[device].bytes != 0 && !card_slot_alive(card, s))
            strike_off(card, device, s);
    shared_strike_off_the_dead(card, device);
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
    for (uint32_t i = 0; i < shared_count(card, device); i++) {
        const struct fakecuda_shared *shared = &map->shared[device][i];
        used += shared->bytes;
        current[shared->holder != 0 ? map->slots[shared->holder - 1].group : 0] += shared->bytes;
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

void books_take(struct card *card, uint32_t device)
{
    take(card, device);
}

void books_let_go(struct card *card, uint32_t device)
{
    let_go(card, device);
}

/* --- the books -------------------------------------------------------------------------------------------------- */

static struct fakecuda_books *own_books(const struct card *card, uint32_t device)
{
    return &card->map->slots[card->slot].books[device];
}

void books_open(struct card *card, uint32_t device)
{
    take(card, device);
    strike_off(card, device, card->slot);
    *own_books(card, device) = (struct fakecuda_books){0};
    let_go(card, device);
}

/* Linear memory is what is left of `bytes`: the commonest kind costs no store of its own. */
static inline void add_kind(struct fakecuda_books *books, int64_t bytes, enum fakecuda_kind kind)
{
    if (kind != FAKECUDA_KIND_linear)
        store(&books->kinds[kind], books->kinds[kind] + (uint64_t)bytes);
}

void books_own(struct card *card, uint32_t device, int64_t bytes, enum fakecuda_kind kind)
{
    struct fakecuda_books *books = own_books(card, device);
    store(&books->bytes, books->bytes + (uint64_t)bytes);
    add_kind(books, bytes, kind);
}

static uint64_t held_now(const struct card *card, uint32_t device)
{
    uint64_t held = own_books(card, device)->bytes;
    for (uint32_t i = 0; i < shared_count(card, device); i++)
        if (card->map->shared[device][i].holder == card->slot + 1)
            held += card->map->shared[device][i].bytes;
    return held;
}

static inline bool add(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind)
{
    struct fakecuda_device *gpu = &card->map->devices[device];
    struct fakecuda_slot *slot = &card->map->slots[card->slot];
    struct fakecuda_books *books = &slot->books[device];
    struct fakecuda_group_memory *group = &card->map->groups[slot->group].memory[device];
    bool others = gpu->used != books->bytes;
    bool new_peak = bytes > gpu->peak - gpu->used || (grouped(slot) && bytes > group->peak - group->current);
    if (others && new_peak) /* a peak is never above the capacity, so this covers a full card too */
        strike_off_the_dead(card, device);
    if (bytes > gpu->capacity - gpu->used)
        return false;
    store(&books->bytes, books->bytes + bytes);
    add_kind(books, (int64_t)bytes, kind);
    store(&gpu->used, gpu->used + bytes);
    raise_to(&books->peak, held_now(card, device));
    raise_to(&gpu->peak, gpu->used);
    if (grouped(slot)) {
        store(&group->current, group->current + bytes);
        raise_to(&group->peak, group->current);
    }
    return true;
}

static inline void subtract(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind)
{
    struct fakecuda_device *gpu = &card->map->devices[device];
    struct fakecuda_slot *slot = &card->map->slots[card->slot];
    struct fakecuda_group_memory *group = &card->map->groups[slot->group].memory[device];
    store(&slot->books[device].bytes, slot->books[device].bytes - bytes);
    add_kind(&slot->books[device], -(int64_t)bytes, kind);
    store(&gpu->used, gpu->used - bytes);
    if (grouped(slot))
        store(&group->current, group->current - bytes);
}

static inline void count(struct fakecuda_books *books, enum fakecuda_call call, int live, uint64_t allocated)
{
    store(&books->live, books->live + (uint64_t)(int64_t)live);
    store(&books->allocated, books->allocated + allocated);
    store(&books->calls[call], books->calls[call] + 1);
}

bool card_reserve(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind, enum fakecuda_call call)
{
    struct fakecuda_books *books = own_books(card, device);
    take(card, device);
    bool room = add(card, device, bytes, kind);
    if (room)
        count(books, call, +1, bytes);
    else
        store(&books->refused, books->refused + 1);
    let_go(card, device);
    return room;
}

void card_release(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind, enum fakecuda_call call)
{
    take(card, device);
    subtract(card, device, bytes, kind);
    count(own_books(card, device), call, -1, 0);
    let_go(card, device);
}

bool card_grow(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind)
{
    take(card, device);
    bool room = add(card, device, bytes, kind);
    let_go(card, device);
    return room;
}

void card_shrink(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind)
{
    take(card, device);
    subtract(card, device, bytes, kind);
    let_go(card, device);
}

void card_count(struct card *card, uint32_t device, enum fakecuda_call call, int live, uint64_t bytes)
{
    take(card, device);
    count(own_books(card, device), call, live, bytes);
    let_go(card, device);
}

void card_count_refusal(struct card *card, uint32_t device)
{
    take(card, device);
    store(&own_books(card, device)->refused, own_books(card, device)->refused + 1);
    let_go(card, device);
}

void card_count_context(struct card *card, uint32_t device, int change)
{
    uint64_t *contexts = &own_books(card, device)->contexts;
    take(card, device);
    store(contexts, *contexts + (uint64_t)(int64_t)change);
    let_go(card, device);
}
