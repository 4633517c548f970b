/* SPDX-License-Identifier: Apache-2.0 */
/* The handles that are out: a stale or invented one is recognised instead of followed, where the real driver would
 * crash. */
#ifndef HANDLES_H
#define HANDLES_H

#include <stdbool.h>

enum handle_type {
    HANDLE_STREAM = 1,
    HANDLE_EVENT,
    HANDLE_POOL,
    HANDLE_PHYSICAL,
    HANDLE_ARRAY,
    HANDLE_MIPMAP,
    HANDLE_GRAPH,
    HANDLE_NODE,
    HANDLE_EXEC,
    HANDLE_EXTERNAL,
};

/* False if there is no memory for it. */
bool handle_add(enum handle_type type, const void *handle);
bool handle_known(enum handle_type type, const void *handle);
/* Exactly one caller succeeds. */
bool handle_remove(enum handle_type type, const void *handle);

#endif
