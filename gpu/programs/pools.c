/* SPDX-License-Identifier: Apache-2.0 */
/* Stream-ordered memory: of the device's default pool, and of one of our own that keeps what was freed. */
#include "driver.h"
#include "scenario.h"

static CUmemoryPool own;

static int own_pool(void)
{
    CUmemPoolProps properties = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED, .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
    cuuint64_t everything = UINT64_MAX;
    int code = own != NULL ? 0 : (int)driver.cuMemPoolCreate(&own, &properties);
    return code != 0 ? code : (int)driver.cuMemPoolSetAttribute(own, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &everything);
}

static int take_default(struct block *block, size_t bytes)
{
    block->bytes = bytes;
    return driver.cuMemAllocAsync(&block->address, bytes, NULL);
}

static int take_own(struct block *block, size_t bytes)
{
    block->bytes = bytes;
    int code = own != NULL ? 0 : own_pool();
    return code != 0 ? code : (int)driver.cuMemAllocFromPoolAsync(&block->address, bytes, own, NULL);
}

static int give(struct block *block)
{
    return driver.cuMemFreeAsync(block->address, NULL);
}

static int settle_default(void)
{
    return driver.cuCtxSynchronize();
}

static int settle_own(void)
{
    int code = driver.cuCtxSynchronize();
    return code != 0 ? code : (int)driver.cuMemPoolTrimTo(own, 0);
}

const struct family async_family = {.name = "async", .take = take_default, .give = give, .settle = settle_default};
const struct family pool_family = {.name = "pool", .take = take_own, .give = give, .settle = settle_own};
