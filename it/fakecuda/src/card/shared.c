/* SPDX-License-Identifier: Apache-2.0 */
/* Memory with references from several processes. Its bytes are in no slot: whoever is its holder counts them, so that
 * one store hands them over, and a kill at any instant leaves them with the old holder or with the new one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "books.h"

static bool member(const struct fakecuda_shared *shared, uint32_t slot)
{
    return (__atomic_load_n(&shared->members[slot / 64], __ATOMIC_RELAXED) >> slot % 64 & 1) != 0;
}

static void set_member(struct fakecuda_shared *shared, uint32_t slot, bool is)
{
    uint64_t bit = 1ull << slot % 64, word = shared->members[slot / 64];
    books_store(&shared->members[slot / 64], is ? word | bit : word & ~bit);
}

static void path_of(const struct card *card, uint32_t device, uint32_t index, char path[PATH_MAX + 16])
{
    snprintf(path, PATH_MAX + 16, "%s.%u.%u", card->path, device, index);
}

/* Whether an exported descriptor is open anywhere, in a message on its way through a socket too. */
static bool exported(const struct card *card, uint32_t device, uint32_t index)
{
    char path[PATH_MAX + 16];
    path_of(card, device, index, path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    bool locked = fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
    close(fd);
    return locked;
}

static uint32_t successor(const struct card *card, uint32_t device, uint32_t index, uint32_t leaving)
{
    const struct fakecuda_shared *shared = &card->map->shared[device][index];
    for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++)
        if (s != leaving && member(shared, s) && card_slot_alive(card, s))
            return s;
    return exported(card, device, index) ? CARD_NOBODY : CARD_GONE;
}

uint32_t card_shared_holder(const struct card *card, uint32_t device, uint32_t index)
{
    uint32_t holder = __atomic_load_n(&card->map->shared[device][index].holder, __ATOMIC_RELAXED);
    if (holder != 0 && card_slot_alive(card, holder - 1))
        return holder - 1;
    return successor(card, device, index, CARD_NOBODY);
}

static void hand_over(struct card *card, uint32_t device, uint32_t index, uint32_t to)
{
    struct fakecuda_shared *shared = &card->map->shared[device][index];
    uint32_t from = shared->holder != 0 ? shared->holder - 1 : CARD_NOBODY;
    uint64_t bytes = shared->bytes;
    if (to == CARD_GONE) {
        char path[PATH_MAX + 16];
        path_of(card, device, index, path);
        unlink(path);
        memset(shared->members, 0, sizeof shared->members);
        books_store(&shared->bytes, 0);
    }
    __atomic_store_n(&shared->holder, to < FAKECUDA_SLOTS ? to + 1 : 0, __ATOMIC_RELEASE);
    books_move(card, device, bytes, from, to);
}

void shared_strike_off(struct card *card, uint32_t device, uint32_t slot)
{
    for (uint32_t i = 0; i < shared_count(card, device); i++) {
        struct fakecuda_shared *shared = &card->map->shared[device][i];
        if (shared->bytes == 0)
            continue;
        if (shared->holder == slot + 1)
            hand_over(card, device, i, successor(card, device, i, slot));
        set_member(shared, slot, false);
    }
}

void shared_strike_off_the_dead(struct card *card, uint32_t device)
{
    for (uint32_t i = 0; i < shared_count(card, device); i++) {
        const struct fakecuda_shared *shared = &card->map->shared[device][i];
        if (shared->bytes == 0)
            continue;
        uint32_t holder = card_shared_holder(card, device, i);
        if (holder != (shared->holder != 0 ? shared->holder - 1 : CARD_NOBODY))
            hand_over(card, device, i, holder);
    }
}

void shared_clear(struct card *card)
{
    for (uint32_t d = 0; d < FAKECUDA_DEVICES; d++)
        for (uint32_t i = 0; i < FAKECUDA_SHARED; i++)
            if (card->map->shared[d][i].bytes != 0) {
                char path[PATH_MAX + 16];
                path_of(card, d, i, path);
                unlink(path);
                card->map->shared[d][i] = (struct fakecuda_shared){.generation = card->map->shared[d][i].generation};
            }
}

bool card_share(struct card *card, uint32_t device, uint64_t bytes, enum fakecuda_kind kind, struct card_shared *shared)
{
    uint32_t i = 0;
    char path[PATH_MAX + 16];
    books_take(card, device);
    shared_strike_off_the_dead(card, device);
    while (i < FAKECUDA_SHARED && card->map->shared[device][i].bytes != 0)
        i++;
    int fd = -1;
    if (i < FAKECUDA_SHARED) {
        /* A new file each time: its device and inode number are the memory's identity. */
        path_of(card, device, i, path);
        unlink(path);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    bool good = fd >= 0 && ftruncate(fd, (off_t)bytes) == 0;
    if (good) {
        struct fakecuda_shared *entry = &card->map->shared[device][i];
        set_member(entry, card->slot, true);
        entry->holder = card->slot + 1;
        entry->kind = kind;
        if (card->map->devices[device].shared <= i)
            books_store(&card->map->devices[device].shared, i + 1);
        *shared = (struct card_shared){.device = device, .index = i, .generation = ++entry->generation};
        books_own(card, device, -(int64_t)bytes, kind);
        books_store(&entry->bytes, bytes);
    }
    books_let_go(card, device);
    if (fd >= 0)
        close(fd);
    return good;
}

static struct fakecuda_shared *entry_of(const struct card *card, const struct card_shared *shared)
{
    if (shared->device >= card->map->device_count || shared->index >= FAKECUDA_SHARED)
        return NULL;
    struct fakecuda_shared *entry = &card->map->shared[shared->device][shared->index];
    return entry->bytes != 0 && entry->generation == shared->generation ? entry : NULL;
}

bool card_shared_join(struct card *card, const struct card_shared *shared)
{
    if (shared->device >= card->map->device_count)
        return false;
    books_take(card, shared->device);
    shared_strike_off_the_dead(card, shared->device);
    struct fakecuda_shared *entry = entry_of(card, shared);
    if (entry != NULL) {
        set_member(entry, card->slot, true);
        if (entry->holder == 0)
            hand_over(card, shared->device, shared->index, card->slot);
    }
    books_let_go(card, shared->device);
    return entry != NULL;
}

void card_shared_leave(struct card *card, const struct card_shared *shared)
{
    books_take(card, shared->device);
    struct fakecuda_shared *entry = entry_of(card, shared);
    if (entry != NULL) {
        set_member(entry, card->slot, false);
        if (entry->holder == card->slot + 1)
            hand_over(card, shared->device, shared->index, successor(card, shared->device, shared->index, card->slot));
    }
    books_let_go(card, shared->device);
}

int card_shared_open(const struct card *card, const struct card_shared *shared, bool exported)
{
    char path[PATH_MAX + 16];
    path_of(card, shared->device, shared->index, path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
    if (fd < 0 || !exported || fcntl(fd, F_OFD_SETLK, &range) == 0)
        return fd;
    close(fd);
    return -1;
}
