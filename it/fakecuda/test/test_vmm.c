/* SPDX-License-Identifier: Apache-2.0 */
/* Physical memory, address ranges, multicast objects and sharing between processes, on two devices of 64 MiB. */
#include "child.h"

#include <string.h>
#include <sys/socket.h>

static const CUmemAllocationProp on_device_0 = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                                .requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
                                                .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
static const CUmemAccessDesc read_write = {{CU_MEM_LOCATION_TYPE_DEVICE, 0}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};

static int channel[2]; /* between children */

static void send_fd(int fd)
{
    char byte = 'f', control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    CHECK_EQ(sendmsg(channel[0], &message, 0), 1);
}

static int receive_fd(void)
{
    char byte, control[CMSG_SPACE(sizeof(int))] = {0};
    int fd;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    CHECK_EQ(recvmsg(channel[1], &message, MSG_CMSG_CLOEXEC), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static CUmemGenericAllocationHandle create(size_t size)
{
    CUmemGenericAllocationHandle handle;
    CHECK_EQ(cuMemCreate(&handle, size, &on_device_0, 0), CUDA_SUCCESS);
    return handle;
}

static CUdeviceptr reserve(size_t size)
{
    CUdeviceptr at;
    CHECK_EQ(cuMemAddressReserve(&at, size, 0, 0, 0), CUDA_SUCCESS);
    return at;
}

static void memory_lives_as_long_as_anything_refers_to_it(void)
{
    CHECK_EQ(cuInit(0), CUDA_SUCCESS); /* and no context at all */
    CUmemGenericAllocationHandle handle = create(4 * MIB), again;
    CUdeviceptr at = reserve(8 * MIB);
    CHECK_EQ(used(0), 4 * MIB);
    CHECK_EQ(cuMemMap(at, 4 * MIB, 0, handle, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemMap(at + 4 * MIB, 2 * MIB, 0, handle, 0), CUDA_SUCCESS); /* the same memory twice */
    CHECK_EQ(cuMemRelease(handle), CUDA_SUCCESS);
    CHECK_EQ(cuMemRelease(handle), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemRetainAllocationHandle(&again, (void *)(uintptr_t)(at + MIB)), CUDA_SUCCESS);
    CHECK(again == handle);
    CHECK_EQ(cuMemUnmap(at, 6 * MIB), CUDA_SUCCESS); /* both mappings at once */
    CHECK_EQ(used(0), 4 * MIB);
    CHECK_EQ(cuMemRelease(again), CUDA_SUCCESS);
    CHECK_EQ(used(0), 0);
    CHECK_EQ(cuMemAddressFree(at, 8 * MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemAddressFree(at, 8 * MIB), CUDA_ERROR_INVALID_VALUE);
    report(0);
}

static void rules_of_mapping(void)
{
    CUdeviceptr at;
    CUmemGenericAllocationHandle handle, host;
    CUmemAllocationProp prop = on_device_0;
    size_t granularity;
    unsigned long long flags;
    CHECK_EQ(cuInit(0), CUDA_SUCCESS);
    CHECK_EQ(cuMemGetAllocationGranularity(&granularity, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM), CUDA_SUCCESS);
    CHECK_EQ(granularity, 2 * MIB);
    CHECK_EQ(cuMemCreate(&handle, MIB, &prop, 0), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemCreate(&handle, 128 * MIB, &prop, 0), CUDA_ERROR_OUT_OF_MEMORY);
    prop.location.id = 1;
    CHECK_EQ(cuMemCreate(&handle, 2 * MIB, &prop, 0), CUDA_SUCCESS);
    CHECK_EQ(used(1), 2 * MIB); /* the device of the properties */
    CHECK_EQ(cuMemRelease(handle), CUDA_SUCCESS);
    prop.location.id = 7;
    CHECK_EQ(cuMemCreate(&handle, 2 * MIB, &prop, 0), CUDA_ERROR_INVALID_DEVICE);
    prop.location = (CUmemLocation){CU_MEM_LOCATION_TYPE_HOST, 0};
    CHECK_EQ(cuMemCreate(&host, 2 * MIB, &prop, 0), CUDA_ERROR_INVALID_VALUE); /* not shareable */
    prop.requestedHandleTypes = CU_MEM_HANDLE_TYPE_NONE;
    CHECK_EQ(cuMemCreate(&host, 2 * MIB, &prop, 0), CUDA_SUCCESS);
    CHECK_EQ(used(0) + used(1), 0);
    CHECK_EQ(cuMemRelease(host), CUDA_SUCCESS);
    prop.location.type = CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT;
    CHECK_EQ(cuMemCreate(&host, 2 * MIB, &prop, 0), CUDA_ERROR_INVALID_VALUE);
    handle = create(4 * MIB);
    at = reserve(8 * MIB);
    CHECK_EQ(cuMemMap(at, 8 * MIB, 0, handle, 0), CUDA_ERROR_INVALID_VALUE); /* more than there is */
    CHECK_EQ(cuMemMap(at + 6 * MIB, 4 * MIB, 0, handle, 0), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemMap(at + MIB, 2 * MIB, 0, handle, 0), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemMap(at + 2 * MIB, 4 * MIB, 0, handle, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemMap(at, 4 * MIB, 0, handle, 0), CUDA_ERROR_INVALID_VALUE); /* mapped already */
    CHECK_EQ(cuMemUnmap(at + 2 * MIB, 2 * MIB), CUDA_ERROR_INVALID_VALUE);   /* a part */
    CHECK_EQ(cuMemUnmap(at, 6 * MIB), CUDA_ERROR_INVALID_VALUE);             /* with a hole */
    CHECK_EQ(cuMemAddressFree(at, 8 * MIB), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemGetAccess(&flags, &read_write.location, at + 2 * MIB), CUDA_SUCCESS);
    CHECK_EQ(flags, CU_MEM_ACCESS_FLAGS_PROT_NONE);
    CHECK_EQ(cuMemSetAccess(at + 2 * MIB, 4 * MIB, &read_write, 1), CUDA_SUCCESS);
    CHECK_EQ(cuMemGetAccess(&flags, &read_write.location, at + 5 * MIB), CUDA_SUCCESS);
    CHECK_EQ(flags, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    CHECK_EQ(cuMemUnmap(at + 2 * MIB, 4 * MIB), CUDA_SUCCESS);
    CHECK_EQ(used(0), 4 * MIB); /* the handle holds it */
    CHECK_EQ(cuMemFree(at), CUDA_ERROR_INVALID_CONTEXT);
    report(0);
}

static void contents_are_seen_at_every_mapping(void)
{
    char text[6] = "";
    open_gpu();
    CUmemGenericAllocationHandle handle = create(2 * MIB);
    CUdeviceptr a = reserve(2 * MIB), b = reserve(2 * MIB), plain;
    CHECK_EQ(cuMemMap(a, 2 * MIB, 0, handle, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemMap(b, 2 * MIB, 0, handle, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyHtoD(a, "hello", 6), CUDA_ERROR_INVALID_VALUE); /* no access yet */
    CHECK_EQ(cuMemSetAccess(a, 2 * MIB, &read_write, 1), CUDA_SUCCESS);
    CHECK_EQ(cuMemSetAccess(b, 2 * MIB, &read_write, 1), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyHtoD(a + 100, "hello", 6), CUDA_SUCCESS);
    CHECK_EQ(cuMemAlloc(&plain, 6), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyDtoD(plain, b + 100, 6), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyDtoH(text, plain, 6), CUDA_SUCCESS);
    CHECK_EQ(strcmp(text, "hello"), 0);
    CHECK_EQ(cuMemcpyHtoD(a + 2 * MIB - 3, "hello", 6), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMemFree(a), CUDA_ERROR_INVALID_VALUE);
    report(0);
}

static void bindings_keep_memory(void)
{
    CUmemGenericAllocationHandle object, memory;
    CUmulticastObjectProp prop = {.numDevices = 2, .size = 4 * MIB};
    CHECK_EQ(cuInit(0), CUDA_SUCCESS);
    CHECK_EQ(cuMulticastCreate(&object, &prop), CUDA_SUCCESS);
    CHECK_EQ(used(0), 0); /* it holds nothing itself */
    memory = create(4 * MIB);
    CHECK_EQ(cuMulticastAddDevice(object, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMulticastBindMem(object, 0, memory, 0, 4 * MIB, 0), CUDA_ERROR_NOT_READY);
    CHECK_EQ(cuMulticastAddDevice(object, 0), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMulticastAddDevice(object, 1), CUDA_SUCCESS);
    CHECK_EQ(cuMulticastBindMem(object, 0, memory, 0, 4 * MIB, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemRelease(memory), CUDA_SUCCESS);
    CHECK_EQ(used(0), 4 * MIB);
    CHECK_EQ(cuMulticastUnbind(object, 0, 0, 2 * MIB), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuMulticastUnbind(object, 0, 0, 4 * MIB), CUDA_SUCCESS);
    CHECK_EQ(used(0), 0);
    memory = create(2 * MIB);
    CHECK_EQ(cuMulticastBindMem(object, 2 * MIB, memory, 0, 2 * MIB, 0), CUDA_SUCCESS);
    CUdeviceptr at = reserve(4 * MIB);
    CHECK_EQ(cuMemMap(at, 4 * MIB, 0, object, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemRelease(memory), CUDA_SUCCESS);
    CHECK_EQ(cuMemRelease(object), CUDA_SUCCESS);
    CHECK_EQ(used(0), 2 * MIB);
    CHECK_EQ(cuMemUnmap(at, 4 * MIB), CUDA_SUCCESS); /* the last reference to the object ends its bindings */
    CHECK_EQ(used(0), 0);
    report(0);
}

static void arrays_mapped_later(void)
{
    CUarray array;
    CUmipmappedArray deferred;
    CUDA_ARRAY3D_DESCRIPTOR desc = {1024, 1024, 0, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_SPARSE};
    CUDA_ARRAY_MEMORY_REQUIREMENTS needs;
    CUmemAllocationProp prop = on_device_0;
    CUmemGenericAllocationHandle pool;
    open_gpu();
    CHECK_EQ(cuArray3DCreate(&array, &desc), CUDA_SUCCESS);
    CHECK_EQ(used(0), 0);
    prop.allocFlags.usage = CU_MEM_CREATE_USAGE_TILE_POOL;
    CHECK_EQ(cuMemCreate(&pool, 4 * MIB, &prop, 0), CUDA_SUCCESS);
    CUarrayMapInfo info = {.resourceType = CU_RESOURCE_TYPE_ARRAY, .memOperationType = CU_MEM_OPERATION_TYPE_MAP};
    info.resource.array = array;
    info.memHandle.memHandle = pool;
    info.deviceBitMask = 1;
    info.subresource.sparseLevel.extentWidth = info.subresource.sparseLevel.extentHeight = 128;
    info.subresource.sparseLevel.extentDepth = 1;
    CHECK_EQ(cuMemMapArrayAsync(&info, 1, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuMemRelease(pool), CUDA_SUCCESS);
    CHECK_EQ(used(0), 4 * MIB);
    info.memOperationType = CU_MEM_OPERATION_TYPE_UNMAP;
    info.memHandle.memHandle = 0;
    CHECK_EQ(cuMemMapArrayAsync(&info, 1, NULL), CUDA_SUCCESS);
    CHECK_EQ(used(0), 0);
    CHECK_EQ(cuArrayDestroy(array), CUDA_SUCCESS);
    desc.Flags = CUDA_ARRAY3D_DEFERRED_MAPPING;
    CHECK_EQ(cuMipmappedArrayCreate(&deferred, &desc, 20), CUDA_SUCCESS);
    CHECK_EQ(cuMipmappedArrayGetMemoryRequirements(&needs, deferred, 0), CUDA_SUCCESS);
    CHECK_EQ(needs.size, 6 * MIB); /* 5.3 MiB in granules */
    CHECK_EQ(cuMemCreate(&pool, needs.size, &on_device_0, 0), CUDA_SUCCESS);
    info = (CUarrayMapInfo){.resourceType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY,
                            .memOperationType = CU_MEM_OPERATION_TYPE_MAP};
    info.resource.mipmap = deferred;
    info.memHandle.memHandle = pool;
    info.deviceBitMask = 1;
    CHECK_EQ(cuMemMapArrayAsync(&info, 1, NULL), CUDA_SUCCESS);
    CHECK_EQ(cuMemRelease(pool), CUDA_SUCCESS);
    CHECK_EQ(used(0), 6 * MIB);
    CHECK_EQ(cuMipmappedArrayDestroy(deferred), CUDA_SUCCESS); /* and with it the mapping */
    CHECK_EQ(used(0), 0);
    report(0);
}

static void passes_in_a_process_of_its_own(void (*body)(void))
{
    struct child child = start(body);
    CHECK_EQ(hear(&child), 0);
    CHECK_EQ(end(&child, 0), 0);
    CHECK_EQ(used(0), 0);
}

static void memoryLivesAsLongAsAnythingRefersToIt(void)
{
    passes_in_a_process_of_its_own(memory_lives_as_long_as_anything_refers_to_it);
}

static void mappingFollowsItsRules(void)
{
    passes_in_a_process_of_its_own(rules_of_mapping);
}

static void contentsAreSeenAtEveryMapping(void)
{
    passes_in_a_process_of_its_own(contents_are_seen_at_every_mapping);
}

static void multicastBindingsKeepMemoryAndObjectsHoldNone(void)
{
    passes_in_a_process_of_its_own(bindings_keep_memory);
}

static void sparseAndDeferredArraysTakeWhatIsMappedIntoThem(void)
{
    passes_in_a_process_of_its_own(arrays_mapped_later);
}

/* --- between processes ------------------------------------------------------------------------------------------ */

static void exporter(void)
{
    int fd;
    open_gpu();
    CUmemGenericAllocationHandle handle = create(8 * MIB);
    CUdeviceptr at = reserve(8 * MIB);
    CHECK_EQ(cuMemMap(at, 8 * MIB, 0, handle, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemSetAccess(at, 8 * MIB, &read_write, 1), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyHtoD(at + MIB, "before", 7), CUDA_SUCCESS);
    CHECK_EQ(cuMemExportToShareableHandle(&fd, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyHtoD(at, "after", 6), CUDA_SUCCESS); /* into the file that is the memory now */
    send_fd(fd);
    close(fd);
    report(0);
    await_parent();
    CHECK_EQ(cuMemUnmap(at, 8 * MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemRelease(handle), CUDA_SUCCESS);
    report(0);
    await_parent();
}

static void importer(void)
{
    char text[7] = "";
    CUmemGenericAllocationHandle handle;
    open_gpu();
    int fd = receive_fd();
    CHECK_EQ(cuMemImportFromShareableHandle(&handle, (void *)(intptr_t)fd, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR),
             CUDA_SUCCESS);
    close(fd);
    CUdeviceptr at = reserve(8 * MIB);
    CHECK_EQ(cuMemMap(at, 8 * MIB, 0, handle, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemSetAccess(at, 8 * MIB, &read_write, 1), CUDA_SUCCESS);
    CHECK_EQ(cuMemRelease(handle), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyDtoH(text, at + MIB, 7), CUDA_SUCCESS);
    CHECK_EQ(strcmp(text, "before"), 0);
    CHECK_EQ(cuMemcpyDtoH(text, at, 6), CUDA_SUCCESS);
    CHECK_EQ(strcmp(text, "after"), 0);
    report(0);
    await_parent();
    CHECK_EQ(cuMemUnmap(at, 8 * MIB), CUDA_SUCCESS);
    report(0);
    await_parent();
}

static unsigned long long held_by(const struct child *child)
{
    nvmlDevice_t device;
    nvmlProcessInfo_t infos[8];
    unsigned count = 8;
    CHECK_EQ(nvmlDeviceGetHandleByIndex_v2(0, &device), NVML_SUCCESS);
    CHECK_EQ(nvmlDeviceGetComputeRunningProcesses_v3(device, &count, infos), NVML_SUCCESS);
    for (unsigned i = 0; i < count; i++)
        if (infos[i].pid == (unsigned)child->pid)
            return infos[i].usedGpuMemory;
    return 0;
}

static void whatTheExporterLetsGoTheImporterHolds(void)
{
    struct child from = start(exporter), to;
    hear(&from);
    to = start(importer);
    hear(&to);
    CHECK_EQ(used(0), 8 * MIB); /* once, for the two of them */
    CHECK_EQ(held_by(&from), 8 * MIB);
    CHECK_EQ(held_by(&to), 0);
    tell(&from);
    hear(&from);
    CHECK_EQ(used(0), 8 * MIB);
    CHECK_EQ(held_by(&from), 0);
    CHECK_EQ(held_by(&to), 8 * MIB);
    tell(&to);
    hear(&to);
    CHECK_EQ(used(0), 0);
    CHECK_EQ(end(&from, 0), 0);
    CHECK_EQ(end(&to, 0), 0);
}

static void aDeadExportersMemoryStaysWithItsImporter(void)
{
    struct child from = start(exporter), to;
    hear(&from);
    to = start(importer);
    hear(&to);
    end(&from, SIGKILL);
    CHECK_EQ(used(0), 8 * MIB);
    CHECK_EQ(held_by(&to), 8 * MIB);
    struct child other = start(exporter); /* the slot of the dead one is taken again, and the books stay right */
    hear(&other);
    close(receive_fd());
    CHECK_EQ(used(0), 16 * MIB);
    end(&other, SIGKILL);
    CHECK_EQ(used(0), 8 * MIB);
    end(&to, SIGKILL);
    CHECK_EQ(used(0), 0);
}

static void anExportedDescriptorAloneKeepsMemory(void)
{
    struct child from = start(exporter);
    hear(&from);
    end(&from, SIGKILL);
    CHECK_EQ(used(0), 8 * MIB); /* in a message that nobody has read */
    int fd = receive_fd();
    CHECK_EQ(used(0), 8 * MIB);
    struct child other = start(exporter);
    hear(&other);
    CHECK_EQ(used(0), 16 * MIB);
    end(&other, SIGKILL);
    close(receive_fd());
    CHECK_EQ(used(0), 8 * MIB);
    close(fd);
    CHECK_EQ(used(0), 0);
}

int main(void)
{
    alarm(PATIENCE);
    setenv("FAKECUDA_MEMORY", "64M", 1);
    setenv("FAKECUDA_DEVICES", "2", 1);
    CHECK_EQ(nvmlInit_v2(), NVML_SUCCESS);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
    RUN(memoryLivesAsLongAsAnythingRefersToIt);
    RUN(mappingFollowsItsRules);
    RUN(contentsAreSeenAtEveryMapping);
    RUN(multicastBindingsKeepMemoryAndObjectsHoldNone);
    RUN(sparseAndDeferredArraysTakeWhatIsMappedIntoThem);
    RUN(whatTheExporterLetsGoTheImporterHolds);
    RUN(aDeadExportersMemoryStaysWithItsImporter);
    RUN(anExportedDescriptorAloneKeepsMemory);
    return 0;
}
