/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_BLOCKS 65536
#define MOST_SAMPLES 20000
#define WARM_UP 20

static struct block blocks[MOST_BLOCKS];
static uint64_t samples[MOST_SAMPLES];

static size_t option(int argc, char **argv, const char *name, size_t otherwise)
{
    for (int i = 2; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return otherwise;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int cannot(const char *call, int code)
{
    printf("cannot call=%s code=%d\n", call, code);
    return 0;
}

static int settle(const struct family *family)
{
    return family->settle != NULL ? family->settle() : 0;
}

/* ------------------------------------------------------------ until refused */

struct holding {
    size_t blocks, bytes;
    int code; /* of the call that ended the filling */
};

/* `most` is more than it should get: a limit that does not hold must not take the whole device. */
static void fill(const struct family *family, struct holding *held, size_t block, size_t most)
{
    held->code = 0;
    while (held->bytes <= most && held->blocks < MOST_BLOCKS) {
        struct block *next = &blocks[held->blocks];
        held->code = family->take(next, block);
        if (held->code != 0)
            return;
        held->blocks++;
        held->bytes += next->bytes;
        held->code = family->touch != NULL ? family->touch(next) : 0;
        if (held->code != 0)
            return;
    }
}

static size_t give_back(const struct family *family, struct holding *held, size_t keep)
{
    size_t failed = 0;
    while (held->blocks > keep) {
        struct block *last = &blocks[--held->blocks];
        held->bytes -= last->bytes;
        failed += family->give(last) != 0;
    }
    return failed + (settle(family) != 0);
}

static int until_refused(const struct family *family, size_t block, size_t most)
{
    struct holding held = {0};
    size_t failed = 0;
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "free") == 0) {
            failed += give_back(family, &held, 0);
            printf("freed failed=%zu\n", failed);
            continue;
        }
        if (strcmp(line, "again") == 0)
            failed += give_back(family, &held, held.blocks / 2);
        fill(family, &held, block, most);
        printf("%s bytes=%zu blocks=%zu code=%d\n", strcmp(line, "again") == 0 ? "again" : "held", held.bytes, held.blocks,
               held.code);
    }
    return failed == 0 ? 0 : 1;
}

/* ------------------------------------------------------------ what a pair costs */

static int pairs(const struct family *family, size_t block, size_t milliseconds)
{
    uint64_t end = 0;
    size_t count = 0;
    for (size_t i = 0; count < MOST_SAMPLES; i++) {
        uint64_t start = now_ns();
        int code = family->take(&blocks[0], block);
        if (code != 0)
            return cannot("take", code);
        code = family->give(&blocks[0]);
        if (code != 0)
            return cannot("give", code);
        uint64_t stop = now_ns();
        if (i == WARM_UP)
            end = stop + milliseconds * 1000000u;
        else if (i > WARM_UP)
            samples[count++] = stop - start;
        if (i > WARM_UP && stop >= end)
            break;
    }
    qsort(samples, count, sizeof *samples, by_value);
    printf("pair ns=%llu count=%zu\n", (unsigned long long)samples[count / 2], count);
    return settle(family);
}

int scenario_main(int argc, char **argv, const struct api *api)
{
    const struct family *family = NULL;
    for (size_t i = 0; argc > 1 && i < api->count; i++)
        if (strcmp(argv[1], api->families[i].name) == 0)
            family = &api->families[i];
    if (family == NULL) {
        fprintf(stderr, "usage: %s FAMILY [--block BYTES] [--most BYTES] [--pairs MILLISECONDS], of:", argv[0]);
        for (size_t i = 0; i < api->count; i++)
            fprintf(stderr, " %s", api->families[i].name);
        fputc('\n', stderr);
        return 2;
    }
    size_t block = option(argc, argv, "--block", (size_t)2 << 20), milliseconds = option(argc, argv, "--pairs", 0);
    setvbuf(stdout, NULL, _IOLBF, 0);

    int code = family->prepare != NULL ? family->prepare() : 0;
    if (code != 0)
        return cannot("prepare", code);
    if ((code = api->open()) != 0)
        return cannot("open", code);
    if ((code = family->take(&blocks[0], block)) != 0)
        return cannot("take", code);
    if ((code = family->give(&blocks[0])) != 0)
        return cannot("give", code);
    if ((code = settle(family)) != 0)
        return cannot("settle", code);
    if (milliseconds > 0)
        return pairs(family, block, milliseconds);
    size_t total;
    if ((code = api->total(&total)) != 0)
        return cannot("total", code);
    printf("ready total=%zu\n", total);
    return until_refused(family, block, option(argc, argv, "--most", SIZE_MAX));
}
