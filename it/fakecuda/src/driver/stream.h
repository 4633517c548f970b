/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAM_H
#define STREAM_H

#include "driver.h"

struct capture;

struct CUstream_st {
    CUcontext context;
    unsigned flags;
    unsigned long long id;
    struct capture *capture; /* NULL = none; under the capture lock */
};

/* A stream as a call means it. */
struct stream_use {
    CUstream key; /* tells streams apart: the two default streams have one too */
    CUcontext context;
    struct capture *capture;
};

/* Finds out what a stream argument means; `per_thread` where the name called ends in _ptsz or _ptds. Of an explicit
 * stream the context is its own; a default stream needs a current one, else CUDA_ERROR_INVALID_CONTEXT. */
CUresult stream_use(CUstream stream, bool per_thread, struct stream_use *use);

/* --- capture (capture.c) --- */

/* Whether the calling thread may make a call that stream capture would miss, such as cuMemAlloc; if not, the captures
 * in its way are invalid from now on. */
bool capture_allows_unsafe_call(void);
/* Adds what is captured: a node of the type, whose handle is of no interest. */
CUresult capture_add(const struct stream_use *use, CUgraphNodeType type);
CUresult capture_alloc(const struct stream_use *use, CUmemoryPool pool, CUdeviceptr *pointer, size_t bytes);
CUresult capture_free(const struct stream_use *use, CUdeviceptr pointer);
/* A call that cannot be captured was made on the stream: its capture is invalid. */
CUresult capture_refuse(const struct stream_use *use);
/* The other stream goes on where this one is: it takes part in the capture. */
void capture_join(CUstream stream, struct capture *capture);
bool capture_live(const struct capture *capture);
void capture_forget_stream(CUstream stream);

#endif
