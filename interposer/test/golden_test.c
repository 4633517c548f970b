/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The golden vectors that both sides read: bytes written by hand after gpuslice_abi.h, in test/golden/.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "gpuslice_abi.h"
#include "test.h"

#define FOLDER "test/golden"

static _Alignas(8) uint8_t bytes[8192];

/* The bytes of FOLDER/name.hex; 0: there is no such file, or it is no hex. `#` starts a comment. */
static size_t load(const char *name)
{
    char path[256], line[1024];
    size_t length = 0;
    snprintf(path, sizeof path, FOLDER "/%s", name);
    FILE *file = fopen(path, "r");
    memset(bytes, 0, sizeof bytes);
    if (!CHECK(file != NULL))
        return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        for (char *at = line; *at != '\0' && *at != '#';) {
            char *end;
            if (isspace((unsigned char)*at)) {
                at++;
                continue;
            }
            unsigned long value = strtoul(at, &end, 16);
            if (!CHECK(end == at + 2 && length < sizeof bytes)) {
                fclose(file);
                return 0;
            }
            bytes[length++] = (uint8_t)value;
            at = end;
        }
    }
    fclose(file);
    return length;
}

/* Loads a frame and returns its payload. */
static const void *frame(const char *name, uint16_t type, size_t payload, uint32_t seq)
{
    const struct gpuslice_frame *header = (const void *)bytes;
    CHECK_EQUAL(load(name), sizeof *header + payload);
    CHECK_EQUAL(header->length, sizeof *header + payload);
    CHECK_EQUAL(header->type, type);
    CHECK_EQUAL(header->version, GPUSLICE_ABI_VERSION);
    CHECK_EQUAL(header->seq, seq);
    CHECK_EQUAL(header->reserved, 0);
    return header + 1;
}

static bool text_is(const char *field, size_t size, const char *text)
{
    return strncmp(field, text, size) == 0 && strlen(text) < size && field[size - 1] == '\0';
}

static void helloHasItsBytes(void)
{
    const struct gpuslice_hello *hello = frame("hello.hex", GPUSLICE_HELLO, sizeof *hello, 3);
    static const uint8_t image[16] = {0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87,
                                      0x78, 0x69, 0x5a, 0x4b, 0x3c, 0x2d, 0x1e, 0x0f};
    CHECK(text_is(hello->session_id, sizeof hello->session_id, "0123456789abcdef"));
    CHECK(text_is(hello->token, sizeof hello->token,
                  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
    CHECK(memcmp(hello->image_id, image, sizeof image) == 0);
    CHECK_EQUAL(hello->device_count, 2);
    CHECK_EQUAL(hello->device_uuids[0][15], 0xff);
    CHECK_EQUAL(hello->device_uuids[1][0], 0xff);
    CHECK_EQUAL(hello->device_uuids[1][15], 0x00);
}

static void chargeAndItsAnswersHaveTheirBytes(void)
{
    const struct gpuslice_charge *charge = frame("charge.hex", GPUSLICE_CHARGE, sizeof *charge, 4);
    CHECK_EQUAL(charge->bytes, 1048576);
    CHECK_EQUAL(charge->device, 1);
    CHECK_EQUAL(charge->flags, 0);
    const struct gpuslice_charge *held = frame("charge-held.hex", GPUSLICE_CHARGE, sizeof *held, 12);
    CHECK_EQUAL(held->bytes, 2097152);
    CHECK_EQUAL(held->device, 3);
    CHECK_EQUAL(held->flags, GPUSLICE_CHARGE_HELD);
    const struct gpuslice_granted *granted = frame("granted.hex", GPUSLICE_GRANTED, sizeof *granted, UINT32_MAX);
    CHECK_EQUAL(granted->charge, 0x0102030405060708);
    CHECK_EQUAL(granted->device, 1);
    const struct gpuslice_error *error = frame("error.hex", GPUSLICE_ERROR, sizeof *error, 11);
    CHECK_EQUAL(error->code, GPUSLICE_ERR_UNSUPPORTED_VERSION);
    CHECK(text_is(error->text, sizeof error->text, "protocol 2.0, not 1.0: update gpuslice"));
    frame("query.hex", GPUSLICE_QUERY, 0, 7);
}

static void whatIsSharedHasItsBytes(void)
{
    const struct gpuslice_share *exported = frame("share-exported.hex", GPUSLICE_SHARE, sizeof *exported, 0);
    CHECK_EQUAL(exported->what, GPUSLICE_SHARE_EXPORTED);
    CHECK_EQUAL(exported->device, 1);
    CHECK_EQUAL(exported->bytes, 4194304);
    for (unsigned i = 0; i < GPUSLICE_KEY_SIZE; i++)
        CHECK_EQUAL(exported->key[i], i + 1);
    const struct gpuslice_share *closed = frame("share-closed.hex", GPUSLICE_SHARE, sizeof *closed, 0);
    static const uint64_t file[GPUSLICE_KEY_SIZE / sizeof(uint64_t)] = {15, 4242};
    CHECK_EQUAL(closed->what, GPUSLICE_SHARE_CLOSED);
    CHECK_EQUAL(closed->bytes, 0);
    CHECK(memcmp(closed->key, file, sizeof file) == 0);
    frame("heard.hex", GPUSLICE_HEARD, 0, 8);
}

/* Every vector is a frame of the size that its type has. */
static void everyFrameHasTheSizeOfItsStruct(void)
{
    static const size_t sizes[] = {
        [GPUSLICE_OPEN] = sizeof(struct gpuslice_open),       [GPUSLICE_OPENED] = sizeof(struct gpuslice_opened),
        [GPUSLICE_JOIN] = sizeof(struct gpuslice_join),       [GPUSLICE_JOINED] = sizeof(struct gpuslice_opened),
        [GPUSLICE_HELLO] = sizeof(struct gpuslice_hello),     [GPUSLICE_WELCOME] = sizeof(struct gpuslice_welcome),
        [GPUSLICE_CHARGE] = sizeof(struct gpuslice_charge),   [GPUSLICE_GRANTED] = sizeof(struct gpuslice_granted),
        [GPUSLICE_DENIED] = sizeof(struct gpuslice_denied),   [GPUSLICE_FREED] = sizeof(struct gpuslice_freed),
        [GPUSLICE_QUERY] = 0,                                 [GPUSLICE_STATUS] = sizeof(struct gpuslice_status),
        [GPUSLICE_ERROR] = sizeof(struct gpuslice_error),     [GPUSLICE_SHARE] = sizeof(struct gpuslice_share),
        [GPUSLICE_HEARD] = 0,
    };
    bool seen[GPUSLICE_HEARD + 1] = {false};
    DIR *folder = opendir(FOLDER);
    if (!CHECK(folder != NULL))
        return;
    for (struct dirent *file; (file = readdir(folder)) != NULL;) {
        size_t name = strlen(file->d_name);
        if (name < 4 || strcmp(file->d_name + name - 4, ".hex") != 0 || strcmp(file->d_name, "page.hex") == 0)
            continue;
        const struct gpuslice_frame *header = (const void *)bytes;
        size_t length = load(file->d_name);
        if (!CHECK(length >= sizeof *header && header->type >= GPUSLICE_OPEN && header->type <= GPUSLICE_HEARD)) {
            printf("    in %s\n", file->d_name);
            continue;
        }
        CHECK_EQUAL(header->length, length);
        bool json = header->type >= GPUSLICE_CALL && header->type <= GPUSLICE_EVENT;
        if (!json && !CHECK_EQUAL(length, sizeof *header + sizes[header->type]))
            printf("    in %s\n", file->d_name);
        seen[header->type] = true;
    }
    closedir(folder);
    for (int type = GPUSLICE_OPEN; type <= GPUSLICE_HEARD; type++) {
        if (!CHECK(seen[type]))
            printf("    no vector of type %d\n", type);
    }
}

static void theDaemonsFramesHaveTheirBytes(void)
{
    const struct gpuslice_welcome *welcome = frame("welcome.hex", GPUSLICE_WELCOME, sizeof *welcome, 3);
    CHECK_EQUAL(welcome->flags, GPUSLICE_FLAG_STRICT);
    CHECK_EQUAL(welcome->device_count, 2);
    CHECK_EQUAL(welcome->page_size, GPUSLICE_PAGE_SIZE);
    CHECK_EQUAL(welcome->limit[0], 8589934592);
    CHECK_EQUAL(welcome->limit[1], INT64_MAX);
    const struct gpuslice_denied *denied = frame("denied.hex", GPUSLICE_DENIED, sizeof *denied, 5);
    CHECK_EQUAL(denied->code, GPUSLICE_ERR_SESSION_EXPIRED);
    CHECK_EQUAL(denied->device, 31);
    CHECK_EQUAL(denied->asked, GPUSLICE_MAX_BYTES);
    CHECK_EQUAL(denied->used, 134217727);
    CHECK_EQUAL(denied->limit, 134217728);
    const struct gpuslice_status *status = frame("status-without-ttl.hex", GPUSLICE_STATUS, sizeof *status, 8);
    CHECK_EQUAL(status->state, GPUSLICE_ACTIVE);
    CHECK_EQUAL(status->ttl_left_ms, UINT64_MAX);
    CHECK_EQUAL(status->device_count, 1);
    CHECK_EQUAL(status->devices[0].limit, 1073741824);
}

static void thePageHasItsBytes(void)
{
    CHECK_EQUAL(load("page.hex"), GPUSLICE_PAGE_TABLE_OFFSET + 7 * sizeof(struct gpuslice_page_entry));
    const struct gpuslice_page_header *header = (const void *)bytes;
    CHECK_EQUAL(header->magic, GPUSLICE_PAGE_MAGIC);
    CHECK(memcmp(&header->magic, "GPSLPGE1", 8) == 0);
    CHECK_EQUAL(header->version, GPUSLICE_ABI_VERSION);
    CHECK_EQUAL(header->device_count, 2);
    CHECK_EQUAL(header->size, GPUSLICE_PAGE_SIZE);
    CHECK_EQUAL(header->page_id[15], 15);
    CHECK_EQUAL(header->segments, 1);
    CHECK_EQUAL(header->pid, 4711);
    const struct gpuslice_page_device *device = (const void *)(header + 1);
    CHECK_EQUAL(device[0].charge, 3145728);
    CHECK_EQUAL(device[0].used, 2097152);
    CHECK_EQUAL(device[0].peak, 4194304);
    CHECK_EQUAL(device[0].allocations, 7);
    CHECK_EQUAL(device[0].frees, 5);
    CHECK_EQUAL(device[0].denials, 3);
    CHECK_EQUAL(device[1].charge, 65536 | GPUSLICE_GATED);
    const struct gpuslice_page_counts *stripe = (const void *)(bytes + GPUSLICE_PAGE_COUNTS_OFFSET);
    CHECK_EQUAL(stripe[0].allocations[3], 4);
    CHECK_EQUAL(stripe[0].frees[0], 990);
    CHECK_EQUAL(stripe[GPUSLICE_PAGE_STRIPES - 1].allocations[0], 100);
    CHECK_EQUAL(stripe[GPUSLICE_PAGE_STRIPES - 1].frees[1], 1);
    const struct gpuslice_page_entry *entry = (const void *)(bytes + GPUSLICE_PAGE_TABLE_OFFSET);
    CHECK_EQUAL(entry[1].handle, 0x7f0123400000);
    CHECK_EQUAL(entry[1].meta, GPUSLICE_META(1048576, 0, GPUSLICE_KIND_LINEAR));
    CHECK_EQUAL(entry[2].handle, GPUSLICE_ENTRY_CLAIMED);
    CHECK_EQUAL(entry[5].meta, GPUSLICE_META(512, 1, GPUSLICE_KIND_PITCHED));
    CHECK_EQUAL(GPUSLICE_META_BYTES(entry[6].meta), GPUSLICE_MAX_BYTES);
    CHECK_EQUAL(GPUSLICE_META_DEVICE(entry[6].meta), 31);
    CHECK_EQUAL(GPUSLICE_META_KIND(entry[6].meta), 15);
}

void golden_tests(void)
{
    RUN(helloHasItsBytes);
    RUN(chargeAndItsAnswersHaveTheirBytes);
    RUN(whatIsSharedHasItsBytes);
    RUN(everyFrameHasTheSizeOfItsStruct);
    RUN(theDaemonsFramesHaveTheirBytes);
    RUN(thePageHasItsBytes);
}
