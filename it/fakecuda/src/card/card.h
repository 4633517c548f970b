/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated card as one process sees it: opening the shared file, taking a slot, reserving and releasing memory. */
#ifndef CARD_H
#define CARD_H

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
};

/* Opens the shared file, setting it up from the environment if nobody uses it. False: said why on stderr. */
bool card_open(struct card *card);
void card_close(struct card *card);
/* Takes a slot. False: said why on stderr. */
bool card_join(struct card *card);

/* Takes `bytes` of the device for this process; false if they are not free. Exact across processes and kills. */
bool card_reserve(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_call call);
/* Gives back one allocation of `bytes`. */
void card_release(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_call call);
void card_count_context(struct card *card, uint32_t device, int change);

/* True while the process that took the slot, or a forked child that kept its descriptor, lives. */
bool card_slot_alive(const struct card *card, uint32_t slot);
/* Bytes of the device that the living hold. Needs no slot, writes nothing. */
uint64_t card_used(const struct card *card, uint32_t device);

/* Configuration from the environment (config.c). */
struct card_config {
    uint32_t device_count;
    uint64_t capacity[FAKECUDA_DEVICES];
    bool explicit; /* FAKECUDA_DEVICES or FAKECUDA_MEMORY was given */
};
bool card_read_config(struct card_config *config);
const char *card_state_path(char *buffer, size_t size);
/* One line on stderr, prefixed. */
void card_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
