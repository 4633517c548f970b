/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that write the books share. Everything here wants the device's lock. */
#ifndef BOOKS_H
#define BOOKS_H

#include "card.h"

/* Settles what the slot's last owner left on the device and starts this process's books there. */
void books_open(struct card *card, uint32_t device);

void books_take(struct card *card, uint32_t device);
void books_let_go(struct card *card, uint32_t device);
/* What the process counts as its own: bytes that leave it, or come back to it, without changing the device's sum. */
void books_own(struct card *card, uint32_t device, int64_t bytes, enum fakecuda_kind kind);
/* Moves the sums of shared memory from one holder to another; a slot, CARD_NOBODY or, as the last one, CARD_GONE. */
void books_move(struct card *card, uint32_t device, uint64_t bytes, uint32_t from, uint32_t to);

/* Takes the slot, whose process is dead, off everything that is shared on the device (shared.c). */
void shared_strike_off(struct card *card, uint32_t device, uint32_t slot);
/* Passes on or ends everything that is shared whose holder is dead. */
void shared_strike_off_the_dead(struct card *card, uint32_t device);
/* Removes the files of what is no longer there; the caller is alone on the card. */
void shared_clear(struct card *card);
/* How many entries of the device's shared memories may be in use: none, as a rule, and then they cost nothing. */
static inline uint32_t shared_count(const struct card *card, uint32_t device)
{
    return (uint32_t)__atomic_load_n(&card->map->devices[device].shared, __ATOMIC_RELAXED);
}

/* Readers of the file sample without the lock: no torn or invented values. */
static inline void books_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

#endif
