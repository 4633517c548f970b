/* SPDX-License-Identifier: Apache-2.0 */
/* For LD_PRELOAD: a library that wraps dlsym by RTLD_NEXT, as tracers do, and cuGetProcAddress_v2 with it. Writes to the file
 * GUEST_WITNESS names: "NAME OBJECT" for each function that was handed out (the object's file name), and at the end "dlsym N",
 * how many look-ups it saw. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __aarch64__
#define BASE_VERSION "GLIBC_2.17"
#else
#define BASE_VERSION "GLIBC_2.2.5"
#endif

#define API __attribute__((visibility("default")))

typedef void *dlsym_fn(void *handle, const char *name);
typedef int proc_address_fn(const char *symbol, void **found, int version, uint64_t flags, int *status);

static proc_address_fn *proc_address;
static volatile unsigned long seen;

static void note(const char *name, const char *what)
{
    const char *file = getenv("GUEST_WITNESS");
    char line[512];
    int length = snprintf(line, sizeof line, "%s %s\n", name, what);
    int fd = file == NULL ? -1 : open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, line, (size_t)length) != length)
        _exit(99);
    if (fd >= 0)
        close(fd);
}

static void note_address(const char *name, const void *address)
{
    Dl_info info;
    const char *object = address != NULL && dladdr(address, &info) != 0 ? strrchr(info.dli_fname, '/') : NULL;
    note(name, object != NULL ? object + 1 : "nothing");
}

static int witnessed(const char *symbol, void **found, int version, uint64_t flags, int *status)
{
    int code = proc_address(symbol, found, version, flags, status);
    note_address(symbol, code == 0 ? *found : NULL);
    return code;
}

API void *dlsym(void *handle, const char *name)
{
    static dlsym_fn *real;
    if (real == NULL)
        real = (dlsym_fn *)dlvsym(RTLD_NEXT, "dlsym", BASE_VERSION);
    void *found = real(handle, name);
    seen++; /* something after the call: no tail call, so this frame is what the next one sees as the caller */
    if (found == NULL || strcmp(name, "cuGetProcAddress_v2") != 0)
        return found;
    note_address(name, found);
    proc_address = (proc_address_fn *)found;
    return (void *)witnessed;
}

static void __attribute__((destructor)) end(void)
{
    char number[32];
    snprintf(number, sizeof number, "%lu", seen);
    note("dlsym", number);
}
