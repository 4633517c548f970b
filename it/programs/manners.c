/* SPDX-License-Identifier: Apache-2.0 */
/* Whether allocating, being refused, freeing and asking leave the process around them as it was: "NAME=ok" or "NAME=changed" for
 * errno, dlerror, umask, signals (their actions), mask, cancel (state and type), folder, environment; then "done refused=C". */
#define GUEST_OF_DRIVER
#include "guest.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

extern char **environ;

#define SIGNALS 64
#define ODD_ERRNO 4242

struct action {
    void (*handler)(int);
    long flags, blocks;
};

struct manners {
    mode_t mask;
    struct action actions[SIGNALS];
    sigset_t blocked;
    int cancel_state, cancel_type;
    char folder[4096];
    unsigned long environment;
};

static void on_signal(int signal)
{
    (void)signal;
}

static unsigned long sum_of_environment(void)
{
    unsigned long sum = 5381;
    for (char **variable = environ; *variable != NULL; variable++)
        for (const char *c = *variable; *c != '\0'; c++)
            sum = sum * 33 + (unsigned char)*c;
    return sum;
}

static void look(struct manners *manners)
{
    memset(manners, 0, sizeof *manners);
    manners->mask = umask(0);
    umask(manners->mask);
    for (int signal = 1; signal < SIGNALS; signal++) {
        struct sigaction action;
        if (sigaction(signal, NULL, &action) == 0)
            manners->actions[signal] = (struct action){action.sa_handler, action.sa_flags, sigismember(&action.sa_mask, SIGUSR2)};
    }
    pthread_sigmask(SIG_SETMASK, NULL, &manners->blocked);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &manners->cancel_state);
    pthread_setcancelstate(manners->cancel_state, NULL);
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &manners->cancel_type);
    pthread_setcanceltype(manners->cancel_type, NULL);
    if (getcwd(manners->folder, sizeof manners->folder) == NULL)
        exit(1);
    manners->environment = sum_of_environment();
}

static void compare(const char *name, const void *before, const void *after, size_t size)
{
    say("%s=%s", name, memcmp(before, after, size) == 0 ? "ok" : "changed");
}

/* One call, which must leave errno and what dlerror has to say alone. */
static bool errno_changed, dlerror_changed;

#define POLITELY(call)                                                                                                 \
    ({                                                                                                                 \
        dlsym(RTLD_DEFAULT, "no_such_function");                                                                       \
        errno = ODD_ERRNO;                                                                                             \
        int code_ = (int)(call);                                                                                       \
        errno_changed |= errno != ODD_ERRNO;                                                                           \
        const char *said_ = dlerror();                                                                                 \
        dlerror_changed |= said_ == NULL || strstr(said_, "no_such_function") == NULL;                                 \
        code_;                                                                                                         \
    })

static int use_memory(void)
{
    static CUdeviceptr blocks[4096];
    CUdeviceptr async = 0;
    size_t held = 0, available, total;
    int refused = 0;
    while (held < 4096 && (refused = POLITELY(cuMemAlloc(&blocks[held], MIB))) == 0)
        held++;
    POLITELY(cuMemGetInfo(&available, &total));
    POLITELY(cuDeviceTotalMem(&total, 0));
    POLITELY(cuMemFree(blocks[--held]));
    POLITELY(cuMemFree(1));
    if (POLITELY(cuMemAllocAsync(&async, MIB, NULL)) == 0)
        POLITELY(cuMemFreeAsync(async, NULL));
    while (held > 0)
        POLITELY(cuMemFree(blocks[--held]));
    return refused;
}

int main(void)
{
    static struct manners before, after;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t some;
    umask(027);
    for (int signal = 1; signal < SIGNALS; signal++)
        if (signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33)
            sigaction(signal, &action, NULL);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &some, NULL);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    if (gpu_open() != 0)
        return 1;

    look(&before);
    int refused = use_memory();
    refused = use_memory() == refused ? refused : -1;
    look(&after);

    say("errno=%s", errno_changed ? "changed" : "ok");
    say("dlerror=%s", dlerror_changed ? "changed" : "ok");
    compare("umask", &before.mask, &after.mask, sizeof before.mask);
    compare("signals", before.actions, after.actions, sizeof before.actions);
    compare("mask", &before.blocked, &after.blocked, sizeof before.blocked);
    compare("cancel", &before.cancel_state, &after.cancel_state, 2 * sizeof before.cancel_state);
    compare("folder", before.folder, after.folder, sizeof before.folder);
    compare("environment", &before.environment, &after.environment, sizeof before.environment);
    say("done refused=%d", refused);
    return 0;
}
