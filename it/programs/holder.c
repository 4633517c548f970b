/* SPDX-License-Identifier: Apache-2.0 */
/* Holds memory: holder [--count 64] [--size 1M]. Says "ready held=N refused=C", then obeys lines on stdin until it ends:
 * "less N" frees blocks, "more N" allocates up to so many until refused, "close" closes every descriptor but the standard
 * three and the driver's, as daemons do; each answered "held=N refused=C ms=T". */
#include <dirent.h>

#include "guest.h"

static void *blocks[1 << 16];

/* Whether a descriptor is the driver's: without it its memory is gone. */
static bool is_the_drivers(const char *number)
{
    char name[sizeof "/proc/self/fd/" + 256], path[512] = "";
    const char *simulated = getenv("FAKECUDA_STATE");
    snprintf(name, sizeof name, "/proc/self/fd/%s", number);
    ssize_t length = readlink(name, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    return strncmp(path, "/dev/nvidia", 11) == 0 || (simulated != NULL && strncmp(path, simulated, strlen(simulated)) == 0);
}

static void close_all(void)
{
    DIR *open_ones = opendir("/proc/self/fd");
    for (struct dirent *entry; open_ones != NULL && (entry = readdir(open_ones)) != NULL;)
        if (atoi(entry->d_name) > STDERR_FILENO && atoi(entry->d_name) != dirfd(open_ones) &&
            !is_the_drivers(entry->d_name))
            close(atoi(entry->d_name));
    if (open_ones != NULL)
        closedir(open_ones);
}

int main(int argc, char **argv)
{
    size_t count = option(argc, argv, "--count", 64), size = option(argc, argv, "--size", MIB), most;
    char line[64];
    int code;
    if (count > sizeof blocks / sizeof *blocks)
        return 2;
    size_t held = gpu_fill(blocks, count, size, &code);
    say("ready held=%zu refused=%d", held, code);
    while (hear(line, sizeof line)) {
        uint64_t began = now_ns();
        code = 0;
        if (sscanf(line, "less %zu", &most) == 1) {
            most = most < held ? most : held;
            held -= most;
            code = gpu_free_all(blocks + held, most);
        } else if (sscanf(line, "more %zu", &most) == 1) {
            size_t room = sizeof blocks / sizeof *blocks - held;
            held += gpu_fill(blocks + held, most < room ? most : room, size, &code);
        } else if (strcmp(line, "close") == 0) {
            close_all();
        } else {
            fprintf(stderr, "holder: '%s' is none of 'less N', 'more N' and 'close'\n", line);
            return 2;
        }
        say("held=%zu refused=%d ms=%llu", held, code, (unsigned long long)(now_ns() - began) / 1000000);
    }
    return 0;
}
