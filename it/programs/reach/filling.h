/* SPDX-License-Identifier: Apache-2.0 */
/* A limit tried out through functions of the driver that somebody has found: 1 MiB blocks until refused, four freed, and
 * until refused again. Says "held=N refused=C", "again=N refused=C", "freed". */
#ifndef FILLING_H
#define FILLING_H

#include <cuda.h>

#include "guest.h"

/* Finds a function by its name, or by its base name for a look-up that minds versions. Ends the program if it is not there. */
typedef void *find_fn(const char *name, const char *base);

enum abi {
    TODAYS,
    OLDEST, /* of before CUDA 3.2: pointers and sizes have 32 bits */
    STREAM, /* in the order of stream 0 */
};

#define FILLING_MOST 4096

struct filling {
    enum abi abi;
    void *alloc, *release;
    CUdeviceptr blocks[FILLING_MOST];
    size_t held;
};

static inline int filling_alloc(struct filling *filling)
{
    CUdeviceptr *block = &filling->blocks[filling->held];
    unsigned old = 0;
    int code;
    switch (filling->abi) {
    case OLDEST:
        code = ((CUresult(*)(unsigned *, unsigned))filling->alloc)(&old, MIB);
        *block = old;
        break;
    case STREAM:
        code = ((CUresult(*)(CUdeviceptr *, size_t, CUstream))filling->alloc)(block, MIB, NULL);
        break;
    default:
        code = ((CUresult(*)(CUdeviceptr *, size_t))filling->alloc)(block, MIB);
    }
    filling->held += code == 0;
    return code;
}

static inline int filling_free(struct filling *filling)
{
    CUdeviceptr block = filling->blocks[--filling->held];
    switch (filling->abi) {
    case OLDEST:
        return ((CUresult(*)(unsigned))filling->release)((unsigned)block);
    case STREAM:
        return ((CUresult(*)(CUdeviceptr, CUstream))filling->release)(block, NULL);
    default:
        return ((CUresult(*)(CUdeviceptr))filling->release)(block);
    }
}

static inline int filling_until_refused(struct filling *filling)
{
    int code = 0;
    while (filling->held < FILLING_MOST && (code = filling_alloc(filling)) == 0) {
    }
    return code;
}

/* `find` is for everything but the allocations, `find_memory` for those. What the program ends with. */
static inline int fill_by(find_fn *find, find_fn *find_memory, enum abi abi)
{
    static struct filling filling;
    CUdevice device;
    CUcontext context;
    int code = ((CUresult(*)(unsigned))find("cuInit", "cuInit"))(0);
    if (code == 0)
        code = ((CUresult(*)(CUdevice *, int))find("cuDeviceGet", "cuDeviceGet"))(&device, 0);
    if (code == 0 && abi == OLDEST) /* there were no primary contexts then, and others do not take the oldest calls */
        code = ((CUresult(*)(CUcontext *, unsigned, CUdevice))find("cuCtxCreate", "cuCtxCreate"))(&context, 0, device);
    else if (code == 0)
        code = ((CUresult(*)(CUcontext *, CUdevice))find("cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRetain"))(
            &context, device);
    if (code == 0)
        code = ((CUresult(*)(CUcontext))find("cuCtxSetCurrent", "cuCtxSetCurrent"))(context);
    if (code != 0) {
        say("opened=%d", code);
        return 1;
    }
    filling.abi = abi;
    filling.alloc = abi == STREAM   ? find_memory("cuMemAllocAsync", "cuMemAllocAsync")
                    : abi == OLDEST ? find_memory("cuMemAlloc", "cuMemAlloc")
                                    : find_memory("cuMemAlloc_v2", "cuMemAlloc");
    filling.release = abi == STREAM   ? find_memory("cuMemFreeAsync", "cuMemFreeAsync")
                      : abi == OLDEST ? find_memory("cuMemFree", "cuMemFree")
                                      : find_memory("cuMemFree_v2", "cuMemFree");
    code = filling_until_refused(&filling);
    say("held=%zu refused=%d", filling.held, code);
    for (int i = 0; i < 4; i++)
        if (filling.held > 0 && (code = filling_free(&filling)) != 0)
            say("free failed=%d", code);
    code = filling_until_refused(&filling);
    say("again=%zu refused=%d", filling.held, code);
    while (filling.held > 0)
        if ((code = filling_free(&filling)) != 0) {
            say("free failed=%d", code);
            return 1;
        }
    say("freed");
    return 0;
}

#endif
