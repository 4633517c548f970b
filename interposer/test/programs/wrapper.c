/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A preloaded library as there are many: it wraps a function of libc and finds the real one by RTLD_NEXT.
 */
#include <dlfcn.h>
#include <sys/types.h>
#include <unistd.h>

int wrapper_calls;

pid_t getppid(void)
{
    static pid_t (*real)(void);
    if (real == NULL)
        real = (pid_t(*)(void))dlsym(RTLD_NEXT, "getppid");
    wrapper_calls++;
    return real();
}
