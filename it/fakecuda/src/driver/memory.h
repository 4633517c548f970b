/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_H
#define MEMORY_H

#include "heap.h"

/* Frees every block of the context, as its destruction does. */
void memory_free_all(CUcontext context);
/* Frees the claimed block; its bytes are the context's. */
void memory_give_back(CUdeviceptr address, struct block *block, enum fakecuda_call call);
/* True for the free that $FAKECUDA_FAIL_FREE says; counts the frees. */
bool memory_free_must_fail(void);

/* What the driver itself may copy to and from: fails where nothing is mapped. A range the driver does not know is the
 * program's own host memory. */
CUresult memory_resolve(CUdeviceptr address, size_t bytes, bool must_be_device);

#endif
