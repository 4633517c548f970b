/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

static void theLimitIsWhatADeviceShows(void)
{
    gs_deviceptr address;
    size_t free_bytes, total;
    unsigned int old_free, old_total;
    CHECK_EQUAL(cuDeviceTotalMem_v2(&total, 1), GS_SUCCESS); /* before anything else, and without a context */
    CHECK_EQUAL(total, 64 * MIB);
    CHECK_EQUAL(cuDeviceTotalMem(&old_total, 0), GS_SUCCESS);
    CHECK_EQUAL(old_total, 64 * MIB);
    CHECK_EQUAL(cuMemAlloc_v2(&address, 24 * MIB), GS_SUCCESS);
    CHECK_EQUAL(cuMemGetInfo_v2(&free_bytes, &total), GS_SUCCESS);
    CHECK_EQUAL(free_bytes, 40 * MIB);
    CHECK_EQUAL(total, 64 * MIB);
    CHECK_EQUAL(cuMemGetInfo(&old_free, &old_total), GS_SUCCESS);
    CHECK_EQUAL(old_free, 40 * MIB);
    CHECK_EQUAL(cuMemGetInfo_v2(NULL, &total), GS_SUCCESS);
    CHECK_EQUAL(cuMemGetInfo_v2(&free_bytes, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuDeviceTotalMem_v2(NULL, 0), GS_INVALID_VALUE);
    CHECK_EQUAL(cuDeviceTotalMem_v2(&total, 9), GS_INVALID_VALUE);
    driver_set_context(NULL);
    CHECK_EQUAL(cuMemGetInfo_v2(&free_bytes, &total), 201);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
}

static void aLimitAboveTheDeviceShowsTheDevice(void)
{
    size_t free_bytes, total;
    CHECK_EQUAL(cuMemGetInfo_v2(&free_bytes, &total), GS_SUCCESS);
    CHECK_EQUAL(total, 64ull << 30);
    CHECK_EQUAL(free_bytes, 64ull << 30);
    CHECK_EQUAL(cuDeviceTotalMem_v2(&total, 0), GS_SUCCESS);
    CHECK_EQUAL(total, 64ull << 30);
}

static void whatAPoolHasGivenBackIsSeenAsFree(void)
{
    gs_deviceptr address;
    size_t free_bytes;
    uint64_t forever = UINT64_MAX;
    gs_object pool;
    DRIVER_REAL(cuDeviceGetDefaultMemPool)(&pool, 0);
    DRIVER_REAL(cuMemPoolSetAttribute)(pool, GS_POOL_RELEASE_THRESHOLD, &forever);
    CHECK_EQUAL(cuMemAllocAsync(&address, 20 * MIB, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemFreeAsync(address, NULL), GS_SUCCESS);
    DRIVER_REAL(cuMemPoolTrimTo)(pool, 0); /* behind our back, as a synchronization would */
    CHECK_EQUAL(session_used(0), 20 * MIB);
    CHECK_EQUAL(cuMemGetInfo_v2(&free_bytes, NULL), GS_SUCCESS);
    CHECK_EQUAL(free_bytes, 64 * MIB);
    CHECK_EQUAL(session_used(0), 0);
}

static void nvmlShowsTheSameNumbers(void)
{
    gs_deviceptr address;
    struct gs_nvml_memory memory;
    struct gs_nvml_memory_v2 memory_v2 = {.version = 0x02000028};
    CHECK_EQUAL(cuMemAlloc_v2(&address, 24 * MIB), GS_SUCCESS);
    CHECK_EQUAL(nvmlDeviceGetMemoryInfo(driver_nvml(0), &memory), GS_SUCCESS);
    CHECK_EQUAL(memory.total, 64 * MIB);
    CHECK_EQUAL(memory.used, 24 * MIB);
    CHECK_EQUAL(memory.free, 40 * MIB);
    CHECK_EQUAL(nvmlDeviceGetMemoryInfo_v2(driver_nvml(1), &memory_v2), GS_SUCCESS);
    CHECK_EQUAL(memory_v2.total, 64 * MIB);
    CHECK_EQUAL(memory_v2.used, 0);
    CHECK_EQUAL(memory_v2.free, 64 * MIB);
    CHECK_EQUAL(memory_v2.reserved, 0);
    /* A device that CUDA does not show to this process has no limit here. */
    CHECK_EQUAL(nvmlDeviceGetMemoryInfo(NULL, &memory), GS_SUCCESS);
    CHECK_EQUAL(memory.total, 64ull << 30);
    CHECK_EQUAL(memory.used, 7 * MIB);
    CHECK_EQUAL(cuMemFree_v2(address), GS_SUCCESS);
}

void info_tests(void)
{
    RUN_IN_SESSION(theLimitIsWhatADeviceShows, 64 * MIB);
    RUN_IN_SESSION(aLimitAboveTheDeviceShowsTheDevice, 1ull << 40);
    RUN_IN_SESSION(whatAPoolHasGivenBackIsSeenAsFree, 64 * MIB);
    RUN_IN_SESSION(nvmlShowsTheSameNumbers, 64 * MIB);
}
