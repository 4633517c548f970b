/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Real programs, preloaded with the library that was built.
 */
#ifndef GPUSLICE_TEST_CHILDREN_H
#define GPUSLICE_TEST_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>

/* The folder of the library and of the programs of test/programs, and what runs those: NULL where they run by themselves. */
const char *children_folder(void);
const char *children_runner(void);

/* The built library's path. */
const char *children_library(void);

/* Runs `arguments` with exactly that environment, instead of this program or beside it; what it writes to stdout is left in `output`, NUL-terminated.
 * True: it exited with 0. `arguments[0]` without a slash is one of our own programs. */
void children_exec(const char *const arguments[], const char *const environment[]);
bool children_run(const char *const arguments[], const char *const environment[], char *output, size_t size);

#endif
