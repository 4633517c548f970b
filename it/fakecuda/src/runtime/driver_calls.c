/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_calls.h"

#include <dlfcn.h>
#include <pthread.h>

static struct {
    pthread_once_t once;
    cudaError_t error;
    struct driver_calls calls, per_thread; /* per_thread for programs built with per-thread default streams */
} loaded = {.once = PTHREAD_ONCE_INIT};

static void load(void)
{
    __typeof(&cuGetProcAddress_v2) get_proc_address = NULL;
    void *library = dlopen("libcuda.so.1", RTLD_LAZY);
    if (library != NULL)
        *(void **)&get_proc_address = dlsym(library, "cuGetProcAddress_v2");
    if (get_proc_address == NULL) {
        loaded.error = cudaErrorInsufficientDriver;
        return;
    }
#define X(base, version, declaration)                                                                                  \
    if (get_proc_address(#base, (void **)&loaded.calls.base, version, CU_GET_PROC_ADDRESS_DEFAULT, NULL)               \
            != CUDA_SUCCESS                                                                                            \
        || get_proc_address(#base, (void **)&loaded.per_thread.base, version,                                          \
                            CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, NULL)                                       \
               != CUDA_SUCCESS                                                                                         \
        || loaded.calls.base == NULL) {                                                                                \
        loaded.error = cudaErrorInsufficientDriver;                                                                    \
        return;                                                                                                        \
    }
    DRIVER_CALLS(X)
#undef X
    loaded.error = (cudaError_t)loaded.calls.cuInit(0);
}

cudaError_t driver_calls(const struct driver_calls **calls)
{
    pthread_once(&loaded.once, load);
    *calls = &loaded.calls;
    return loaded.error;
}

const struct driver_calls *driver_calls_per_thread(void)
{
    return &loaded.per_thread;
}
