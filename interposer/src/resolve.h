/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The real functions behind the hooks, and libc's own dlsym and dlopen.
 */
#ifndef GPUSLICE_RESOLVE_H
#define GPUSLICE_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "cuda_types.h"

/* Hooks come first, so that tables of hooks are indexed by the same number. */
enum driver_function {
#define DRIVER_HOOK(name, base, since, family, test, parameters) DRIVER_##name,
#include "hooks.def"
    DRIVER_HOOKS,
    DRIVER_BEFORE_CALLS = DRIVER_HOOKS - 1,
#define DRIVER_CALL(name, parameters) DRIVER_##name,
#include "hooks.def"
    DRIVER_FUNCTIONS,
};

/* The function in the driver library that this program loaded; NULL while it has loaded none. */
void *resolve_driver(enum driver_function function);
/* All of them at once, where the driver is there. */
void resolve_every_driver_function(void);
#define DRIVER_REAL(name) ((name##_fn *)resolve_driver(DRIVER_##name))

/* The function that `caller` (a return address) would have called without us: a process may have loaded several CUDA
 * runtimes. `hook` is our own function of that name. */
void *resolve_runtime(const char *name, const void *hook, const void *caller);

/* The function in the NVML that this program loaded; NULL while it has loaded none. */
void *resolve_nvml(const char *name);
/* Loads NVML where the program has not. */
void resolve_load_nvml(void);
#define NVML_REAL(name) ((name##_fn *)resolve_nvml(#name))

/* The function `name` of the library that `address` lies in. */
void *resolve_beside(const void *address, const char *name);

/* Whether `address` lies in the driver library. Its own look-ups are left alone: some drivers come back to
 * themselves that way. */
bool resolve_is_in_driver(const void *address);

/* libc's dlsym; or that of another library that is preloaded behind us. */
void *resolve_symbol(void *handle, const char *name);

/* Finds libc's functions, so that the tail-jumps in tailjump.S have somewhere to go. */
void resolve_libc(void);

#endif
