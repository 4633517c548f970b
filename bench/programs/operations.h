/* SPDX-License-Identifier: Apache-2.0 */
/* What one pair of a family is. */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <cuda.h>

/* One allocation, as its family needs it to give it back. */
struct slot {
    union {
        CUdeviceptr address;
        void *pointer;
        CUmemGenericAllocationHandle handle;
        CUarray array;
        CUmipmappedArray mipmapped;
    };
    CUdeviceptr mapped;
};

/* Both answer CUDA's code. `give` is NULL where one call is all there is (cuMemGetInfo, a launch). */
struct operation {
    const char *name;
    int (*prepare)(void); /* once, with a context current; may be NULL */
    int (*take)(struct slot *slot);
    int (*give)(struct slot *slot);
};

const struct operation *operation_named(const char *name); /* NULL: there is none */
int operations_open(CUcontext *context);

#endif
