/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Memory that another process (or another API) exported: it pays for it. This is the one place where an import begins
 * and ends, with the key by which exporter and importer can be brought together. Imports have no entry in the ledger, so
 * closing them credits nothing.
 */
#ifndef GPUSLICE_IMPORTS_H
#define GPUSLICE_IMPORTS_H

#include "cuda_types.h"
#include "state.h"

enum import_kind {
    IMPORT_IPC = 1,    /* handle: the address; key: the 64 bytes of the IPC handle */
    IMPORT_PHYSICAL,   /* handle: the allocation handle */
    IMPORT_POOL,       /* handle: the pool */
    IMPORT_POOL_POINTER, /* handle: the address; key: the 64 bytes of the export */
    IMPORT_EXTERNAL,   /* handle: the external memory object */
};

struct import_key {
    uint8_t bytes[64]; /* st_dev and st_ino of a descriptor, or what the driver calls a handle; all 0: there is none */
};

struct import {
    uint64_t handle;
    uint64_t kind; /* enum import_kind */
    struct import_key key;
};

/* The key of a descriptor. One on a character device says nothing: that is the same for every allocation. */
struct import_key imports_key_of_descriptor(int descriptor);
struct import_key imports_key_of_bytes(const void *bytes);
/* As the program passes it to the driver, which may close it: a descriptor as if it were a pointer. */
struct import_key imports_key_of_shareable(void *shareable, int type);

void imports_begin(struct process *process, uint64_t handle, enum import_kind kind, struct import_key key);
void imports_end(struct process *process, uint64_t handle);

/* Whether `handle` is one, and which. */
bool imports_find(struct process *process, uint64_t handle, struct import *import);

#endif
