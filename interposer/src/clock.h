/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The clock behind every bounded wait: setting the wall clock changes none of them.
 */
#ifndef GPUSLICE_CLOCK_H
#define GPUSLICE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds, monotonic. */
static inline uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
