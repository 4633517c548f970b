/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts and each thread's stack of them (CUDA driver API, context and primary context management). */
#include <pthread.h>
#include <stdlib.h>

#include "array.h"
#include "memory.h"
#include "pool.h"
#include "stream.h"

#define STACK 32 /* contexts a thread may push */

static struct {
    pthread_mutex_t lock; /* held for changes, not for the use of a context */
    struct CUctx_st *all;
    struct CUctx_st *primary[FAKECUDA_DEVICES];
} contexts = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct {
    CUcontext context[STACK];
    int depth;
} stack;

static CUcontext top(void)
{
    return stack.depth > 0 ? stack.context[stack.depth - 1] : NULL;
}

static bool usable(CUcontext context)
{
    return __atomic_load_n(&context->alive, __ATOMIC_ACQUIRE);
}

CUresult context_current(CUcontext *context, unsigned api)
{
    *context = top();
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (*context == NULL || (*context)->api != api)
        return CUDA_ERROR_INVALID_CONTEXT;
    return usable(*context) ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

/* The caller holds the lock. */
static bool known(CUcontext context)
{
    for (struct CUctx_st *each = contexts.all; each != NULL; each = each->next)
        if (each == context)
            return true;
    return false;
}

static bool known_and_alive(CUcontext context)
{
    pthread_mutex_lock(&contexts.lock);
    bool good = known(context) && context->alive;
    pthread_mutex_unlock(&contexts.lock);
    return good;
}

/* The caller holds the lock. */
static CUcontext new_context(CUdevice ordinal, unsigned flags, unsigned api)
{
    struct CUctx_st *context = calloc(1, sizeof *context);
    if (context == NULL)
        return NULL;
    *context = (struct CUctx_st){
        .flags = flags, .api = api, .ordinal = ordinal, .device = driver.device[ordinal], .next = contexts.all};
    contexts.all = context;
    return context;
}

/* False if the device has no room for what a context itself takes. */
static bool bring_up(CUcontext context)
{
    if (driver.context_overhead != 0
        && !card_grow(&driver.card, context->device, driver.context_overhead, FAKECUDA_KIND_context))
        return false;
    card_count_context(&driver.card, context->device, +1);
    __atomic_store_n(&context->alive, true, __ATOMIC_RELEASE);
    return true;
}

/* "Destroys and cleans up all resources associated with the context ... memory allocations by cuMemAlloc(),
 * cuMemAllocHost(), cuMemAllocManaged() and cuMemAllocPitch()", arrays among them, but not "memory allocations by
 * cuMemCreate(), cuMemAllocAsync() and cuMemAllocFromPoolAsync()" (cuCtxDestroy). Frees that wait for a stream of it
 * are done first. */
static void free_all(CUcontext context)
{
    pools_complete(NULL, UINT64_MAX);
    memory_free_all(context);
    arrays_free_all(context);
}

static void tear_down(CUcontext context)
{
    __atomic_store_n(&context->alive, false, __ATOMIC_RELEASE);
    free_all(context);
    card_count_context(&driver.card, context->device, -1);
    if (driver.context_overhead != 0)
        card_shrink(&driver.card, context->device, driver.context_overhead, FAKECUDA_KIND_context);
}

bool context_known(CUcontext context)
{
    return known_and_alive(context);
}

CUresult context_check_device(CUdevice device)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    return device < 0 || device >= driver.device_count ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

/* --- primary contexts ------------------------------------------------------------------------------------------- */

API CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    if (context == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pthread_mutex_lock(&contexts.lock);
    CUcontext primary = contexts.primary[device];
    if (primary == NULL)
        primary = contexts.primary[device] = new_context(device, 0, NEW_ABI);
    bool good = primary != NULL;
    if (good && primary->references == 0) {
        primary->primary = true;
        good = bring_up(primary);
    }
    if (good)
        primary->references++;
    pthread_mutex_unlock(&contexts.lock);
    if (good)
        *context = primary;
    return good ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    pthread_mutex_lock(&contexts.lock);
    CUcontext primary = contexts.primary[device];
    if (primary == NULL || primary->references == 0)
        result = CUDA_ERROR_INVALID_CONTEXT; /* "if the primary context is not active" */
    else if (--primary->references == 0)
        tear_down(primary);
    pthread_mutex_unlock(&contexts.lock);
    return result;
}
ALIAS(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2);

/* "Resetting the primary context does not release it": what it holds goes, who retained it keeps it. */
API CUresult cuDevicePrimaryCtxReset_v2(CUdevice device)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    pthread_mutex_lock(&contexts.lock);
    if (contexts.primary[device] != NULL)
        free_all(contexts.primary[device]);
    pthread_mutex_unlock(&contexts.lock);
    return CUDA_SUCCESS;
}
ALIAS(cuDevicePrimaryCtxReset, cuDevicePrimaryCtxReset_v2);

API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned int flags)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    pthread_mutex_lock(&contexts.lock);
    CUcontext primary = contexts.primary[device];
    if (primary == NULL)
        primary = contexts.primary[device] = new_context(device, flags, NEW_ABI);
    if (primary != NULL)
        primary->flags = flags;
    pthread_mutex_unlock(&contexts.lock);
    return primary != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}
ALIAS(cuDevicePrimaryCtxSetFlags, cuDevicePrimaryCtxSetFlags_v2);

API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int *flags, int *active)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    if (flags == NULL || active == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pthread_mutex_lock(&contexts.lock);
    CUcontext primary = contexts.primary[device];
    *flags = primary != NULL ? primary->flags : 0;
    *active = primary != NULL && primary->alive;
    pthread_mutex_unlock(&contexts.lock);
    return CUDA_SUCCESS;
}

/* --- the calling thread's stack --------------------------------------------------------------------------------- */

static CUresult push(CUcontext context)
{
    if (stack.depth == STACK)
        return CUDA_ERROR_OUT_OF_MEMORY;
    stack.context[stack.depth++] = context;
    return CUDA_SUCCESS;
}

API CUresult cuCtxPushCurrent_v2(CUcontext context)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    return known_and_alive(context) ? push(context) : CUDA_ERROR_INVALID_CONTEXT;
}
ALIAS(cuCtxPushCurrent, cuCtxPushCurrent_v2);

API CUresult cuCtxPopCurrent_v2(CUcontext *context)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (stack.depth == 0)
        return CUDA_ERROR_INVALID_CONTEXT;
    stack.depth--;
    if (context != NULL)
        *context = stack.context[stack.depth];
    return CUDA_SUCCESS;
}
ALIAS(cuCtxPopCurrent, cuCtxPopCurrent_v2);

/* "If ctx is NULL then the CUDA context previously at the top of the stack is popped; else it is replaced." */
API CUresult cuCtxSetCurrent(CUcontext context)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (context != NULL && !known_and_alive(context))
        return CUDA_ERROR_INVALID_CONTEXT;
    if (stack.depth > 0)
        stack.depth--;
    return context != NULL ? push(context) : CUDA_SUCCESS;
}

API CUresult cuCtxGetCurrent(CUcontext *context)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (context == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *context = top();
    return CUDA_SUCCESS;
}

API CUresult cuCtxGetDevice(CUdevice *device)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (device == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUcontext context = top();
    if (context == NULL)
        return CUDA_ERROR_INVALID_CONTEXT;
    *device = context->ordinal;
    return CUDA_SUCCESS;
}

API CUresult cuCtxGetDevice_v2(CUdevice *device, CUcontext context)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (device == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (!known_and_alive(context))
        return CUDA_ERROR_INVALID_CONTEXT;
    *device = context->ordinal;
    return CUDA_SUCCESS;
}

API CUresult cuCtxGetApiVersion(CUcontext context, unsigned int *version)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (version == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (context == NULL)
        context = top();
    if (context == NULL || !known_and_alive(context))
        return CUDA_ERROR_INVALID_CONTEXT;
    *version = context->api;
    return CUDA_SUCCESS;
}

static CUresult synchronize(CUcontext context)
{
    if (!usable(context))
        return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    if (!capture_allows_unsafe_call())
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    pools_synchronized(NULL, UINT64_MAX);
    return CUDA_SUCCESS;
}

API CUresult cuCtxSynchronize(void)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    return top() == NULL ? CUDA_ERROR_INVALID_CONTEXT : synchronize(top());
}

API CUresult cuCtxSynchronize_v2(CUcontext context)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    return known_and_alive(context) ? synchronize(context) : CUDA_ERROR_INVALID_CONTEXT;
}

/* --- contexts of the program's own ------------------------------------------------------------------------------ */

static CUresult create(CUcontext *context, unsigned flags, CUdevice device, unsigned api)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    if (context == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pthread_mutex_lock(&contexts.lock);
    CUcontext new = new_context(device, flags, api);
    bool good = new != NULL && bring_up(new); /* one that never came up stays in the list, dead */
    pthread_mutex_unlock(&contexts.lock);
    if (!good)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *context = new;
    return push(new);
}

API CUresult cuCtxCreate(CUcontext *context, unsigned int flags, CUdevice device)
{
    return create(context, flags, device, OLD_ABI);
}

API CUresult cuCtxCreate_v2(CUcontext *context, unsigned int flags, CUdevice device)
{
    return create(context, flags, device, NEW_ABI);
}

/* Execution affinity is an MPS matter; this device has none. */
API CUresult cuCtxCreate_v3(CUcontext *context, void *affinity, int count, unsigned int flags, CUdevice device)
{
    return affinity != NULL || count != 0 ? CUDA_ERROR_NOT_SUPPORTED : create(context, flags, device, NEW_ABI);
}

/* "Context creation in CIG mode will fail with CUDA_ERROR_NOT_SUPPORTED if CIG is not supported by the device" */
API CUresult cuCtxCreate_v4(CUcontext *context, CUctxCreateParams *parameters, unsigned int flags, CUdevice device)
{
    bool special = parameters != NULL && (parameters->numExecAffinityParams != 0 || parameters->cigParams != NULL);
    return driver_ready() && special ? CUDA_ERROR_NOT_SUPPORTED : create(context, flags, device, NEW_ABI);
}

/* "increments the usage count of the context and passes back a context handle in *pctx"; of the current context. */
API CUresult cuCtxAttach(CUcontext *context, unsigned int flags)
{
    CUcontext current = top();
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (context == NULL || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (current == NULL || !known_and_alive(current))
        return CUDA_ERROR_INVALID_CONTEXT;
    __atomic_add_fetch(&current->attached, 1, __ATOMIC_RELAXED);
    *context = current;
    return CUDA_SUCCESS;
}

API CUresult cuCtxDestroy_v2(CUcontext context)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    pthread_mutex_lock(&contexts.lock);
    bool good = known(context) && context->alive && !context->primary;
    if (good)
        tear_down(context);
    pthread_mutex_unlock(&contexts.lock);
    if (!good)
        return CUDA_ERROR_INVALID_CONTEXT;
    /* "If ctx is current to the calling thread then ctx will also be popped"; to other threads it stays current and
     * answers CUDA_ERROR_CONTEXT_IS_DESTROYED. */
    if (top() == context)
        stack.depth--;
    return CUDA_SUCCESS;
}
ALIAS(cuCtxDestroy, cuCtxDestroy_v2);

/* "Decrements the usage count of the context ctx, and destroys the context if the usage count goes to 0." */
API CUresult cuCtxDetach(CUcontext context)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (context == NULL || context != top() || !known_and_alive(context))
        return CUDA_ERROR_INVALID_CONTEXT;
    if (__atomic_load_n(&context->attached, __ATOMIC_RELAXED) == 0)
        return cuCtxDestroy_v2(context);
    __atomic_sub_fetch(&context->attached, 1, __ATOMIC_RELAXED);
    return CUDA_SUCCESS;
}
