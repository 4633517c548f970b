/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * pending-linked, pending-opened: what dlerror() has to say is the same after the first call of a hook, in the thread that
 * made the look-up and in another one. Prints "ok".
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int free_fn(unsigned long long address);
#ifdef LINKED
free_fn cuMemFree_v2;
#endif

static free_fn *hook(void)
{
#ifdef LINKED
    return cuMemFree_v2;
#else
    void *driver = dlopen("libcuda.so.1", RTLD_NOW);
    return driver == NULL ? NULL : (free_fn *)dlsym(driver, "cuMemFree_v2");
#endif
}

static void check(int holds, const char *what)
{
    if (!holds) {
        printf("not so: %s\n", what);
        exit(1);
    }
}

static void *call_with_an_error_pending(void *free_memory)
{
    check(dlsym(RTLD_DEFAULT, "no_such_function") == NULL, "there is no such function");
    check(((free_fn *)free_memory)(0) == 0, "the hook is called");
    const char *said = dlerror();
    check(said != NULL && strstr(said, "no_such_function") != NULL, "dlerror says what was not found");
    return NULL;
}

int main(void)
{
    pthread_t thread;
    void *free_memory = (void *)hook();
    check(free_memory != NULL, "the driver is there");
    if (pthread_create(&thread, NULL, call_with_an_error_pending, free_memory) != 0)
        return 1;
    pthread_join(thread, NULL);
    call_with_an_error_pending(free_memory);
    puts("ok");
    return 0;
}
