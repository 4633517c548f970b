/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated card as one process sees it: opening the shared file, taking a slot, reserving and releasing memory. */
#ifndef CARD_H
#define CARD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fakecuda_card.h"

/* One process's opening of the card. With a slot it may reserve memory; without, it only reads. */
struct card {
    struct fakecuda_card *map;
    int fd;
    uint32_t slot;
    uint64_t owner; /* what this process writes into a device's lock; 0 = no slot */
    char path[PATH_MAX];
};

/* Opens the shared file, setting it up from the environment if nobody uses it. False: said why on stderr. */
bool card_open(struct card *card);
void card_close(struct card *card);
/* Takes a slot. False: said why on stderr. */
bool card_join(struct card *card);

/* Takes `bytes` of the device for this process; false if they are not free. Exact across processes and kills. */
bool card_reserve(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind, enum fakecuda_call call);
/* Gives back one allocation of `bytes`. */
void card_release(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind, enum fakecuda_call call);
/* The same without counting an allocation: what an allocator takes and gives back on its own account. */
bool card_grow(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind);
void card_shrink(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind);
/* Counts a call that moved no memory of the card: with `bytes`, `live` is +1 for an allocation and -1 for a free. */
void card_count(struct card *card, uint32_t device, enum fakecuda_call call, int live, uint64_t bytes);
void card_count_refusal(struct card *card, uint32_t device);
void card_count_context(struct card *card, uint32_t device, int change);

/* True while the process that took the slot, or a forked child that kept its descriptor, lives. */
bool card_slot_alive(const struct card *card, uint32_t slot);
/* Bytes of the device that the living hold. Needs no slot, writes nothing. */
uint64_t card_used(const struct card *card, uint32_t device);
/* The same for one slot: all of it, and what it holds as one kind. */
uint64_t card_held(const struct card *card, uint32_t device, uint32_t slot);
uint64_t card_held_kind(const struct card *card, uint32_t device, uint32_t slot, enum fakecuda_kind kind);

/* --- memory that several processes have references to (shared.c) --- */

#define CARD_NOT_SHARED (-1)
/* Who a shared memory belongs to at this instant, if not to a slot. */
#define CARD_NOBODY 0xfffffffeu
#define CARD_GONE 0xffffffffu

/* A shared memory; handed between processes as it is. */
struct card_shared {
    uint32_t device;
    uint32_t index;
    uint64_t generation;
};

/* Makes `bytes` that this process holds as `kind` a shared memory with an empty file; false if there are too many. */
bool card_share(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind, struct card_shared *shared);
/* This process's first reference to it; false if it is gone. */
bool card_shared_join(struct card *card, const struct card_shared *shared);
/* This process's last reference to it. */
void card_shared_leave(struct card *card, const struct card_shared *shared);
/* A descriptor of its file: an exported one keeps the memory alive for as long as it is open. */
int card_shared_open(const struct card *card, const struct card_shared *shared, bool exported);
uint32_t card_shared_holder(const struct card *card, uint32_t device, uint32_t index);

/* Configuration from the environment (config.c). */
struct card_config {
    uint32_t device_count;
    uint64_t capacity[FAKECUDA_DEVICES];
    bool explicit; /* FAKECUDA_DEVICES or FAKECUDA_MEMORY was given */
};
bool card_read_config(struct card_config *config);
const char *card_state_path(char *buffer, size_t size);
/* $FAKECUDA_POOL_CHUNK and the like: a size, or the default if it is not set; false: said why on stderr. */
bool card_read_size(const char *variable, uint64_t otherwise, uint64_t *bytes);
/* One line on stderr, prefixed. */
void card_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
