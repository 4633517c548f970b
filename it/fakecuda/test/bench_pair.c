/* SPDX-License-Identifier: Apache-2.0 */
/* What an allocation and its free cost, so that an interposer's share can be told from the simulator's own. */
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAIRS 1000000
#define ROUNDS 7

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *driver_pairs(void *context)
{
    CUdeviceptr pointer;
    cuCtxSetCurrent(context);
    for (int i = 0; i < PAIRS; i++)
        if (cuMemAlloc(&pointer, 1 << 20) != CUDA_SUCCESS || cuMemFree(pointer) != CUDA_SUCCESS)
            abort();
    return NULL;
}

static void *runtime_pairs(void *context)
{
    void *pointer;
    (void)context;
    for (int i = 0; i < PAIRS; i++)
        if (cudaMalloc(&pointer, 1 << 20) != cudaSuccess || cudaFree(pointer) != cudaSuccess)
            abort();
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void measure(const char *name, void *(*pairs)(void *), CUcontext context, int threads)
{
    double cpu[ROUNDS], wall[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t thread[16];
        double cpu_start = seconds(CLOCK_PROCESS_CPUTIME_ID), wall_start = seconds(CLOCK_MONOTONIC);
        for (int i = 0; i < threads; i++)
            pthread_create(&thread[i], NULL, pairs, context);
        for (int i = 0; i < threads; i++)
            pthread_join(thread[i], NULL);
        cpu[round] = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start) / threads / PAIRS * 1e9;
        wall[round] = (seconds(CLOCK_MONOTONIC) - wall_start) / threads / PAIRS * 1e9;
    }
    qsort(cpu, ROUNDS, sizeof *cpu, ascending);
    qsort(wall, ROUNDS, sizeof *wall, ascending);
    printf("%-22s %d thread%s  cpu ns/pair: min %.0f median %.0f   wall ns/pair: min %.0f median %.0f\n", name, threads,
           threads == 1 ? " " : "s", cpu[0], cpu[ROUNDS / 2], wall[0], wall[ROUNDS / 2]);
}

int main(void)
{
    CUcontext context;
    if (cuInit(0) != CUDA_SUCCESS || cuDevicePrimaryCtxRetain(&context, 0) != CUDA_SUCCESS)
        return 1;
    for (int threads = 1; threads <= 4; threads *= 2) {
        measure("cuMemAlloc/cuMemFree", driver_pairs, context, threads);
        measure("cudaMalloc/cudaFree", runtime_pairs, context, threads);
    }
    return 0;
}
