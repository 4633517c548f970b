/* SPDX-License-Identifier: Apache-2.0 */
/* fakecuda-stat [--json]: the simulated card's books, for people and for tests. Only reads; `used` and a group's
 * `current` are summed from the living here, so they are right even before the dead have been struck off. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card.h"
#include "uuid.h"

static const char *const call_names[FAKECUDA_CALLS] = {
#define X(index, name) [index] = #name,
    FAKECUDA_CALL_LIST(X)
#undef X
};

static const char *const kind_names[FAKECUDA_KINDS] = {
#define X(index, name) [index] = #name,
    FAKECUDA_KIND_LIST(X)
#undef X
};

/* Opens what is there, and neither creates a card nor sets one up. */
static int open_read_only(struct card *card)
{
    char buffer[64];
    struct stat status;
    const char *path = card_state_path(buffer, sizeof buffer);
    snprintf(card->path, sizeof card->path, "%s", path);
    card->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (card->fd < 0 || fstat(card->fd, &status) != 0) {
        fprintf(stderr, "fakecuda-stat: cannot open %s: %s\n", path, strerror(errno));
        return 1;
    }
    if (status.st_size == (off_t)sizeof *card->map)
        card->map = mmap(NULL, sizeof *card->map, PROT_READ, MAP_SHARED, card->fd, 0);
    if (card->map == NULL || card->map == MAP_FAILED || card->map->magic != FAKECUDA_MAGIC
        || card->map->version != FAKECUDA_VERSION) {
        fprintf(stderr, "fakecuda-stat: %s is not a simulated card of version %u\n", path, FAKECUDA_VERSION);
        return 1;
    }
    return 0;
}

static uint64_t group_current(const struct card *card, uint32_t group, uint32_t device)
{
    uint64_t current = 0;
    for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++)
        if (card->map->slots[s].generation != 0 && card->map->slots[s].group == group && card_slot_alive(card, s))
            current += card_held(card, device, s);
    return current;
}

static bool group_used(const struct card *card, uint32_t group)
{
    return group != 0 && card->map->groups[group].name[0] != '\0';
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

/* --- JSON ------------------------------------------------------------------------------------------------------- */

static void json_devices(const struct card *card)
{
    for (uint32_t d = 0; d < card->map->device_count; d++) {
        const struct fakecuda_device *device = &card->map->devices[d];
        char uuid[UUID_TEXT];
        uuid_format(device->uuid, uuid);
        printf("%s{\"index\":%u,\"uuid\":\"%s\",\"name\":\"%s\",\"capacity\":%lu,\"used\":%lu,\"peak\":%lu}", d ? "," : "", d,
               uuid, device->name, device->capacity, card_used(card, d), device->peak);
    }
}

static void json_kinds(const struct card *card, uint32_t device, uint32_t slot)
{
    const char *comma = "";
    for (int k = 0; k < (int)FAKECUDA_KINDS; k++)
        if (kind_names[k] != NULL) {
            printf("%s\"%s\":%lu", comma, kind_names[k], card_held_kind(card, device, slot, k));
            comma = ",";
        }
}

static void json_books(const struct card *card, uint32_t device, uint32_t slot)
{
    const struct fakecuda_books *books = &card->map->slots[slot].books[device];
    printf("{\"device\":%u,\"bytes\":%lu,\"peak\":%lu,\"live\":%lu,\"allocated\":%lu,\"refused\":%lu,\"contexts\":%lu,\"calls\":{",
           device, card_held(card, device, slot), books->peak, books->live, books->allocated, books->refused, books->contexts);
    const char *comma = "";
    for (int c = 0; c < (int)FAKECUDA_CALLS; c++)
        if (call_names[c] != NULL) {
            printf("%s\"%s\":%lu", comma, call_names[c], books->calls[c]);
            comma = ",";
        }
    printf("},\"kinds\":{");
    json_kinds(card, device, slot);
    printf("}}");
}

static void json_processes(const struct card *card)
{
    const char *comma = "";
    for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++) {
        const struct fakecuda_slot *slot = &card->map->slots[s];
        if (slot->generation == 0)
            continue;
        printf("%s{\"pid\":%u,\"starttime\":%lu,\"alive\":%s,\"command\":", comma, slot->pid, slot->starttime,
               card_slot_alive(card, s) ? "true" : "false");
        comma = ",";
        print_string(slot->command);
        printf(",\"group\":");
        print_string(card->map->groups[slot->group].name);
        printf(",\"devices\":[");
        for (uint32_t d = 0; d < card->map->device_count; d++) {
            printf("%s", d ? "," : "");
            json_books(card, d, s);
        }
        printf("]}");
    }
}

static void json_groups(const struct card *card)
{
    const char *comma = "";
    for (uint32_t g = 0; g < FAKECUDA_GROUPS; g++) {
        if (!group_used(card, g))
            continue;
        printf("%s{\"name\":", comma);
        comma = ",";
        print_string(card->map->groups[g].name);
        printf(",\"devices\":[");
        for (uint32_t d = 0; d < card->map->device_count; d++)
            printf("%s{\"device\":%u,\"current\":%lu,\"peak\":%lu}", d ? "," : "", d, group_current(card, g, d),
                   card->map->groups[g].memory[d].peak);
        printf("]}");
    }
}

/* Memory that several processes have references to, or exported descriptors alone: "pid" is who holds it, 0 nobody. */
static void json_shared(const struct card *card)
{
    const char *comma = "";
    for (uint32_t d = 0; d < card->map->device_count; d++)
        for (uint32_t i = 0; i < card->map->devices[d].shared; i++) {
            const struct fakecuda_shared *shared = &card->map->shared[d][i];
            uint32_t holder = shared->bytes != 0 ? card_shared_holder(card, d, i) : CARD_GONE;
            if (holder == CARD_GONE)
                continue;
            printf("%s{\"device\":%u,\"bytes\":%lu,\"kind\":\"%s\",\"pid\":%u}", comma, d, shared->bytes,
                   kind_names[shared->kind], holder == CARD_NOBODY ? 0 : card->map->slots[holder].pid);
            comma = ",";
        }
}

static void print_json(const struct card *card)
{
    printf("{\"devices\":[");
    json_devices(card);
    printf("],\"processes\":[");
    json_processes(card);
    printf("],\"groups\":[");
    json_groups(card);
    printf("],\"shared\":[");
    json_shared(card);
    printf("]}\n");
}

/* --- for people ------------------------------------------------------------------------------------------------- */

static const char *iec(uint64_t bytes, char buffer[16])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    for (; value >= 1024 && unit < 4; unit++)
        value /= 1024;
    snprintf(buffer, 16, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return buffer;
}

static void print_table(const struct card *card)
{
    char used[16], capacity[16], peak[16];
    for (uint32_t d = 0; d < card->map->device_count; d++) {
        const struct fakecuda_device *device = &card->map->devices[d];
        printf("device %u  %s: %s of %s used, peak %s\n", d, device->name, iec(card_used(card, d), used),
               iec(device->capacity, capacity), iec(device->peak, peak));
        for (uint32_t g = 0; g < FAKECUDA_GROUPS; g++)
            if (group_used(card, g))
                printf("  group %s: %s, peak %s\n", card->map->groups[g].name, iec(group_current(card, g, d), used),
                       iec(card->map->groups[g].memory[d].peak, peak));
        for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++) {
            const struct fakecuda_slot *slot = &card->map->slots[s];
            const struct fakecuda_books *books = &slot->books[d];
            if (slot->generation == 0 || !card_slot_alive(card, s))
                continue;
            printf("  pid %u (%s): %s in %lu allocations, peak %s, %lu refused\n", slot->pid, slot->command,
                   iec(card_held(card, d, s), used), books->live, iec(books->peak, peak), books->refused);
        }
    }
}

int main(int argc, char **argv)
{
    struct card card = {0};
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 2 || (argc == 2 && !json)) {
        fprintf(stderr, "usage: fakecuda-stat [--json]\n"
                        "Prints the books of the simulated card at $FAKECUDA_STATE, else /dev/shm/fakecuda-<uid>.\n");
        return 2;
    }
    if (open_read_only(&card) != 0)
        return 1;
    if (json)
        print_json(&card);
    else
        print_table(&card);
    return 0;
}
