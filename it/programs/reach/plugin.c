/* SPDX-License-Identifier: Apache-2.0 */
/* A library that uses the driver by itself, as the plugins of frameworks do: linked with it, and by dlopen and dlsym. */
#include <dlfcn.h>

#include "filling.h"

int plugin_fill_as_linked(void);
int plugin_fill_by_dlsym(void);

static void *find_as_linked(const char *name, const char *base)
{
    static const struct {
        const char *name;
        void *function;
    } linked[] = {
        {"cuInit", (void *)cuInit},
        {"cuDeviceGet", (void *)cuDeviceGet},
        {"cuDevicePrimaryCtxRetain", (void *)cuDevicePrimaryCtxRetain},
        {"cuCtxSetCurrent", (void *)cuCtxSetCurrent},
        {"cuMemAlloc_v2", (void *)cuMemAlloc_v2},
        {"cuMemFree_v2", (void *)cuMemFree_v2},
    };
    (void)base;
    for (size_t i = 0; i < sizeof linked / sizeof *linked; i++)
        if (strcmp(linked[i].name, name) == 0)
            return linked[i].function;
    exit(1);
}

static void *find_by_dlsym(const char *name, const char *base)
{
    (void)base;
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    void *found = library != NULL ? dlsym(library, name) : NULL;
    if (found == NULL) {
        say("%s", dlerror());
        exit(1);
    }
    return found;
}

int plugin_fill_as_linked(void)
{
    return fill_by(find_as_linked, find_as_linked, TODAYS);
}

int plugin_fill_by_dlsym(void)
{
    return fill_by(find_by_dlsym, find_by_dlsym, TODAYS);
}
