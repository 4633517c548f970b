/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What dlsym and dlopen answer to callers of several kinds; says "ok", or what is wrong.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int opener_answer(void);

static void check(int holds, const char *what)
{
    if (!holds) {
        printf("not so: %s\n", what);
        exit(1);
    }
}

int main(int count, char **arguments)
{
    int *calls = dlsym(RTLD_DEFAULT, "wrapper_calls");
    check((calls != NULL) == (count > 1 && strcmp(arguments[1], "wrapped") == 0), "the wrapper is where it should be");
    check(getppid() == (pid_t)syscall(SYS_getppid), "RTLD_NEXT finds libc's function");
    check(calls == NULL || *calls == 1, "the wrapper has called it once");
    check(opener_answer() == 42, "dlopen goes by the RUNPATH of the library that calls it");
    check(dlopen("libplugin.so", RTLD_NOW | RTLD_NOLOAD) != NULL, "it is loaded");
    check(dlopen("libabsent.so", RTLD_NOW) == NULL && strstr(dlerror(), "libabsent.so") != NULL, "dlerror says what is absent");
    void *self = dlopen(NULL, RTLD_NOW);
    check(self != NULL && dlsym(self, "main") == NULL, "what is not exported is not found");
    check(strstr(dlerror(), "main") != NULL, "dlerror says what was not found");
    check(dlsym(RTLD_DEFAULT, "strtod") == (void *)strtod, "RTLD_DEFAULT finds what the program finds");
    check(dlsym(RTLD_NEXT, "execve") != NULL, "RTLD_NEXT finds the library's own hooks where they are next");
    puts("ok");
    return 0;
}
