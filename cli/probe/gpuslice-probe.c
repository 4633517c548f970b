/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * lib/gpuslice-probe [BYTES]: what `gpuslice doctor` runs to see a limit at work. It says what it meets, a NAME=VALUE a
 * line, and judges nothing:
 *
 *   major   of the protocol of the libgpuslice.so inside this very process; no such line where it is not
 *   init    code of cuInit and of the first GPU's context; nothing more is said unless it is 0
 *   driver  the driver's CUDA version, as 12080 for 12.8
 *   total   bytes of memory that the GPU has, as programs are told
 *   small   code of an allocation of 1 MiB
 *   large   code of one of BYTES
 *
 * Codes are CUDA's, but -1: there is no libcuda.so.1, or it lacks a function. Without BYTES it says `major` alone.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "glibc_base.h"

#define SMALL ((size_t)1 << 20)
#define NOT_THERE (-1)

/* So that this runs wherever the library loads. */
__asm__(".symver dlopen, dlopen@" BASE_VERSION);
__asm__(".symver dlsym, dlsym@" BASE_VERSION);
__asm__(".symver base_start_main, __libc_start_main@" BASE_VERSION);

int base_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                    void (*rtld_fini)(void), void *stack_end);

/* crt1.o calls this in the other's place (--wrap), and would bring in the version of the glibc that it is from. */
int __wrap___libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                             void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
int __wrap___libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                             void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    return base_start_main(main, argc, argv, init, fini, rtld_fini, stack_end);
}

/* The part of CUDA's driver API that is needed, by the names it has had since CUDA 7.0. */
struct cuda {
    int (*init)(unsigned flags);
    int (*version)(int *version);
    int (*device)(int *device, int ordinal);
    int (*retain)(void **context, int device);
    int (*use)(void *context);
    int (*info)(size_t *free, size_t *total);
    int (*allocate)(unsigned long long *address, size_t bytes);
};

/* 1 if all of it is there. */
static int find(struct cuda *cuda)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    struct {
        const char *name;
        void *to;
    } functions[] = {
        {"cuInit", &cuda->init},
        {"cuDriverGetVersion", &cuda->version},
        {"cuDeviceGet", &cuda->device},
        {"cuDevicePrimaryCtxRetain", &cuda->retain},
        {"cuCtxSetCurrent", &cuda->use},
        {"cuMemGetInfo_v2", &cuda->info},
        {"cuMemAlloc_v2", &cuda->allocate},
    };
    for (size_t i = 0; library && i < sizeof functions / sizeof *functions; i++)
        if (!(*(void **)functions[i].to = dlsym(library, functions[i].name)))
            return 0;
    return library != NULL;
}

static int begin(const struct cuda *cuda)
{
    int device = 0;
    void *context = NULL;
    int code = cuda->init(0);
    if (code == 0)
        code = cuda->device(&device, 0);
    if (code == 0)
        code = cuda->retain(&context, device);
    return code != 0 ? code : cuda->use(context);
}

/* What the library says of itself has a line `constant GPUSLICE_ABI_MAJOR N`. */
static void say_library(void)
{
    const char *(*abi)(void);
    *(void **)&abi = dlsym(dlopen(NULL, RTLD_NOW), "gpuslice_abi");
    int major;
    if (abi && sscanf(abi(), "constant GPUSLICE_ABI_MAJOR %d", &major) == 1)
        printf("major=%d\n", major);
}

int main(int argc, char **argv)
{
    say_library();
    if (argc < 2)
        return 0;
    struct cuda cuda;
    int code = find(&cuda) ? begin(&cuda) : NOT_THERE;
    printf("init=%d\n", code);
    if (code != 0)
        return 0;

    int version = 0;
    size_t available, total = 0;
    unsigned long long address;
    cuda.version(&version);
    cuda.info(&available, &total);
    printf("driver=%d\ntotal=%zu\n", version, total);
    printf("small=%d\n", cuda.allocate(&address, SMALL));
    printf("large=%d\n", cuda.allocate(&address, strtoull(argv[1], NULL, 10)));
    return 0; /* the driver takes it all back */
}
