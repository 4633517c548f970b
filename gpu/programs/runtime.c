/* SPDX-License-Identifier: Apache-2.0 */
/* The same through the runtime API: what most programs are, linked with the shared or with the static one. */
#include <cuda_runtime_api.h>

#include "scenario.h"

static int open_runtime(void)
{
    return cudaSetDevice(0) != cudaSuccess ? (int)cudaGetLastError() : (int)cudaDeviceSynchronize();
}

static int total(size_t *bytes)
{
    size_t available;
    return cudaMemGetInfo(&available, bytes);
}

static int take_linear(struct block *block, size_t bytes)
{
    block->bytes = bytes;
    return cudaMalloc(&block->object, bytes);
}

static int give_linear(struct block *block)
{
    return cudaFree(block->object);
}

static int take_async(struct block *block, size_t bytes)
{
    block->bytes = bytes;
    return cudaMallocAsync(&block->object, bytes, 0);
}

static int give_async(struct block *block)
{
    return cudaFreeAsync(block->object, 0);
}

static int settle(void)
{
    return cudaDeviceSynchronize();
}

int main(int argc, char **argv)
{
    const struct family families[] = {
        {.name = "linear", .take = take_linear, .give = give_linear},
        {.name = "async", .take = take_async, .give = give_async, .settle = settle},
    };
    const struct api api = {open_runtime, total, families, sizeof families / sizeof *families};
    return scenario_main(argc, argv, &api);
}
