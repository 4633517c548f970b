/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * How programs find the driver's functions at run time: cuGetProcAddress, and dlsym and dlopen, whose entry points are
 * in tailjump.S. In both the real look-up is made first and the *address* it found is exchanged for a hook: whatever
 * is not there stays not there, and version and flags come out right by themselves.
 *
 * The runtime API's names are not exchanged: a program may have loaded several runtimes, and all of them come by the
 * driver's hooks.
 */
#include <dlfcn.h>
#include <string.h>

#include "debug.h"
#include "export.h"
#include "process.h"
#include "resolve.h"

/* The newest CUDA version whose signatures this library knows. */
#define NEWEST_KNOWN_VERSION 13000

static const struct hook {
    const char *name;
    const char *base;
    int since;
    void *address;
} hooks[DRIVER_HOOKS] = {
#define DRIVER_HOOK(name, base, since, family, test, parameters) [DRIVER_##name] = {#name, base, since, (void *)name},
#include "hooks.def"
};

static const struct nvml_hook {
    const char *name;
    void *address;
} nvml_hooks[] = {
#define NVML_HOOK(name, family, test, parameters) {#name, (void *)name},
#include "hooks.def"
};

/* ------------------------------------------------------------ dlsym and dlopen, called from tailjump.S */

void *gpuslice_pick_symbol(void *handle, const char *name, const void *caller);
int gpuslice_pick_flags(int flags);

static void *pick_driver_symbol(void *handle, const char *name, const void *caller)
{
    for (int i = 0; i < DRIVER_HOOKS; i++) {
        if (strcmp(hooks[i].name, name) != 0)
            continue;
        if (config_get() == NULL || resolve_is_in_driver(caller))
            return NULL;
        void *found = resolve_symbol(handle, name);
        if (found != NULL)
            resolve_every_driver_function();
        return found != NULL && found == resolve_driver((enum driver_function)i) ? hooks[i].address : NULL;
    }
    return NULL;
}

static void *pick_nvml_symbol(void *handle, const char *name)
{
    for (size_t i = 0; i < sizeof nvml_hooks / sizeof *nvml_hooks; i++) {
        if (strcmp(nvml_hooks[i].name, name) != 0)
            continue;
        void *found = config_get() == NULL ? NULL : resolve_symbol(handle, name);
        return found != NULL && found == resolve_nvml(nvml_hooks[i].name) ? nvml_hooks[i].address : NULL;
    }
    return NULL;
}

/* The hook that dlsym(handle, name) is to return; NULL: go on to the real dlsym. */
void *gpuslice_pick_symbol(void *handle, const char *name, const void *caller)
{
    resolve_libc();
    /* RTLD_DEFAULT and RTLD_NEXT keep their meaning: from where the caller stands they find us, or they do not. */
    if (handle == RTLD_DEFAULT || handle == RTLD_NEXT || name == NULL)
        return NULL;
    if (name[0] == 'c' && name[1] == 'u')
        return pick_driver_symbol(handle, name, caller);
    return name[0] == 'n' && name[1] == 'v' ? pick_nvml_symbol(handle, name) : NULL;
}

/* The flags for the real dlopen: a library opened with RTLD_DEEPBIND would find libcuda's functions, and libc's dlsym,
 * before ours. */
int gpuslice_pick_flags(int flags)
{
    resolve_libc();
    return config_get() == NULL ? flags : flags & ~RTLD_DEEPBIND;
}

/* ------------------------------------------------------------ cuGetProcAddress */

/* Whether it is a variant for which stream 0 is the thread's own. */
static bool is_per_thread(const struct hook *hook)
{
    size_t length = strlen(hook->name);
    return length > 5 && (strcmp(hook->name + length - 5, "_ptsz") == 0 || strcmp(hook->name + length - 5, "_ptds") == 0);
}

/* The newest variant of that version or before; where there is one for the thread's own stream, that is asked for. */
static const struct hook *newest(const char *symbol, int version, bool per_thread)
{
    const struct hook *best = NULL;
    for (int i = 0; i < DRIVER_HOOKS; i++) {
        const struct hook *hook = &hooks[i];
        if (strcmp(hook->base, symbol) == 0 && hook->since <= version && is_per_thread(hook) == per_thread &&
            (best == NULL || best->since < hook->since))
            best = hook;
    }
    return best == NULL && per_thread ? newest(symbol, version, false) : best;
}

/* The hook for what the driver found, by its address; or else, if the name is one of ours, by the version's signature. */
static const struct hook *hook_for(const char *symbol, int version, uint64_t flags, const void *found)
{
    for (int i = 0; i < DRIVER_HOOKS; i++) {
        if (found == resolve_driver((enum driver_function)i))
            return &hooks[i];
    }
    return newest(symbol, version, flags & GS_PROC_PER_THREAD_STREAM);
}

static bool has_known_address(const struct hook *hook, const void *found)
{
    return found == resolve_driver((enum driver_function)(hook - hooks)) || found == hook->address;
}

/* A version newer than we know, at an address we do not know. Forwarded, it would be memory that nobody counts;
 * hooked, it might be called with another signature. */
static gs_result hide(const char *symbol, int version, void **address)
{
    debug_notice("%s of CUDA %d is newer than this gpuslice knows, so it is reported as not found", symbol, version);
    *address = NULL;
    return GS_NOT_FOUND;
}

static bool is_looked_at(const char *symbol, void *const *address, gs_result result)
{
    return result == GS_SUCCESS && symbol != NULL && address != NULL && *address != NULL && config_get() != NULL;
}

gs_result cuGetProcAddress(const char *symbol, void **address, int version, uint64_t flags)
{
    cuGetProcAddress_fn *real = DRIVER_REAL(cuGetProcAddress);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    gs_result result = real(symbol, address, version, flags);
    if (!is_looked_at(symbol, address, result))
        return result;
    const struct hook *hook = hook_for(symbol, version, flags, *address);
    if (hook == NULL || resolve_is_in_driver(__builtin_return_address(0)))
        return result;
    if (version > NEWEST_KNOWN_VERSION && !has_known_address(hook, *address)) {
        void *newest_known = NULL;
        real(symbol, &newest_known, NEWEST_KNOWN_VERSION, flags);
        if (newest_known != *address)
            return hide(symbol, version, address);
    }
    *address = hook->address;
    return result;
}

gs_result cuGetProcAddress_v2(const char *symbol, void **address, int version, uint64_t flags, int *status)
{
    cuGetProcAddress_v2_fn *real = DRIVER_REAL(cuGetProcAddress_v2);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    gs_result result = real(symbol, address, version, flags, status);
    if (!is_looked_at(symbol, address, result))
        return result;
    const struct hook *hook = hook_for(symbol, version, flags, *address);
    if (hook == NULL || resolve_is_in_driver(__builtin_return_address(0)))
        return result;
    if (version > NEWEST_KNOWN_VERSION && !has_known_address(hook, *address)) {
        void *newest_known = NULL;
        real(symbol, &newest_known, NEWEST_KNOWN_VERSION, flags, NULL);
        if (newest_known != *address) {
            if (status != NULL)
                *status = GS_PROC_SYMBOL_NOT_FOUND;
            return hide(symbol, version, address);
        }
    }
    *address = hook->address;
    return result;
}
