/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that make no sense, and the driver's answer to each, "CALL=C": before cuInit, without a context, and with one.
 * Ends with "held=BYTES": what all of it left behind of device 0, by cuMemGetInfo. */
#define GUEST_OF_DRIVER
#include "guest.h"

#include <nvml.h>

#define ASK(call) say("%s %s=%d", when, #call, (int)(call))

/* Written by whatever succeeds. */
static CUdeviceptr pointer;
static CUmemGenericAllocationHandle handle;
static CUmemoryPool pool;
static CUarray array;
static CUmipmappedArray mipmapped;
static CUgraphNode node;
static CUgraphExec exec;
static size_t number;
static void *found;

static void ask_all(const char *when)
{
    CUmemAllocationProp nowhere = {0};
    CUDA_ARRAY_DESCRIPTOR empty = {0};
    CUDA_ARRAY3D_DESCRIPTOR empty_3d = {0};
    CUmemPoolProps no_pool = {0};
    CUDA_MEM_ALLOC_NODE_PARAMS no_node = {0};

    ASK(cuMemAlloc_v2(NULL, 1));
    ASK(cuMemAlloc_v2(&pointer, 0));
    ASK(cuMemAllocManaged(NULL, 1, CU_MEM_ATTACH_GLOBAL));
    ASK(cuMemAllocManaged(&pointer, 1, 0));
    ASK(cuMemAllocManaged(&pointer, 0, CU_MEM_ATTACH_GLOBAL));
    ASK(cuMemAllocPitch_v2(NULL, &number, 16, 16, 16));
    ASK(cuMemAllocPitch_v2(&pointer, NULL, 16, 16, 16));
    ASK(cuMemAllocPitch_v2(&pointer, &number, 0, 16, 16));
    ASK(cuMemFree_v2(0));
    ASK(cuMemFree_v2(1));
    ASK(cuMemAllocAsync(NULL, 1, NULL));
    ASK(cuMemAllocAsync(&pointer, 0, NULL));
    ASK(cuMemAllocFromPoolAsync(&pointer, 1, NULL, NULL));
    ASK(cuMemAllocFromPoolAsync(NULL, 1, NULL, NULL));
    ASK(cuMemFreeAsync(0, NULL));
    ASK(cuMemFreeAsync(1, NULL));
    ASK(cuMemPoolCreate(NULL, &no_pool));
    ASK(cuMemPoolCreate(&pool, NULL));
    ASK(cuMemPoolCreate(&pool, &no_pool));
    ASK(cuMemPoolDestroy(NULL));
    ASK(cuMemPoolTrimTo(NULL, 0));
    ASK(cuMemCreate(NULL, 2 * MIB, &nowhere, 0));
    ASK(cuMemCreate(&handle, 2 * MIB, NULL, 0));
    ASK(cuMemCreate(&handle, 2 * MIB, &nowhere, 0));
    ASK(cuMemRelease(0));
    ASK(cuMemMap(0, 0, 0, 0, 0));
    ASK(cuMemUnmap(0, 0));
    ASK(cuMemRetainAllocationHandle(NULL, NULL));
    ASK(cuMemRetainAllocationHandle(&handle, NULL));
    ASK(cuArrayCreate_v2(NULL, &empty));
    ASK(cuArrayCreate_v2(&array, NULL));
    ASK(cuArrayCreate_v2(&array, &empty));
    ASK(cuArray3DCreate_v2(NULL, &empty_3d));
    ASK(cuArray3DCreate_v2(&array, NULL));
    ASK(cuMipmappedArrayCreate(NULL, &empty_3d, 1));
    ASK(cuMipmappedArrayCreate(&mipmapped, NULL, 1));
    ASK(cuMipmappedArrayCreate(&mipmapped, &empty_3d, 0));
    ASK(cuArrayDestroy(NULL));
    ASK(cuMipmappedArrayDestroy(NULL));
    ASK(cuGraphAddMemAllocNode(NULL, NULL, NULL, 0, NULL));
    ASK(cuGraphAddMemAllocNode(&node, NULL, NULL, 0, &no_node));
    ASK(cuGraphInstantiateWithFlags(NULL, NULL, 0));
    ASK(cuGraphInstantiateWithFlags(&exec, NULL, 0));
    ASK(cuGraphLaunch(NULL, NULL));
    ASK(cuGraphExecDestroy(NULL));
    ASK(cuDeviceGraphMemTrim(99));
    ASK(cuMemImportFromShareableHandle(NULL, NULL, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR));
    ASK(cuMemPoolImportPointer(NULL, NULL, NULL));
    ASK(cuImportExternalMemory(NULL, NULL));
    ASK(cuDestroyExternalMemory(NULL));
    ASK(cuIpcCloseMemHandle(0));
    ASK(cuMemGetInfo_v2(NULL, NULL));
    ASK(cuMemGetInfo_v2(&number, NULL));
    ASK(cuMemGetInfo_v2(NULL, &number));
    ASK(cuDeviceTotalMem_v2(NULL, 0));
    ASK(cuDeviceTotalMem_v2(&number, 99));
    ASK(cuGetProcAddress_v2(NULL, &found, 13000, 0, NULL));
    ASK(cuGetProcAddress_v2("cuMemAlloc", NULL, 13000, 0, NULL));
    ASK(cuGetProcAddress_v2("cuMemAlloc", &found, 13000, 99, NULL));
    ASK(cuGetProcAddress_v2("cuNoSuchThing", &found, 13000, 0, NULL));
    ASK(nvmlDeviceGetMemoryInfo(NULL, NULL));
    ASK(nvmlDeviceGetMemoryInfo_v2(NULL, NULL));
    ASK(cuCtxDestroy_v2(NULL));
    ASK(cuDevicePrimaryCtxRelease_v2(99));
    ASK(cuDevicePrimaryCtxReset_v2(99));
}

int main(void)
{
    CUcontext context;
    size_t before = 0, after = 0, total;
    ask_all("uninitialized");
    cuInit(0);
    ask_all("contextless");
    cuDevicePrimaryCtxRetain(&context, 0);
    cuCtxSetCurrent(context);
    cuMemGetInfo_v2(&before, &total);
    ask_all("current");
    cuCtxSetCurrent(context);
    cuMemGetInfo_v2(&after, &total);
    say("held=%zu", before - after);
    return 0;
}
