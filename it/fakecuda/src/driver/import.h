/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that processes share, as this process sees it: what it exported itself and what it imported. */
#ifndef IMPORT_H
#define IMPORT_H

#include "heap.h"

/* This process's references to one shared memory. Its last one leaves the memory to the other processes. */
struct exported;

/* Makes memory that this process holds as `kind` one that may be shared, with one reference; NULL if there is no
 * room. */
struct exported *exported_start(uint32_t device, uint64_t bytes, enum fakecuda_kind kind);
/* One more reference to what some process exported; NULL if it is gone. */
struct exported *exported_join(const struct card_shared *shared);
/* The same by a descriptor that exported_descriptor returned somewhere. */
struct exported *exported_join_descriptor(int fd);
void exported_end(struct exported *exported);

const struct card_shared *exported_id(const struct exported *exported);
uint64_t exported_bytes(const struct exported *exported);
/* A descriptor to hand out, which keeps the memory alive as long as it is open; or one for a mapping, which does
 * not. */
int exported_descriptor(const struct exported *exported, bool to_hand_out);

/* A block whose memory is another process's. */
struct import {
    enum { IMPORT_IPC, IMPORT_OTHER } type; /* by cuIpcOpenMemHandle, or by anything else */
    struct exported *exported; /* NULL of another interface's memory */
    unsigned opened; /* cuIpcOpenMemHandle counts */
};

/* A live block on a part of a file, which may be no shared memory's at all; takes over the reference. */
CUresult import_buffer(struct exported *exported, int fd, CUcontext context, uint64_t offset, uint64_t bytes,
                       CUdeviceptr *pointer);
/* A live block with `offset` and `bytes` of the shared memory; takes over the reference. */
CUresult import_block(struct exported *exported, int type, uint64_t offset, uint64_t bytes, CUcontext context,
                      CUdeviceptr *pointer);
CUresult import_free(CUdeviceptr address, struct block *block, enum fakecuda_call call);
/* The device's ordinal in this process; -1 if CUDA_VISIBLE_DEVICES hides it. */
int import_ordinal(uint32_t device);

#endif
