/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A machine that has run out of memory: mmap fails while the tests say so (the linker leads our calls of it here).
 */
#ifndef GPUSLICE_TEST_MEMORY_H
#define GPUSLICE_TEST_MEMORY_H

#include <stdbool.h>

void memory_is_full(bool full);

#endif
