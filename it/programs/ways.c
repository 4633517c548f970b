/* SPDX-License-Identifier: Apache-2.0 */
/* Unusual ways for a process to be what it is. Each ends in one that holds 8 blocks of 1 MiB, says "ready pid=P held=N
 * refused=C" and keeps them until stdin ends:
 *   ways leader    the first thread ends; another one allocates, before and after that
 *   ways daemon    a child of a child, in a session of its own, whose parents are gone then; it minds no stdin, and
 *                  ends by itself after five minutes
 *   ways chain N   execs itself N times, holding memory each time before it does
 *   ways thread    the same once, from another thread than the first
 *   ways reuse     a child is killed and reaped while it holds 20, and another one gets its pid; see below */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "guest.h"

static void *blocks[32];

/* Until there are `count` of them, of which there may be one. */
static void hold(size_t count, size_t already)
{
    int code;
    size_t held = already + gpu_fill(blocks + already, count - already, MIB, &code);
    say("ready pid=%d held=%zu refused=%d", (int)getpid(), held, code);
    until_told_to_end();
}

/* ------------------------------------------------------------ threads */

static void *outlive(void *first)
{
    if (gpu_alloc(&blocks[0], MIB) != 0)
        exit(3);
    pthread_join(*(pthread_t *)first, NULL);
    hold(8, 1);
    exit(0);
}

static int leader(void)
{
    static pthread_t first, other;
    first = pthread_self();
    if (pthread_create(&other, NULL, outlive, &first) != 0)
        return 3;
    pthread_exit(NULL);
}

static void *become(void *program)
{
    int code;
    gpu_fill(blocks, 20, MIB, &code);
    execl(program, program, "chain", "0", (char *)NULL);
    exit(127);
}

static int thread(char *program)
{
    pthread_t other;
    void *block;
    if (gpu_alloc(&block, MIB) != 0 || pthread_create(&other, NULL, become, program) != 0)
        return 3;
    pthread_join(other, NULL);
    return 3;
}

/* ---------------------------------------------------------- processes */

static int daemonize(void)
{
    int ready[2], code;
    char nothing;
    if (pipe(ready) != 0)
        return 3;
    if (fork() > 0) {
        close(ready[1]);
        return read(ready[0], &nothing, 1) == 0 ? 0 : 3;
    }
    setsid();
    if (fork() > 0)
        _exit(0);
    size_t held = gpu_fill(blocks, 8, MIB, &code);
    say("ready pid=%d held=%zu refused=%d", (int)getpid(), held, code);
    close(ready[0]);
    close(ready[1]);
    alarm(300);
    for (;;)
        pause();
}

static int chain(char *program, int left)
{
    char number[16];
    int code;
    if (left == 0) {
        hold(8, 0);
        return 0;
    }
    if (gpu_fill(blocks, 20, MIB, &code) != 20) {
        say("ready pid=%d held=-1 refused=%d", (int)getpid(), code);
        return 3;
    }
    snprintf(number, sizeof number, "%d", left - 1);
    execl(program, program, "chain", number, (char *)NULL);
    return 127;
}

/* -------------------------------------------------------------- reuse */

struct child {
    pid_t pid;
    unsigned long long started; /* clock ticks after boot */
};

static unsigned long long started_at(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long long started = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file != NULL && fread(text, 1, sizeof text - 1, file) > 0)
        sscanf(strrchr(text, ')') + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &started);
    if (file != NULL)
        fclose(file);
    return started;
}

/* A child that holds so many blocks, and has said so, when this returns. */
static struct child fork_holder(size_t count)
{
    int said[2];
    char nothing;
    if (pipe(said) != 0)
        exit(3);
    pid_t pid = fork();
    if (pid == 0) {
        int code;
        gpu_fill(blocks, count, MIB, &code);
        if (code == 0 && write(said[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    close(said[1]);
    struct child child = {pid, started_at(pid)};
    if (read(said[0], &nothing, 1) != 1)
        exit(3);
    close(said[0]);
    return child;
}

static bool next_pid_is(pid_t pid)
{
    FILE *last = fopen("/proc/sys/kernel/ns_last_pid", "we");
    bool written = last != NULL && fprintf(last, "%d", (int)pid - 1) > 0;
    return last != NULL && fclose(last) == 0 && written;
}

/* Kills and reaps a holder of 20 blocks, and makes one of 8 with its pid, until both began in the same hundredth of a
 * second, so that nothing tells them apart; after 50 times that does not matter any more. Needs a pid namespace where
 * hardly anybody else forks. "reused pid=P tries=N same=1 or 0", or "reused pid=0". */
static int reuse(void)
{
    for (int tries = 1; tries <= 100; tries++) {
        struct child first = fork_holder(20);
        kill(first.pid, SIGKILL);
        waitpid(first.pid, NULL, 0);
        if (!next_pid_is(first.pid))
            break;
        struct child second = fork_holder(8);
        bool same = second.started == first.started;
        if (second.pid == first.pid && (same || tries > 50)) {
            say("reused pid=%d tries=%d same=%d", (int)second.pid, tries, same);
            until_told_to_end();
            kill(second.pid, SIGKILL);
            return 0;
        }
        kill(second.pid, SIGKILL);
        waitpid(second.pid, NULL, 0);
    }
    say("reused pid=0");
    return 1;
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    if (strcmp(way, "leader") == 0)
        return leader();
    if (strcmp(way, "daemon") == 0)
        return daemonize();
    if (strcmp(way, "chain") == 0)
        return chain(argv[0], argc > 2 ? atoi(argv[2]) : 0);
    if (strcmp(way, "thread") == 0)
        return thread(argv[0]);
    if (strcmp(way, "reuse") == 0)
        return reuse();
    fprintf(stderr, "usage: ways leader|daemon|chain N|thread|reuse\n");
    return 2;
}
