/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is one piece of addresses: linear, managed and pitched. */
#include "driver.h"
#include "scenario.h"

static int take_linear(struct block *block, size_t bytes)
{
    block->bytes = bytes;
    return driver.cuMemAlloc(&block->address, bytes);
}

static int take_managed(struct block *block, size_t bytes)
{
    block->bytes = bytes;
    return driver.cuMemAllocManaged(&block->address, bytes, CU_MEM_ATTACH_GLOBAL);
}

/* Rows of 1,000 bytes, which every device pads. */
static int take_pitched(struct block *block, size_t bytes)
{
    size_t pitch = 0, rows = bytes / 1024;
    int code = driver.cuMemAllocPitch(&block->address, &pitch, 1000, rows, 4);
    block->bytes = pitch * rows;
    return code;
}

static int give(struct block *block)
{
    return driver.cuMemFree(block->address);
}

/* Managed memory is on the device once the device has written to it. */
static int touch(const struct block *block)
{
    int code = driver.cuMemsetD8(block->address, 1, block->bytes);
    return code != 0 ? code : (int)driver.cuCtxSynchronize();
}

const struct family linear_family = {.name = "linear", .take = take_linear, .give = give, .touch = touch};
const struct family managed_family = {.name = "managed", .take = take_managed, .give = give, .touch = touch};
const struct family pitched_family = {.name = "pitched", .take = take_pitched, .give = give};
