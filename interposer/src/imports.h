/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Memory that another process (or another API) exported: it pays for it as long as it lives and keeps it. This is the one
 * place where an import begins and ends; the daemon is told under which key (shares.h). Imports have no entry in the
 * ledger, so closing them credits nothing here.
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

struct import {
    uint64_t handle;
    uint32_t kind; /* enum import_kind */
    uint32_t references; /* an IPC handle that is opened again gives the same address */
    struct share_key key;
};

/* The key of a descriptor. One on a character device says nothing: that is the same for every allocation. */
struct share_key imports_key_of_descriptor(int descriptor);
struct share_key imports_key_of_bytes(const void *bytes);
/* As the program passes it to the driver, which may close it: a descriptor as if it were a pointer. */
struct share_key imports_key_of_shareable(void *shareable, int type);

/* `device` and `bytes` as far as the driver says: 0 where it does not. False: nobody would pay for it once its exporter is
 * gone, so it is to be closed again. */
bool imports_begin(struct process *process, uint64_t handle, enum import_kind kind, struct share_key key,
                   uint32_t device, uint64_t bytes);
void imports_end(struct process *process, uint64_t handle);
/* A context is gone, and what was opened in it: an IPC handle's memory is the context's. */
void imports_context_ended(struct process *process);

/* Whether `handle` is one, and which. */
bool imports_find(struct process *process, uint64_t handle, struct import *import);

#endif
