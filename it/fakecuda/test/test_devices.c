/* SPDX-License-Identifier: Apache-2.0 */
/* Several devices: what CUDA_VISIBLE_DEVICES lets a process see, and that NVML sees them all. */
#include "child.h"

#include <string.h>

#define COUNT 3

static char uuid[COUNT][64];

/* The devices that a child sees, as one number: 1 + the first's index, times 10, ... */
static void reporting_child(void)
{
    int count, bus;
    long long seen = 0;
    CUresult code = cuInit(0);
    if (code != CUDA_SUCCESS) {
        report(-(long long)code);
        return;
    }
    cuDeviceGetCount(&count);
    for (int i = 0; i < count; i++) {
        CUdevice device;
        size_t bytes;
        CHECK_EQ(cuDeviceGet(&device, i), CUDA_SUCCESS);
        CHECK_EQ(cuDeviceGetAttribute(&bus, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, device), CUDA_SUCCESS);
        CHECK_EQ(cuDeviceTotalMem(&bytes, device), CUDA_SUCCESS);
        CHECK_EQ(bytes, (unsigned long long)bus << 30);
        seen = seen * 10 + bus;
    }
    report(seen);
}

static long long seen_with(const char *visible)
{
    setenv("CUDA_VISIBLE_DEVICES", visible, 1);
    struct child child = start(reporting_child);
    long long seen = hear(&child);
    CHECK_EQ(end(&child, 0), 0);
    unsetenv("CUDA_VISIBLE_DEVICES");
    return seen;
}

static void allDevicesAreVisibleByDefault(void)
{
    struct child child = start(reporting_child);
    CHECK_EQ(hear(&child), 123);
    end(&child, 0);
}

static void devicesAreChosenAndReorderedByIndexAndUuid(void)
{
    char both[160];
    CHECK_EQ(seen_with("2,0"), 31);
    CHECK_EQ(seen_with(uuid[1]), 2);
    snprintf(both, sizeof both, "%.*s,0", (int)strlen("GPU-fa4ec002"), uuid[2]);
    CHECK_EQ(seen_with(both), 31);
}

static void anInvalidEntryHidesWhatFollows(void)
{
    CHECK_EQ(seen_with("1,7,0"), 2);
    CHECK_EQ(seen_with("1,-1,0"), 2);
    CHECK_EQ(seen_with("GPU-fa4e"), -CUDA_ERROR_NO_DEVICE); /* not unique */
    CHECK_EQ(seen_with(""), -CUDA_ERROR_NO_DEVICE);
}

static void a_child_on_device_1(void)
{
    CUdeviceptr p;
    setenv("CUDA_VISIBLE_DEVICES", "1", 1);
    open_gpu();
    CHECK_EQ(cuMemAlloc(&p, 5 * MIB), CUDA_SUCCESS);
    report(0);
    await_parent();
}

static void nvmlSeesEveryDeviceAndItsProcesses(void)
{
    unsigned count, processes = 8;
    nvmlDevice_t device;
    nvmlProcessInfo_v2_t infos[8];
    nvmlPciInfo_t pci;
    char name[96];
    setenv("CUDA_VISIBLE_DEVICES", "0", 1);
    CHECK_EQ(nvmlDeviceGetCount_v2(&count), NVML_SUCCESS);
    unsetenv("CUDA_VISIBLE_DEVICES");
    CHECK_EQ(count, COUNT);
    struct child child = start(a_child_on_device_1);
    hear(&child);
    CHECK_EQ(used(0), 0);
    CHECK_EQ(used(1), 5 * MIB);
    CHECK_EQ(nvmlDeviceGetHandleByUUID(uuid[1], &device), NVML_SUCCESS);
    CHECK_EQ(nvmlDeviceGetComputeRunningProcesses_v3(device, &processes, infos), NVML_SUCCESS);
    CHECK_EQ(processes, 1);
    CHECK_EQ(infos[0].pid, child.pid);
    CHECK_EQ(infos[0].usedGpuMemory, 5 * MIB);
    processes = 0;
    CHECK_EQ(nvmlDeviceGetComputeRunningProcesses_v3(device, &processes, NULL), NVML_ERROR_INSUFFICIENT_SIZE);
    CHECK_EQ(processes, 1);
    CHECK_EQ(nvmlDeviceGetPciInfo_v3(device, &pci), NVML_SUCCESS);
    CHECK_EQ(strcmp(pci.busId, "00000000:02:00.0"), 0);
    CHECK_EQ(nvmlDeviceGetName(device, name, sizeof name), NVML_SUCCESS);
    CHECK_EQ(strcmp(name, "Simulated GPU 1"), 0);
    end(&child, 0);
    CHECK_EQ(used(1), 0);
}

static void bad_settings_child(void)
{
    if (freopen("/dev/null", "w", stderr) == NULL)
        _exit(1);
    report(cuInit(0));
}

static void settingsThatMakeNoSenseAreRefused(void)
{
    const char *bad[] = {"1G,2G", "8 bananas", "0", "1K", "2T", "1G,", "-1G"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("FAKECUDA_MEMORY", bad[i], 1);
        struct child child = start(bad_settings_child);
        CHECK_EQ(hear(&child), CUDA_ERROR_SYSTEM_NOT_READY);
        end(&child, 0);
    }
}

int main(void)
{
    alarm(PATIENCE);
    setenv("FAKECUDA_MEMORY", "1G,2G,3G", 1);
    setenv("FAKECUDA_DEVICES", "3", 1);
    CHECK_EQ(nvmlInit_v2(), NVML_SUCCESS);
    for (unsigned i = 0; i < COUNT; i++) {
        nvmlDevice_t device;
        CHECK_EQ(nvmlDeviceGetHandleByIndex_v2(i, &device), NVML_SUCCESS);
        CHECK_EQ(nvmlDeviceGetUUID(device, uuid[i], sizeof uuid[i]), NVML_SUCCESS);
    }
    RUN(allDevicesAreVisibleByDefault);
    RUN(devicesAreChosenAndReorderedByIndexAndUuid);
    RUN(anInvalidEntryHidesWhatFollows);
    RUN(nvmlSeesEveryDeviceAndItsProcesses);
    RUN(settingsThatMakeNoSenseAreRefused);
    CHECK_EQ(nvmlShutdown(), NVML_SUCCESS);
    CHECK_EQ(nvmlShutdown(), NVML_ERROR_UNINITIALIZED);
    return 0;
}
