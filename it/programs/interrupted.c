/* SPDX-License-Identifier: Apache-2.0 */
/* Allocates and frees under a timer of 500 microseconds whose handler does not restart calls: interrupted [--rounds 500]. Says
 * "interrupted=N refused=N failed=N". */
#define GUEST_OF_DRIVER
#include "guest.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks;

static void on_tick(int signal)
{
    (void)signal;
    ticks++;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_tick};
    struct itimerval every = {{0, 500}, {0, 500}};
    size_t refused = 0, failed = 0;
    if (gpu_open() != 0)
        return 1;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    for (size_t rounds = option(argc, argv, "--rounds", 500); rounds > 0; rounds--) {
        CUdeviceptr block;
        if (cuMemAlloc(&block, MIB) != 0)
            refused++;
        else
            failed += cuMemFree(block) != 0;
    }
    every = (struct itimerval){0};
    setitimer(ITIMER_REAL, &every, NULL);
    say("interrupted=%d refused=%zu failed=%zu", (int)ticks, refused, failed);
    return 0;
}
