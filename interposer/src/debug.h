/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the library says, to stderr only, one write per line. GPUSLICE_DEBUG: unset, the first refusal of each kind;
 * 0, nothing; anything else, everything that goes through the daemon as well.
 */
#ifndef GPUSLICE_DEBUG_H
#define GPUSLICE_DEBUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both keep errno. */
__attribute__((format(printf, 1, 2))) void debug_line(const char *format, ...);   /* GPUSLICE_DEBUG=1 */
__attribute__((format(printf, 1, 2))) void debug_notice(const char *format, ...); /* unless GPUSLICE_DEBUG=0 */

#define DEBUG_SIZE_LENGTH 16
/* "64.0 MiB"; returns `text`, which has DEBUG_SIZE_LENGTH bytes. */
const char *debug_size(char *text, uint64_t bytes);

#endif
