/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The hooks of the runtime API. The CUDA runtime finds the driver's functions through dlsym and cuGetProcAddress, so
 * its calls come by our driver hooks, and those count: then the runtime itself sees the refusal and keeps it for
 * cudaGetLastError. Only a runtime that does not come by (it got hold of the driver in a way we do not see) is counted
 * here; its cudaGetLastError then knows nothing of a refusal. Which it is, is found out once, by asking the runtime how
 * much memory is free and watching whether the question comes by.
 */
#include "charged.h"
#include "export.h"
#include "process.h"
#include "resolve.h"

#define RUNTIME_REAL(name) ((name##_fn *)resolve_runtime(#name, (const void *)name, __builtin_return_address(0)))

static bool runtime_comes_by(const void *real)
{
    static _Atomic int answer; /* 0: not known yet */
    enum { COMES_BY = 1, DOES_NOT = 2 };
    int known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (known != 0)
        return known == COMES_BY;
    cudaMemGetInfo_fn *ask = (cudaMemGetInfo_fn *)resolve_beside(real, "cudaMemGetInfo");
    size_t free_bytes, total_bytes;
    guard.probing = true;
    guard.reached = false;
    gs_result result = ask == NULL ? GS_SUCCESS : ask(&free_bytes, &total_bytes);
    guard.probing = false;
    if (guard.reached)
        known = COMES_BY;
    else if (result == GS_SUCCESS)
        known = DOES_NOT;
    /* Otherwise the runtime could not start: its allocation will fail as well, and the next call asks again. */
    atomic_store_explicit(&answer, known, memory_order_relaxed);
    return guard.reached;
}

/* Whether this hook counts. If so, leave it with guard_leave(). */
static bool enter(const void *real)
{
    return guard.depth == 0 && config_get() != NULL && !runtime_comes_by(real) && guard_enter();
}

static gs_result undo(uint64_t handle, const void *real_malloc)
{
    cudaFree_fn *real = (cudaFree_fn *)resolve_beside(real_malloc, "cudaFree");
    return real == NULL ? GS_NOT_INITIALIZED : real((void *)(uintptr_t)handle);
}

/* The runtime's current device; −1, which is no device, where it does not say. */
static int current_device(const void *real)
{
    int device = -1;
    cudaGetDevice_fn *get = (cudaGetDevice_fn *)resolve_beside(real, "cudaGetDevice");
    return get != NULL && get(&device) == GS_SUCCESS ? device : -1;
}

gs_result cudaMalloc(void **address, size_t bytes)
{
    cudaMalloc_fn *real = RUNTIME_REAL(cudaMalloc);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || bytes == 0 || !enter((const void *)real))
        return real(address, bytes);
    int device = current_device((const void *)real);
    struct charged charged = {
        .kind = GPUSLICE_KIND_LINEAR, .ordinal = &device, .undo = undo, .undo_context = (const void *)real};
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin(&charged, bytes)) {
        void *handle = NULL;
        result = real(&handle, bytes);
        result = charged_end(&charged, result, (uintptr_t)handle);
        if (result == GS_SUCCESS)
            *address = handle;
    }
    guard_leave();
    return result;
}

gs_result cudaMallocManaged(void **address, size_t bytes, unsigned int flags)
{
    cudaMallocManaged_fn *real = RUNTIME_REAL(cudaMallocManaged);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || bytes == 0 || !enter((const void *)real))
        return real(address, bytes, flags);
    int device = current_device((const void *)real);
    struct charged charged = {
        .kind = GPUSLICE_KIND_MANAGED, .ordinal = &device, .undo = undo, .undo_context = (const void *)real};
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin(&charged, bytes)) {
        void *handle = NULL;
        result = real(&handle, bytes, flags);
        result = charged_end(&charged, result, (uintptr_t)handle);
        if (result == GS_SUCCESS)
            *address = handle;
    }
    guard_leave();
    return result;
}

gs_result cudaMallocPitch(void **address, size_t *pitch, size_t width, size_t height)
{
    cudaMallocPitch_fn *real = RUNTIME_REAL(cudaMallocPitch);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (address == NULL || pitch == NULL || width == 0 || height == 0 || !enter((const void *)real))
        return real(address, pitch, width, height);
    int device = current_device((const void *)real);
    struct charged charged = {
        .kind = GPUSLICE_KIND_PITCHED, .ordinal = &device, .undo = undo, .undo_context = (const void *)real};
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin_pitched(&charged, width, height)) {
        void *handle = NULL;
        size_t given = 0;
        result = real(&handle, &given, width, height);
        result = charged_end_pitched(&charged, result, (uintptr_t)handle, given, height);
        if (result == GS_SUCCESS) {
            *address = handle;
            *pitch = given;
        }
    }
    guard_leave();
    return result;
}

gs_result cudaFree(void *address)
{
    cudaFree_fn *real = RUNTIME_REAL(cudaFree);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    /* cudaFree(NULL) is how programs start the runtime. */
    if (address == NULL || !enter((const void *)real))
        return real(address);
    struct freeing freeing;
    charged_free_begin((uintptr_t)address, &freeing);
    gs_result result = real(address);
    charged_free_end(&freeing, result);
    guard_leave();
    return result;
}
