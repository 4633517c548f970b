/* SPDX-License-Identifier: Apache-2.0 */
/* What preloading a library costs programs: spawns COUNT LIBRARY PROGRAM ARGUMENT… starts the program that often with and as
 * often without it, in turns, its output thrown away, and says "plain=NS preloaded=NS", the medians of the processor time that it
 * took with its children: a busy machine changes less of it than of the time on the clock. */
#include "guest.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

static uint64_t ns_of(struct timeval time)
{
    return ((uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_usec) * 1000u;
}

static uint64_t run(char **command)
{
    posix_spawn_file_actions_t actions;
    struct rusage usage;
    pid_t child;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&child, command[0], &actions, NULL, command, environ) != 0 ||
        wait4(child, &status, 0, &usage) != child || status != 0)
        exit(1);
    posix_spawn_file_actions_destroy(&actions);
    return ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static uint64_t median(uint64_t *times, size_t count)
{
    qsort(times, count, sizeof *times, compare);
    return times[count / 2];
}

int main(int argc, char **argv)
{
    size_t count = argc > 3 ? size_of(argv[1]) : 0;
    if (count == 0 || count > 1000)
        return 2;
    static uint64_t plain[1000], preloaded[1000];
    for (size_t i = 0; i < count; i++) {
        unsetenv("LD_PRELOAD");
        plain[i] = run(argv + 3);
        setenv("LD_PRELOAD", argv[2], 1);
        preloaded[i] = run(argv + 3);
    }
    say("plain=%llu preloaded=%llu", (unsigned long long)median(plain, count),
        (unsigned long long)median(preloaded, count));
    return 0;
}
