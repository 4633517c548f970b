/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything found here is kept in plain atomics: two threads that race find and store the same, no thread waits, and
 * a fork in the midst leaves nothing half done. Built with -fno-optimize-sibling-calls: RTLD_NEXT is relative to the
 * object that dlsym would return to, which must be this one.
 */
#include "resolve.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>

#include "glibc_base.h"
#include "next.h"

/* Weak: before 2.34 dlvsym is in libdl, which every program that can load a CUDA library has loaded. */
__asm__(".symver base_dlvsym, dlvsym@" BASE_VERSION);
extern void *base_dlvsym(void *handle, const char *name, const char *version) __attribute__((weak));

static void *no_dlsym(void *handle, const char *name)
{
    (void)handle, (void)name;
    return NULL;
}

static void *no_dlopen(const char *file, int flags)
{
    (void)file, (void)flags;
    return NULL;
}

typedef void *dlsym_fn(void *handle, const char *name);
typedef void *dlopen_fn(const char *file, int flags);
typedef int dlclose_fn(void *handle);
typedef int dladdr_fn(const void *address, Dl_info *info);

/* tailjump.S jumps through these. */
_Atomic(dlsym_fn *) gpuslice_real_dlsym = no_dlsym;
_Atomic(dlopen_fn *) gpuslice_real_dlopen = no_dlopen;
static _Atomic(dlclose_fn *) real_dlclose;
static _Atomic(dladdr_fn *) real_dladdr;

static void *find_in_libc(const char *name)
{
    void *found = base_dlvsym(RTLD_NEXT, name, BASE_VERSION); /* every glibc still has it; a miss would call malloc */
    return found;
}

/* Another library behind this one may wrap the function too: it is next, as if this one were not there. */
static void *find_next(const char *name)
{
    dlsym_fn *libcs = (dlsym_fn *)find_in_libc("dlsym");
    void *found = libcs == NULL ? NULL : libcs(RTLD_NEXT, name);
    return found;
}

void resolve_libc(void)
{
    if (atomic_load_explicit(&real_dladdr, memory_order_acquire) != NULL || base_dlvsym == NULL)
        return;
    int saved = errno;
    void *found;
    if ((found = find_next("dlsym")) != NULL)
        atomic_store(&gpuslice_real_dlsym, (dlsym_fn *)found);
    if ((found = find_next("dlopen")) != NULL)
        atomic_store(&gpuslice_real_dlopen, (dlopen_fn *)found);
    atomic_store(&real_dlclose, (dlclose_fn *)find_in_libc("dlclose"));
    atomic_store(&real_dladdr, (dladdr_fn *)find_in_libc("dladdr")); /* last: it says that the others are there */
    errno = saved;
}

void *resolve_symbol(void *handle, const char *name)
{
    void *found = atomic_load_explicit(&gpuslice_real_dlsym, memory_order_relaxed)(handle, name);
    return found;
}

/* ------------------------------------------------------------ the driver */

static const char *const driver_names[DRIVER_FUNCTIONS] = {
#define DRIVER_HOOK(name, base, since, family, test, parameters) [DRIVER_##name] = #name,
#define DRIVER_CALL(name, parameters) [DRIVER_##name] = #name,
#include "hooks.def"
};

static _Atomic(void *) driver_functions[DRIVER_FUNCTIONS];

/* Our own reference, kept for ever: after a dlclose by the program our pointers still point at something. */
static void *library(_Atomic(void *) *handle, const char *name, int flags)
{
    void *known = atomic_load_explicit(handle, memory_order_acquire);
    if (known == NULL) {
        known = atomic_load(&gpuslice_real_dlopen)(name, RTLD_LAZY | flags);
        if (known != NULL)
            atomic_store_explicit(handle, known, memory_order_release);
    }
    return known;
}

/* Stands for a function that the driver does not have: it is too old, and stays so. */
static const char absent;

void *resolve_driver(enum driver_function function)
{
    void *known = atomic_load_explicit(&driver_functions[function], memory_order_acquire);
    if (known != NULL)
        return known == (const void *)&absent ? NULL : known;
    int saved = errno;
    resolve_libc();
    static _Atomic(void *) driver;
    void *loaded = library(&driver, "libcuda.so.1", RTLD_NOLOAD);
    known = resolve_symbol(loaded != NULL ? loaded : RTLD_NEXT, driver_names[function]);
    if (known != NULL || loaded != NULL)
        atomic_store_explicit(&driver_functions[function], known != NULL ? known : (void *)(uintptr_t)&absent,
                              memory_order_release);
    errno = saved;
    return known;
}

/* Every look-up, ours too, forgets what dlerror() had to say to the thread that makes it. So all of the driver is looked up
 * where the program expects that: before it starts, if it is linked with the driver, or while it looks up itself. */
void resolve_every_driver_function(void)
{
    static _Atomic bool done;
    if (atomic_load_explicit(&done, memory_order_relaxed))
        return;
    for (int i = 0; i < DRIVER_FUNCTIONS; i++)
        resolve_driver((enum driver_function)i);
    atomic_store_explicit(&done, true, memory_order_relaxed);
}

/* Not by dlsym: where there is no driver that would be an error. */
__attribute__((constructor)) static void resolve_what_is_linked(void)
{
    if (next_function("cuInit") != NULL)
        resolve_every_driver_function();
}

static const void *object_of(const void *address, Dl_info *info)
{
    dladdr_fn *find = atomic_load_explicit(&real_dladdr, memory_order_acquire);
    return find != NULL && find(address, info) != 0 ? info->dli_fbase : NULL;
}

bool resolve_is_in_driver(const void *address)
{
    Dl_info info;
    const void *object = object_of(address, &info);
    return object != NULL && object == object_of(resolve_driver(DRIVER_cuDeviceGetCount), &info);
}

/* ------------------------------------------------------------ the runtime */

/* What was found for a caller (or an address) and a name. First come, first kept; what finds no place is looked up
 * every time. */
static struct memory {
    _Atomic uintptr_t about;
    _Atomic(const char *) name;
    _Atomic(void *) found; /* stored last */
} memories[64];

static void *remembered(const void *about, const char *name)
{
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++) {
        uintptr_t known = atomic_load_explicit(&memories[i].about, memory_order_relaxed);
        if (known == 0)
            return NULL;
        /* acquire pairs with remember: the name belongs to what was found. */
        void *found = atomic_load_explicit(&memories[i].found, memory_order_acquire);
        if (known == (uintptr_t)about && found != NULL && atomic_load(&memories[i].name) == name)
            return found;
    }
    return NULL;
}

static void remember(const void *about, const char *name, void *found)
{
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++) {
        uintptr_t none = 0;
        if (!atomic_compare_exchange_strong(&memories[i].about, &none, (uintptr_t)about))
            continue;
        atomic_store(&memories[i].name, name);
        atomic_store_explicit(&memories[i].found, found, memory_order_release);
        return;
    }
}

/* Looks `name` up as the object around `address` would: in itself and in what it was linked with. */
static void *find_from(const void *address, const char *name, const void *hook)
{
    Dl_info info;
    if (object_of(address, &info) == NULL || info.dli_fname == NULL)
        return NULL;
    void *object = atomic_load(&gpuslice_real_dlopen)(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (object == NULL)
        return NULL;
    void *found = resolve_symbol(object, name);
    dlclose_fn *close_object = atomic_load(&real_dlclose);
    if (close_object != NULL)
        close_object(object);
    return found == hook ? NULL : found; /* the program's own scope starts with us */
}

/* Stands for every caller: the global scope, where RTLD_NEXT looks, comes before any other. */
static const char everybody;

void *resolve_runtime(const char *name, const void *hook, const void *caller)
{
    void *found = remembered(&everybody, name);
    if (found == NULL)
        found = remembered(caller, name);
    if (found != NULL)
        return found;
    int saved = errno;
    resolve_libc();
    if ((found = resolve_symbol(RTLD_NEXT, name)) != NULL)
        remember(&everybody, name, found);
    else if ((found = find_from(caller, name, hook)) != NULL)
        remember(caller, name, found);
    errno = saved;
    return found;
}

void *resolve_beside(const void *address, const char *name)
{
    void *found = remembered(address, name);
    if (found == NULL) {
        int saved = errno;
        found = find_from(address, name, NULL);
        if (found != NULL)
            remember(address, name, found);
        errno = saved;
    }
    return found;
}

/* ------------------------------------------------------------ NVML */

static _Atomic(void *) nvml;

void *resolve_nvml(const char *name)
{
    void *found = remembered(&everybody, name);
    if (found != NULL)
        return found;
    int saved = errno;
    resolve_libc();
    void *loaded = library(&nvml, "libnvidia-ml.so.1", RTLD_NOLOAD);
    found = resolve_symbol(loaded != NULL ? loaded : RTLD_NEXT, name);
    if (found != NULL)
        remember(&everybody, name, found);
    errno = saved;
    return found;
}

void resolve_load_nvml(void)
{
    int saved = errno;
    resolve_libc();
    library(&nvml, "libnvidia-ml.so.1", 0);
    errno = saved;
}
