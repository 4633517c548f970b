/* SPDX-License-Identifier: Apache-2.0 */
/* Page-locked host memory: not the card's, so neither counted nor limited. */
#include <pthread.h>
#include <stdlib.h>

#include "driver.h"

struct pinned {
    void *memory;
    struct pinned *next;
};

static struct {
    pthread_mutex_t lock;
    struct pinned *all;
} host = {.lock = PTHREAD_MUTEX_INITIALIZER};

static CUresult allocate(void **pointer, size_t bytes, unsigned api)
{
    CUcontext context;
    CUresult result = context_current(&context, api);
    if (result != CUDA_SUCCESS)
        return result;
    if (pointer == NULL || bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    struct pinned *entry = malloc(sizeof *entry);
    if (entry == NULL || posix_memalign(&entry->memory, 4096, bytes) != 0) {
        free(entry);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *pointer = entry->memory;
    pthread_mutex_lock(&host.lock);
    entry->next = host.all;
    host.all = entry;
    pthread_mutex_unlock(&host.lock);
    return CUDA_SUCCESS;
}

API CUresult cuMemAllocHost_v2(void **pointer, size_t bytes)
{
    return allocate(pointer, bytes, NEW_ABI);
}

API CUresult cuMemAllocHost(void **pointer, unsigned int bytes)
{
    return allocate(pointer, bytes, OLD_ABI);
}

API CUresult cuMemHostAlloc(void **pointer, size_t bytes, unsigned int flags)
{
    /* Portable, device-mapped and write-combined make no difference here. */
    return (flags & ~7u) != 0 ? CUDA_ERROR_INVALID_VALUE : allocate(pointer, bytes, NEW_ABI);
}

API CUresult cuMemFreeHost(void *pointer)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    pthread_mutex_lock(&host.lock);
    struct pinned **link = &host.all;
    while (*link != NULL && (*link)->memory != pointer)
        link = &(*link)->next;
    struct pinned *entry = *link;
    if (entry != NULL)
        *link = entry->next;
    pthread_mutex_unlock(&host.lock);
    if (entry == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    free(entry->memory);
    free(entry);
    return CUDA_SUCCESS;
}

/* --- memory of the program's own -------------------------------------------------------------------------------- */

/* Registering page-locks; here it only checks. Unregistering takes what was registered, once. */
static struct pinned *registered;

API CUresult cuMemHostRegister_v2(void *pointer, size_t bytes, unsigned int flags)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    struct pinned *entry = pointer != NULL && bytes != 0 && flags <= 15 ? malloc(sizeof *entry) : NULL;
    if (entry == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    entry->memory = pointer;
    pthread_mutex_lock(&host.lock);
    entry->next = registered;
    registered = entry;
    pthread_mutex_unlock(&host.lock);
    return CUDA_SUCCESS;
}
ALIAS(cuMemHostRegister, cuMemHostRegister_v2);

API CUresult cuMemHostUnregister(void *pointer)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    pthread_mutex_lock(&host.lock);
    struct pinned **link = &registered;
    while (*link != NULL && (*link)->memory != pointer)
        link = &(*link)->next;
    struct pinned *entry = *link;
    if (entry != NULL)
        *link = entry->next;
    pthread_mutex_unlock(&host.lock);
    free(entry);
    return entry != NULL ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* One address space: the device uses the host's pointer (CUDA driver API, unified addressing). */
API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *pointer, void *host_pointer, unsigned int flags)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (pointer == NULL || host_pointer == NULL || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    *pointer = (CUdeviceptr)(uintptr_t)host_pointer;
    return CUDA_SUCCESS;
}
