/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "books.h"
#include "card.h"
#include "process.h"

static bool lock_byte(int fd, int command, short type, uint64_t byte)
{
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
    int result;
    do
        result = fcntl(fd, command, &range);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* --- setting up ------------------------------------------------------------------------------------------------- */

static bool same_config(const struct fakecuda_card *map, const struct card_config *config)
{
    if (map->magic != FAKECUDA_MAGIC || map->version != FAKECUDA_VERSION || map->device_count != config->device_count)
        return false;
    for (uint32_t i = 0; i < config->device_count; i++)
        if (map->devices[i].capacity != config->capacity[i])
            return false;
    return true;
}

static void describe_device(struct fakecuda_device *device, uint32_t index, uint64_t capacity)
{
    /* Stable, distinct in the first bytes (programs abbreviate UUIDs), marked as version 8: custom (RFC 9562). */
    static const uint8_t pattern[16] = {0xfa, 0x4e, 0xc0, 0, 0xda, 0x51, 0x80, 0, 0x80, 0, 0xf0, 0x0d, 0xfa, 0xce, 0, 0};
    memcpy(device->uuid, pattern, sizeof pattern);
    device->uuid[3] = device->uuid[15] = (uint8_t)index;
    snprintf(device->name, sizeof device->name, "Simulated GPU %u", index);
    device->capacity = capacity;
}

/* Nobody else has the card open: what the last users left is settled, or everything starts anew. */
static void set_up(struct card *card, const struct card_config *config)
{
    struct fakecuda_card *map = card->map;
    if (map->magic == FAKECUDA_MAGIC && map->version == FAKECUDA_VERSION)
        shared_clear(card);
    if (same_config(map, config)) {
        for (uint32_t d = 0; d < map->device_count; d++) {
            map->devices[d].lock = map->devices[d].used = 0;
            for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++) {
                struct fakecuda_books *books = &map->slots[s].books[d];
                books->bytes = books->live = books->contexts = 0;
                memset(books->kinds, 0, sizeof books->kinds);
            }
            for (uint32_t g = 0; g < FAKECUDA_GROUPS; g++)
                map->groups[g].memory[d].current = 0;
        }
        return;
    }
    memset(map, 0, sizeof *map);
    map->version = FAKECUDA_VERSION;
    map->device_count = config->device_count;
    map->slot_count = FAKECUDA_SLOTS;
    map->group_count = FAKECUDA_GROUPS;
    for (uint32_t i = 0; i < config->device_count; i++)
        describe_device(&map->devices[i], i, config->capacity[i]);
    __atomic_store_n(&map->magic, FAKECUDA_MAGIC, __ATOMIC_RELEASE);
}

/* Leaves the config byte locked for reading, so that the card is not set up anew while this process has it open. */
static bool map_card(struct card *card, const struct card_config *config)
{
    const char *path = card->path;
    bool alone = lock_byte(card->fd, F_OFD_SETLK, F_WRLCK, FAKECUDA_CONFIG_LOCK);
    if (!alone && !lock_byte(card->fd, F_OFD_SETLKW, F_RDLCK, FAKECUDA_CONFIG_LOCK)) {
        card_complain("cannot lock %s: %s", path, strerror(errno));
        return false;
    }
    if (alone && ftruncate(card->fd, sizeof *card->map) != 0) {
        card_complain("cannot size %s: %s", path, strerror(errno));
        return false;
    }
    struct stat status;
    if (fstat(card->fd, &status) != 0 || status.st_size != (off_t)sizeof *card->map) {
        card_complain("%s is in use and not a card of this version: set FAKECUDA_STATE to another path", path);
        return false;
    }
    /* Through a description of its own: a mapping keeps its description open, and with it the locks, but a process that
     * closes its descriptor has let go. */
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    card->map = mmap(NULL, sizeof *card->map, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (card->map == MAP_FAILED) {
        card_complain("cannot map %s: %s", path, strerror(errno));
        return false;
    }
    if (alone) {
        set_up(card, config);
        return lock_byte(card->fd, F_OFD_SETLK, F_RDLCK, FAKECUDA_CONFIG_LOCK);
    }
    if (config->explicit && !same_config(card->map, config)) {
        card_complain("%s is in use with other FAKECUDA_DEVICES or FAKECUDA_MEMORY: wait, or set FAKECUDA_STATE to another path",
                      path);
        return false;
    }
    return true;
}

/* $FAKECUDA_DEVICE_NODE: another name of the card's file, which /proc/<pid>/fd then shows as that of every descriptor
 * that keeps a process's memory alive: a stand-in for /dev/nvidia0. */
static bool use_device_node(struct card *card)
{
    const char *node = getenv("FAKECUDA_DEVICE_NODE");
    if (node == NULL || *node == '\0')
        return true;
    struct stat file, other;
    if (link(card->path, node) != 0) {
        bool same = errno == EEXIST && fstat(card->fd, &file) == 0 && stat(node, &other) == 0
                    && file.st_dev == other.st_dev && file.st_ino == other.st_ino;
        if (!same) {
            card_complain("FAKECUDA_DEVICE_NODE='%s' cannot be a second name of %s: %s", node, card->path, strerror(errno));
            return false;
        }
    }
    close(card->fd);
    card->fd = open(node, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return card->fd >= 0;
}

bool card_open(struct card *card)
{
    struct card_config config;
    char buffer[64];
    const char *path = card_state_path(buffer, sizeof buffer);
    *card = (struct card){.map = MAP_FAILED, .fd = -1};
    if (!card_read_config(&config))
        return false;
    card->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (card->fd < 0 || realpath(path, card->path) == NULL) {
        card_complain("cannot open %s: %s", path, strerror(errno));
        card_close(card);
        return false;
    }
    if (use_device_node(card) && map_card(card, &config))
        return true;
    card_close(card);
    return false;
}

void card_close(struct card *card)
{
    if (card->map != MAP_FAILED)
        munmap(card->map, sizeof *card->map);
    if (card->fd >= 0)
        close(card->fd);
    *card = (struct card){.map = MAP_FAILED, .fd = -1};
}

/* --- joining ---------------------------------------------------------------------------------------------------- */

/* The index of the group named by the environment, entered if it is new; -1 if the table is full. */
static int find_group(struct card *card)
{
    const char *name = getenv("FAKECUDA_GROUP");
    if (name == NULL || *name == '\0')
        return 0;
    struct fakecuda_group *groups = card->map->groups;
    int found = -1;
    if (strlen(name) >= sizeof groups->name || !lock_byte(card->fd, F_OFD_SETLKW, F_WRLCK, FAKECUDA_CONFIG_LOCK + 1))
        return -1;
    for (int g = 1; found < 0 && g < (int)FAKECUDA_GROUPS; g++) {
        if (groups[g].name[0] == '\0')
            memcpy(groups[g].name, name, strlen(name) + 1);
        if (strcmp(groups[g].name, name) == 0)
            found = g;
    }
    lock_byte(card->fd, F_OFD_SETLK, F_UNLCK, FAKECUDA_CONFIG_LOCK + 1);
    return found;
}

static void introduce(struct fakecuda_slot *slot)
{
    slot->pid = (uint32_t)getpid();
    slot->starttime = process_starttime(slot->pid);
    slot->namespace = process_namespace();
    snprintf(slot->command, sizeof slot->command, "%s", program_invocation_short_name);
}

static bool is_unused(const struct card *card, uint32_t slot)
{
    return __atomic_load_n(&card->map->slots[slot].generation, __ATOMIC_RELAXED) == 0;
}

/* Nothing of its last process is in any sum, or could be passed on to it. */
static bool is_struck_off(const struct card *card, uint32_t slot)
{
    bool found = false;
    for (uint32_t d = 0; d < card->map->device_count; d++) {
        found |= card->map->slots[slot].books[d].bytes != 0;
        for (uint32_t i = 0; i < shared_count(card, d); i++) {
            const struct fakecuda_shared *shared = &card->map->shared[d][i];
            bool is_member = (shared->members[slot / 64] >> slot % 64 & 1) != 0;
            found |= shared->bytes != 0 && (shared->holder == slot + 1 || is_member);
        }
    }
    return !found;
}

static bool is_any(const struct card *card, uint32_t slot)
{
    (void)card, (void)slot;
    return true;
}

/* Slots never used come first, so that what the dead did stays readable for as long as possible. One that the dead have
 * something in comes last: from the moment that it is locked again until it is struck off, that looks alive. */
static bool take_slot(struct card *card)
{
    static bool (*const choices[])(const struct card *, uint32_t) = {is_unused, is_struck_off, is_any};
    for (size_t c = 0; c < sizeof choices / sizeof *choices; c++)
        for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++)
            if (choices[c](card, s) && lock_byte(card->fd, F_OFD_SETLK, F_WRLCK, FAKECUDA_SLOT_LOCK + s)) {
                card->slot = s;
                return true;
            }
    return false;
}

static struct card *inherited;

static void close_inherited(void)
{
    card_close(inherited);
}

static void close_on_fork(struct card *card)
{
    const char *wanted = getenv("FAKECUDA_CLOSE_ON_FORK");
    if (wanted == NULL || strcmp(wanted, "1") != 0)
        return;
    inherited = card;
    pthread_atfork(NULL, NULL, close_inherited);
}

bool card_join(struct card *card)
{
    int group = find_group(card);
    if (group < 0) {
        card_complain("FAKECUDA_GROUP='%s' is longer than %zu bytes, or there are %u groups already: use a new FAKECUDA_STATE",
                      getenv("FAKECUDA_GROUP"), sizeof card->map->groups->name - 1, FAKECUDA_GROUPS - 1);
        return false;
    }
    if (!take_slot(card)) {
        card_complain("%u processes use the card already", FAKECUDA_SLOTS);
        return false;
    }
    struct fakecuda_slot *slot = &card->map->slots[card->slot];
    /* A new identity first, so that a lock the last owner died with is seen as a dead one's; then its bytes, still
     * under its own group. */
    introduce(slot);
    uint64_t generation = __atomic_add_fetch(&slot->generation, 1, __ATOMIC_ACQ_REL);
    card->owner = generation << 16 | (card->slot + 1);
    for (uint32_t d = 0; d < card->map->device_count; d++)
        books_open(card, d);
    slot->group = (uint32_t)group;
    close_on_fork(card);
    return true;
}
