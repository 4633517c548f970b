/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The environment that this program was started with, as far as it makes it a member of its session: GPUSLICE_* and this
 * library in LD_PRELOAD. A program that clears it, or starts another one without it, stays in its session.
 */
#ifndef GPUSLICE_ENVIRONMENT_H
#define GPUSLICE_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

struct environment {
    const char *library;          /* this library, as the dynamic loader knows it; NULL: in no session */
    const char *const *variables; /* GPUSLICE_…=…, `count` of them */
    size_t count;
};

/* Filled in by this library's constructor and constant from then on; before that it is in no session. */
extern struct environment environment_at_start;

/* Copies what matters of `envp`. Leaves `environment` as it is where that names no session, or there is no memory. */
void environment_read(struct environment *environment, char *const envp[], const char *library);

/* The value that a variable has, or else had when the program was started; NULL: neither. */
const char *environment_get(const char *name);

/*
 * What a new program's environment lacks to be in this program's session. The size is that of the memory that
 * environment_complete wants, 0 where nothing is missing. One that names another session keeps its variables; then
 * only the library may be missing. Neither function allocates, locks or writes anything but `room`: they may run in a
 * signal handler or between vfork and exec. `envp` may be NULL, which Linux takes for an empty one.
 */
size_t environment_missing(const struct environment *environment, char *const envp[]);
char **environment_complete(const struct environment *environment, char *const envp[], void *room, size_t size);

#endif
