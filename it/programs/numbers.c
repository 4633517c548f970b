/* SPDX-License-Identifier: Apache-2.0 */
/* What it is told of device 0, by every way to ask: numbers [--blocks 10] [--async 0] [--graph 0]. Holds that many blocks of
 * 1 MiB, and pools and graphs with so many of 2 MiB; then says, line by line, "NAME by=WAY free=F total=T" (or total=T alone),
 * "NAME by=WAY total=T free=F used=U" for NVML, "pool reserved=R used=U", "graph reserved=R used=U", and "ready". Ends when stdin
 * does. */
#define GUEST_OF_DRIVER
#include "guest.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <nvml.h>

static CUdevice device;

static int check(const char *what, int code)
{
    if (code != 0) {
        say("%s failed=%d", what, code);
        exit(1);
    }
    return code;
}

static void *need(const char *name, void *found)
{
    if (found == NULL) {
        say("%s not found", name);
        exit(1);
    }
    return found;
}

static void *by_dlsym(const char *library, const char *name)
{
    return need(name, dlsym(need(library, dlopen(library, RTLD_NOW)), name));
}

static void *by_proc_address(const char *base, int version)
{
    void *found = NULL;
    check(base, cuGetProcAddress_v2(base, &found, version, 0, NULL));
    return need(base, found);
}

typedef CUresult info_fn(size_t *free_bytes, size_t *total_bytes);
typedef CUresult total_fn(size_t *bytes, CUdevice device);
typedef CUresult old_info_fn(unsigned *free_bytes, unsigned *total_bytes);
typedef CUresult old_total_fn(unsigned *bytes, CUdevice device);

static void info(const char *name, const char *way, info_fn *ask)
{
    size_t available = 0, total = 0;
    check(name, ask(&available, &total));
    say("%s by=%s free=%zu total=%zu", name, way, available, total);
}

static void total(const char *name, const char *way, total_fn *ask)
{
    size_t bytes = 0;
    check(name, ask(&bytes, device));
    say("%s by=%s total=%zu", name, way, bytes);
}

static void old_info(const char *way, old_info_fn *ask)
{
    unsigned available = 0, bytes = 0;
    check("the old cuMemGetInfo", ask(&available, &bytes));
    say("cuMemGetInfo by=%s free=%u total=%u", way, available, bytes);
}

static void old_total(const char *way, old_total_fn *ask)
{
    unsigned bytes = 0;
    check("the old cuDeviceTotalMem", ask(&bytes, device));
    say("cuDeviceTotalMem by=%s total=%u", way, bytes);
}

/* The oldest calls work in contexts that the oldest cuCtxCreate made. */
static void ask_as_of_old(void)
{
    CUresult (*create)(CUcontext *, unsigned, CUdevice) =
        (CUresult(*)(CUcontext *, unsigned, CUdevice))by_dlsym("libcuda.so.1", "cuCtxCreate");
    CUcontext context;
    check("the old cuCtxCreate", create(&context, 0, device));
    old_info("dlsym", (old_info_fn *)by_dlsym("libcuda.so.1", "cuMemGetInfo"));
    old_info("proc", (old_info_fn *)by_proc_address("cuMemGetInfo", 2000));
    old_total("dlsym", (old_total_fn *)by_dlsym("libcuda.so.1", "cuDeviceTotalMem"));
    old_total("proc", (old_total_fn *)by_proc_address("cuDeviceTotalMem", 2000));
    check("cuCtxDestroy", cuCtxDestroy(context));
    check("opening", gpu_open());
}

static nvmlDevice_t nvml_device(void)
{
    CUuuid uuid;
    nvmlDevice_t found;
    char text[64] = "GPU";
    check("cuDeviceGetUuid", cuDeviceGetUuid(&uuid, device));
    for (size_t i = 0; i < sizeof uuid.bytes; i++)
        snprintf(text + strlen(text), 4, "%s%02x", i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                 (unsigned char)uuid.bytes[i]);
    check("nvmlInit", nvmlInit_v2());
    check("nvmlDeviceGetHandleByUUID", nvmlDeviceGetHandleByUUID(text, &found));
    return found;
}

static void nvml(const char *way, nvmlReturn_t (*first)(nvmlDevice_t, nvmlMemory_t *),
                 nvmlReturn_t (*second)(nvmlDevice_t, nvmlMemory_v2_t *))
{
    nvmlDevice_t of = nvml_device();
    nvmlMemory_t memory;
    nvmlMemory_v2_t memory_v2 = {.version = nvmlMemory_v2};
    check("nvmlDeviceGetMemoryInfo", first(of, &memory));
    say("nvmlDeviceGetMemoryInfo by=%s total=%llu free=%llu used=%llu", way, memory.total, memory.free, memory.used);
    check("nvmlDeviceGetMemoryInfo_v2", second(of, &memory_v2));
    say("nvmlDeviceGetMemoryInfo_v2 by=%s total=%llu free=%llu used=%llu", way, memory_v2.total, memory_v2.free,
        memory_v2.used);
}

static cudaError_t runtime_info(size_t *free_bytes, size_t *total_bytes)
{
    return cudaMemGetInfo(free_bytes, total_bytes);
}

static void attributes(void)
{
    CUmemoryPool pool;
    cuuint64_t reserved = 0, used = 0;
    check("cuDeviceGetDefaultMemPool", cuDeviceGetDefaultMemPool(&pool, device));
    check("RESERVED", cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &reserved));
    check("USED", cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
    say("pool reserved=%llu used=%llu", (unsigned long long)reserved, (unsigned long long)used);
    check("RESERVED", cuDeviceGetGraphMemAttribute(device, CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT, &reserved));
    check("USED", cuDeviceGetGraphMemAttribute(device, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, &used));
    say("graph reserved=%llu used=%llu", (unsigned long long)reserved, (unsigned long long)used);
}

static void hold(size_t blocks, size_t asyncs, size_t graphs)
{
    CUdeviceptr pointer;
    for (; blocks > 0; blocks--)
        check("cuMemAlloc", cuMemAlloc(&pointer, MIB));
    for (; asyncs > 0; asyncs--)
        check("cuMemAllocAsync", cuMemAllocAsync(&pointer, 2 * MIB, NULL));
    for (; graphs > 0; graphs--) {
        CUDA_MEM_ALLOC_NODE_PARAMS params = {.poolProps = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                                                           .location = {CU_MEM_LOCATION_TYPE_DEVICE, device}},
                                             .bytesize = 2 * MIB};
        CUgraph graph;
        CUgraphNode node;
        CUgraphExec exec;
        check("cuGraphCreate", cuGraphCreate(&graph, 0));
        check("cuGraphAddMemAllocNode", cuGraphAddMemAllocNode(&node, graph, NULL, 0, &params));
        check("cuGraphInstantiate", cuGraphInstantiateWithFlags(&exec, graph, 0));
        check("cuGraphLaunch", cuGraphLaunch(exec, NULL));
    }
}

int main(int argc, char **argv)
{
    const char *driver = "libcuda.so.1", *management = "libnvidia-ml.so.1";
    check("opening", gpu_open());
    check("cuDeviceGet", cuDeviceGet(&device, 0));
    hold(option(argc, argv, "--blocks", 10), option(argc, argv, "--async", 0), option(argc, argv, "--graph", 0));

    info("cuMemGetInfo_v2", "export", cuMemGetInfo_v2);
    info("cuMemGetInfo_v2", "dlsym", (info_fn *)by_dlsym(driver, "cuMemGetInfo_v2"));
    info("cuMemGetInfo_v2", "proc", (info_fn *)by_proc_address("cuMemGetInfo", 13000));
    info("cudaMemGetInfo", "export", (info_fn *)runtime_info);
    info("cudaMemGetInfo", "dlsym", (info_fn *)by_dlsym("libcudart.so.13", "cudaMemGetInfo"));
    total("cuDeviceTotalMem_v2", "export", cuDeviceTotalMem_v2);
    total("cuDeviceTotalMem_v2", "dlsym", (total_fn *)by_dlsym(driver, "cuDeviceTotalMem_v2"));
    total("cuDeviceTotalMem_v2", "proc", (total_fn *)by_proc_address("cuDeviceTotalMem", 13000));
    ask_as_of_old();
    nvml("export", nvmlDeviceGetMemoryInfo, nvmlDeviceGetMemoryInfo_v2);
    nvml("dlsym",
         (nvmlReturn_t(*)(nvmlDevice_t, nvmlMemory_t *))by_dlsym(management, "nvmlDeviceGetMemoryInfo"),
         (nvmlReturn_t(*)(nvmlDevice_t, nvmlMemory_v2_t *))by_dlsym(management, "nvmlDeviceGetMemoryInfo_v2"));
    attributes();
    say("ready");
    until_told_to_end();
    return 0;
}
