/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of other processes: legacy IPC, pools and external memory, on a card of 64 MiB; and the card's device node. */
#include "child.h"

#include <dirent.h>
#include <string.h>

static union {
    CUipcMemHandle ipc;
    struct {
        CUmemFabricHandle pool;
        CUmemPoolPtrExportData pointer;
    };
    CUmemFabricHandle fabric;
} *note; /* shared by parent and children: what one has to say to another */

static void ipc_exporter(void)
{
    CUdeviceptr p, async;
    CUipcMemHandle again;
    open_gpu();
    CHECK_EQ(cuMemAlloc(&p, 8 * MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyHtoD(p, "hello", 6), CUDA_SUCCESS);
    CHECK_EQ(cuIpcGetMemHandle(&note->ipc, p + 1), CUDA_ERROR_INVALID_VALUE); /* "the base" */
    CHECK_EQ(cuIpcGetMemHandle(&note->ipc, p), CUDA_SUCCESS);
    CHECK_EQ(cuIpcGetMemHandle(&again, p), CUDA_SUCCESS);
    CHECK_EQ(memcmp(&again, &note->ipc, sizeof again), 0);
    CHECK_EQ(cuMemAllocAsync(&async, MIB, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuIpcGetMemHandle(&note->ipc, async), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemFree(async), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
    report(0);
    await_parent();
    CHECK_EQ(cuMemFree(p), CUDA_SUCCESS);
    report(0);
    await_parent();
}

static void ipc_importer(void)
{
    CUdeviceptr p, again;
    char text[6] = "";
    open_gpu();
    CHECK_EQ(cuIpcOpenMemHandle(&p, note->ipc, 0), CUDA_ERROR_INVALID_VALUE); /* the flag is a must */
    CHECK_EQ(cuIpcOpenMemHandle(&p, note->ipc, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS), CUDA_SUCCESS);
    CHECK_EQ(cuIpcOpenMemHandle(&again, note->ipc, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS), CUDA_SUCCESS);
    CHECK(again == p);
    CHECK_EQ(cuMemcpyDtoH(text, p, 6), CUDA_SUCCESS);
    CHECK_EQ(strcmp(text, "hello"), 0);
    CHECK_EQ(cuMemFree(p), CUDA_ERROR_INVALID_VALUE); /* cuIpcCloseMemHandle is for that */
    report(0);
    await_parent();
    CHECK_EQ(cuIpcCloseMemHandle(p), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyDtoH(text, p, 6), CUDA_SUCCESS);
    CHECK_EQ(cuIpcCloseMemHandle(p), CUDA_SUCCESS);
    CHECK_EQ(cuIpcCloseMemHandle(p), CUDA_ERROR_INVALID_VALUE);
    report(0);
    await_parent();
}

static void anIpcMappingKeepsMemoryThatItsExporterFreed(void)
{
    struct child from = start(ipc_exporter), to;
    hear(&from);
    to = start(ipc_importer);
    hear(&to);
    CHECK_EQ(used(0), 8 * MIB);
    tell(&from);
    hear(&from);
    CHECK_EQ(used(0), 8 * MIB);
    end(&from, 0);
    CHECK_EQ(used(0), 8 * MIB);
    tell(&to);
    hear(&to);
    CHECK_EQ(used(0), 0);
    CHECK_EQ(end(&to, 0), 0);
}

static void anIpcHandleAloneKeepsNothing(void)
{
    struct child from = start(ipc_exporter);
    hear(&from);
    end(&from, SIGKILL);
    CHECK_EQ(used(0), 0);
}

static void importer_whose_context_ends(void)
{
    CUdeviceptr p, other, again;
    open_gpu();
    CHECK_EQ(cuIpcOpenMemHandle(&p, note->ipc, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS), CUDA_SUCCESS);
    CHECK_EQ(cuDevicePrimaryCtxReset(0), CUDA_SUCCESS);
    CHECK_EQ(cuMemAlloc(&other, 8 * MIB), CUDA_SUCCESS);
    CHECK(other == p);
    CHECK_EQ(cuIpcOpenMemHandle(&again, note->ipc, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS), CUDA_SUCCESS);
    CHECK(again != other);
    CHECK_EQ(cuIpcCloseMemHandle(again), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(other), CUDA_SUCCESS);
    report(0);
}

static void whatAContextHadOpenedIsOpenedAfreshInTheNext(void)
{
    struct child from = start(ipc_exporter), to;
    hear(&from);
    to = start(importer_whose_context_ends);
    CHECK_EQ(hear(&to), 0);
    CHECK_EQ(end(&to, 0), 0);
    end(&from, SIGKILL);
}

static void pool_exporter(void)
{
    CUmemoryPool pool;
    CUdeviceptr p;
    CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                            .handleTypes = CU_MEM_HANDLE_TYPE_FABRIC,
                            .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
    open_gpu();
    CHECK_EQ(cuMemPoolCreate(&pool, &props), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocFromPoolAsync(&p, MIB, pool, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyHtoD(p, "hello", 6), CUDA_SUCCESS);
    CHECK_EQ(cuMemPoolExportPointer(&note->pointer, p), CUDA_ERROR_INVALID_VALUE); /* the pool first */
    CHECK_EQ(cuMemPoolExportToShareableHandle(&note->pool, pool, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0),
             CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemPoolExportToShareableHandle(&note->pool, pool, CU_MEM_HANDLE_TYPE_FABRIC, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemPoolExportPointer(&note->pointer, p), CUDA_SUCCESS);
    report(0);
    await_parent();
    CHECK_EQ(cuMemFreeAsync(p, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuMemPoolDestroy(pool), CUDA_SUCCESS);
    report(0);
    await_parent();
}

static void pool_importer(void)
{
    CUmemoryPool pool;
    CUdeviceptr p, q;
    char text[6] = "";
    open_gpu();
    CHECK_EQ(cuMemPoolImportFromShareableHandle(&pool, &note->pool, CU_MEM_HANDLE_TYPE_FABRIC, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocFromPoolAsync(&q, MIB, pool, NULL), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuDeviceSetMemPool(0, pool), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemPoolImportPointer(&p, pool, &note->pointer), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyDtoH(text, p, 6), CUDA_SUCCESS);
    CHECK_EQ(strcmp(text, "hello"), 0);
    report(0);
    await_parent();
    CHECK_EQ(cuMemFreeAsync(p, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuMemPoolDestroy(pool), CUDA_SUCCESS);
    report(0);
    await_parent();
}

static void anImportedPoolPointerKeepsItsChunk(void)
{
    struct child from = start(pool_exporter), to;
    hear(&from);
    to = start(pool_importer);
    hear(&to);
    CHECK_EQ(used(0), 2 * MIB);
    tell(&from);
    hear(&from);
    CHECK_EQ(used(0), 2 * MIB);
    tell(&to);
    hear(&to);
    CHECK_EQ(used(0), 0);
    CHECK_EQ(end(&from, 0), 0);
    CHECK_EQ(end(&to, 0), 0);
}

static void external_child(void)
{
    static const CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                             .requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
                                             .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
    CUmemGenericAllocationHandle handle;
    CUexternalMemory memory;
    CUdeviceptr p;
    CUmipmappedArray array;
    int fd;
    open_gpu();
    CHECK_EQ(cuMemCreate(&handle, 4 * MIB, &prop, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemExportToShareableHandle(&fd, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0), CUDA_SUCCESS);
    CUDA_EXTERNAL_MEMORY_HANDLE_DESC desc = {
        .type = CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD, .handle.fd = fd, .size = 4 * MIB};
    CHECK_EQ(cuImportExternalMemory(&memory, &desc), CUDA_SUCCESS);
    CHECK_EQ(cuMemRelease(handle), CUDA_SUCCESS);
    CHECK_EQ(used(0), 4 * MIB);
    CUDA_EXTERNAL_MEMORY_BUFFER_DESC buffer = {.size = 4 * MIB};
    CHECK_EQ(cuExternalMemoryGetMappedBuffer(&p, memory, &buffer), CUDA_SUCCESS);
    CUDA_EXTERNAL_MEMORY_MIPMAPPED_ARRAY_DESC levels = {.arrayDesc = {512, 512, 0, CU_AD_FORMAT_FLOAT, 1, 0},
                                                        .numLevels = 2};
    CHECK_EQ(cuExternalMemoryGetMappedMipmappedArray(&array, memory, &levels), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyHtoD(p, "hello", 6), CUDA_SUCCESS);
    CHECK_EQ(cuDestroyExternalMemory(memory), CUDA_SUCCESS);
    CHECK_EQ(cuMipmappedArrayDestroy(array), CUDA_SUCCESS);
    CHECK_EQ(used(0), 4 * MIB); /* the buffer has it still */
    CHECK_EQ(cuMemFree(p), CUDA_SUCCESS);
    CHECK_EQ(used(0), 0);
    desc.handle.fd = memfd_create("vulkan", MFD_CLOEXEC);
    CHECK_EQ(ftruncate(desc.handle.fd, 4 * MIB), 0);
    CHECK_EQ(cuImportExternalMemory(&memory, &desc), CUDA_SUCCESS); /* not CUDA's memory at all */
    CHECK_EQ(cuExternalMemoryGetMappedBuffer(&p, memory, &buffer), CUDA_SUCCESS);
    CHECK_EQ(used(0), 0);
    CHECK_EQ(cuDestroyExternalMemory(memory), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(p), CUDA_SUCCESS);
    desc.handle.fd = 9999;
    CHECK_EQ(cuImportExternalMemory(&memory, &desc), CUDA_ERROR_INVALID_HANDLE);
    report(0);
}

static void externalMemoryIsHeldByObjectAndBuffers(void)
{
    struct child child = start(external_child);
    CHECK_EQ(hear(&child), 0);
    CHECK_EQ(end(&child, 0), 0);
}

/* --- the device node -------------------------------------------------------------------------------------------- */

static char node[4096];

/* The descriptor of the process that is named after the node; -1 if it has none. */
static int node_descriptor(pid_t pid)
{
    char folder[64], link[4096];
    int found = -1;
    snprintf(folder, sizeof folder, "/proc/%d/fd", pid);
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        ssize_t length = readlinkat(dirfd(dir), entry->d_name, link, sizeof link - 1);
        link[length > 0 ? length : 0] = '\0';
        if (strcmp(link, node) == 0)
            found = atoi(entry->d_name);
    }
    closedir(dir);
    return found;
}

static void parent_of_a_keeper(void)
{
    CUdeviceptr p;
    setenv("FAKECUDA_DEVICE_NODE", node, 1);
    open_gpu();
    CHECK_EQ(cuMemAlloc(&p, 8 * MIB), CUDA_SUCCESS);
    if (fork() == 0) {
        alarm(PATIENCE);
        report(getpid());
        await_parent();
        close(node_descriptor(getpid()));
        report(0);
    }
    for (;;)
        pause();
}

static void whoKeepsTheDeviceNodeOpenKeepsItsMemory(void)
{
    struct child parent = start(parent_of_a_keeper);
    pid_t keeper = (pid_t)hear(&parent);
    CHECK(node_descriptor(parent.pid) >= 0);
    kill(parent.pid, SIGKILL);
    CHECK_EQ(waitpid(parent.pid, NULL, 0), parent.pid);
    CHECK(node_descriptor(keeper) >= 0);
    CHECK_EQ(used(0), 8 * MIB);
    tell(&parent); /* which the keeper hears */
    CHECK_EQ(hear(&parent), 0);
    CHECK_EQ(node_descriptor(keeper), -1);
    CHECK_EQ(used(0), 0);
    kill(keeper, SIGKILL);
}

int main(void)
{
    alarm(PATIENCE);
    setenv("FAKECUDA_MEMORY", "64M", 1);
    note = mmap(NULL, sizeof *note, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(note != MAP_FAILED);
    CHECK_EQ(nvmlInit_v2(), NVML_SUCCESS);
    snprintf(node, sizeof node, "%s-nvidia0", getenv("FAKECUDA_STATE"));
    RUN(anIpcMappingKeepsMemoryThatItsExporterFreed);
    RUN(anIpcHandleAloneKeepsNothing);
    RUN(whatAContextHadOpenedIsOpenedAfreshInTheNext);
    RUN(anImportedPoolPointerKeepsItsChunk);
    RUN(externalMemoryIsHeldByObjectAndBuffers);
    RUN(whoKeepsTheDeviceNodeOpenKeepsItsMemory);
    return 0;
}
