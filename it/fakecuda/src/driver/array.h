/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARRAY_H
#define ARRAY_H

#include "import.h"

struct array_memory;

struct CUarray_st {
    CUDA_ARRAY3D_DESCRIPTOR desc;
    struct array_memory *memory; /* NULL of a mip level or a plane: it is its owner's */
    CUmipmappedArray level_of;   /* NULL unless it is a mip level */
    CUarray planes[3];           /* made when first asked for, gone with the array */
};

struct CUmipmappedArray_st {
    CUDA_ARRAY3D_DESCRIPTOR desc;
    struct array_memory *memory;
    unsigned levels;
    CUarray level[32]; /* made when first asked for */
};

/* Ends what is mapped into the array or mipmapped array, which is no more (map_array.c). */
void array_unmap_all(const void *array);

/* Frees every array of the context. */
void arrays_free_all(CUcontext context);

/* The bytes of one level. UINT64_MAX: not to be had. */
uint64_t array_bytes(const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned level);
/* CUDA_SUCCESS if the extents, the format and the flags go together as documented. */
CUresult array_check(const CUDA_ARRAY3D_DESCRIPTOR *desc, bool mipmapped);
/* A mipmapped array on memory that another interface owns; takes over the reference, which may be NULL. */
CUresult array_import(CUmipmappedArray *array, const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned levels, uint64_t room,
                      struct exported *exported);

/* True if it was made with CUDA_ARRAY3D_SPARSE or CUDA_ARRAY3D_DEFERRED_MAPPING: its memory is mapped into it. */
bool array_is_mapped_later(const CUDA_ARRAY3D_DESCRIPTOR *desc);

#endif
