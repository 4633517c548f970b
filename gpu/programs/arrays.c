/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays: rows of 1,024 elements of four floats. */
#include "driver.h"
#include "scenario.h"

static int take(struct block *block, size_t bytes)
{
    CUarray array;
    CUDA_ARRAY3D_DESCRIPTOR shape = {
        .Width = 1024, .Height = bytes / (1024 * 4 * sizeof(float)), .Format = CU_AD_FORMAT_FLOAT, .NumChannels = 4};
    int code = driver.cuArray3DCreate(&array, &shape);
    block->object = array;
    block->bytes = bytes;
    return code;
}

static int give(struct block *block)
{
    return driver.cuArrayDestroy(block->object);
}

const struct family array_family = {.name = "array", .take = take, .give = give};
