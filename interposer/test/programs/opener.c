/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A library that finds its plugin by its own RUNPATH: dlopen must see that it is this one that calls.
 */
#include <dlfcn.h>
#include <stddef.h>

int opener_answer(void);

int opener_answer(void)
{
    void *plugin = dlopen("libplugin.so", RTLD_NOW | RTLD_DEEPBIND);
    int (*answer)(void) = plugin == NULL ? NULL : (int (*)(void))dlsym(plugin, "plugin_answer");
    return answer == NULL ? -1 : answer();
}
