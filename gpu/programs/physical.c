/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual memory management: physical memory, mapped and let go as expandable segments do it. */
#include "driver.h"
#include "scenario.h"

static const CUmemAllocationProp properties = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                               .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
static const CUmemAccessDesc access = {{CU_MEM_LOCATION_TYPE_DEVICE, 0}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};

/* The handle goes as soon as the memory is mapped: the mapping holds it. */
static int take(struct block *block, size_t bytes)
{
    CUmemGenericAllocationHandle handle;
    block->bytes = bytes;
    int code = driver.cuMemCreate(&handle, bytes, &properties, 0);
    if (code != 0)
        return code;
    code = driver.cuMemAddressReserve(&block->address, bytes, 0, 0, 0);
    if (code == 0 && (code = driver.cuMemMap(block->address, bytes, 0, handle, 0)) != 0)
        driver.cuMemAddressFree(block->address, bytes);
    int released = driver.cuMemRelease(handle);
    return code != 0 ? code : released != 0 ? released : (int)driver.cuMemSetAccess(block->address, bytes, &access, 1);
}

static int give(struct block *block)
{
    int code = driver.cuMemUnmap(block->address, block->bytes);
    return code != 0 ? code : (int)driver.cuMemAddressFree(block->address, block->bytes);
}

const struct family physical_family = {.name = "physical", .take = take, .give = give};
