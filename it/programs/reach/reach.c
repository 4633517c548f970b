/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to find the driver at run time, each tried out as filling.h says:
 *   reach dlsym                    dlopen and dlsym
 *   reach global                   dlopen with RTLD_GLOBAL, and dlsym of RTLD_DEFAULT
 *   reach reopen                   dlopen and dlsym, dlclose, and all of it once more
 *   reach namespace                dlmopen into a namespace of its own
 *   reach proc [--v1] [--version 13000] [--depth 1] [--per-thread] [--oldest|--async] [--ask NAME]
 *                                  cuGetProcAddress, asked for itself DEPTH - 1 times; what it does not find for that
 *                                  version ("NAME code=C status=S") is asked for at 13000; with --ask says first
 *                                  "NAME code=C found=0|1"
 *   reach plugin FILE [--deepbind] [--linked]
 *                                  a library's own calls: by dlsym, or as it was linked */
#include <dlfcn.h>

#include "filling.h"

static void *library;
static void *proc_address;
static int version;
static bool first_abi, per_thread;

static void *open_driver(int flags)
{
    library = dlopen("libcuda.so.1", RTLD_NOW | flags);
    if (library == NULL) {
        say("%s", dlerror());
        exit(1);
    }
    return library;
}

static void *find_in(void *handle, const char *name)
{
    void *found = dlsym(handle, name);
    if (found == NULL) {
        say("%s", dlerror());
        exit(1);
    }
    return found;
}

static void *find_by_dlsym(const char *name, const char *base)
{
    (void)base;
    return find_in(library, name);
}

static void *find_by_default(const char *name, const char *base)
{
    (void)base;
    return find_in(RTLD_DEFAULT, name);
}

static int ask(const char *base, int of_version, void **found, int *status)
{
    cuuint64_t flags = per_thread ? CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM : CU_GET_PROC_ADDRESS_DEFAULT;
    *found = NULL;
    *status = 0;
    if (first_abi)
        return ((CUresult(*)(const char *, void **, int, cuuint64_t))proc_address)(base, found, of_version, flags);
    return ((CUresult(*)(const char *, void **, int, cuuint64_t, int *))proc_address)(base, found, of_version, flags,
                                                                                     status);
}

static void *find_by_proc_address(const char *name, const char *base)
{
    void *found;
    int status, code = ask(base, version, &found, &status);
    (void)name;
    if (code != 0 || found == NULL) {
        say("%s code=%d status=%d", base, code, status);
        code = ask(base, CUDA_VERSION, &found, &status);
    }
    if (code != 0 || found == NULL)
        exit(1);
    return found;
}

static int by_proc_address(int argc, char **argv)
{
    first_abi = flag(argc, argv, "--v1");
    per_thread = flag(argc, argv, "--per-thread");
    open_driver(0);
    proc_address = find_in(library, first_abi ? "cuGetProcAddress" : "cuGetProcAddress_v2");
    /* Its first ABI is what CUDA 11.3 to 11.8 know. */
    version = first_abi ? 11030 : 12000;
    for (size_t depth = option(argc, argv, "--depth", 1); depth > 1; depth--)
        proc_address = find_by_proc_address(NULL, "cuGetProcAddress");
    version = (int)option(argc, argv, "--version", CUDA_VERSION);
    int new_one = option_at(argc, argv, "--ask"), status;
    void *found;
    if (new_one + 1 < argc) {
        int code = ask(argv[new_one + 1], version, &found, &status);
        say("%s code=%d found=%d", argv[new_one + 1], code, found != NULL);
    }
    return fill_by(find_by_dlsym, find_by_proc_address,
                   flag(argc, argv, "--oldest")  ? OLDEST
                   : flag(argc, argv, "--async") ? STREAM
                                                 : TODAYS);
}

static int by_plugin(int argc, char **argv)
{
    bool linked = flag(argc, argv, "--linked");
    void *plugin = dlopen(argv[2], RTLD_NOW | (flag(argc, argv, "--deepbind") ? RTLD_DEEPBIND : 0));
    if (plugin == NULL) {
        say("%s", dlerror());
        return 1;
    }
    return ((int (*)(void))find_in(plugin, linked ? "plugin_fill_as_linked" : "plugin_fill_by_dlsym"))();
}

static int reopening(void)
{
    open_driver(0);
    if (fill_by(find_by_dlsym, find_by_dlsym, TODAYS) != 0 || dlclose(library) != 0)
        return 1;
    open_driver(0);
    return fill_by(find_by_dlsym, find_by_dlsym, TODAYS);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    if (strcmp(how, "dlsym") == 0 && open_driver(0) != NULL)
        return fill_by(find_by_dlsym, find_by_dlsym, TODAYS);
    if (strcmp(how, "global") == 0 && open_driver(RTLD_GLOBAL) != NULL)
        return fill_by(find_by_default, find_by_default, TODAYS);
    if (strcmp(how, "namespace") == 0 && (library = dlmopen(LM_ID_NEWLM, "libcuda.so.1", RTLD_NOW)) != NULL)
        return fill_by(find_by_dlsym, find_by_dlsym, TODAYS);
    if (strcmp(how, "reopen") == 0)
        return reopening();
    if (strcmp(how, "proc") == 0)
        return by_proc_address(argc, argv);
    if (strcmp(how, "plugin") == 0 && argc > 2)
        return by_plugin(argc, argv);
    fprintf(stderr, "reach dlsym|global|reopen|namespace|proc|plugin …: see the head of its source\n");
    return 2;
}
