/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The function that a program would have called without this library: the next one of that name in the order in which
 * the dynamic loader looks. Not dlsym(RTLD_NEXT): before glibc 2.34 that is in libdl, which small programs do not load.
 */
#ifndef GPUSLICE_NEXT_H
#define GPUSLICE_NEXT_H

/* NULL: there is none. Takes the dynamic loader's lock: not for signal handlers. */
void *next_function(const char *name);

#endif
