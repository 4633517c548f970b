/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The few types and numbers of CUDA's public interface (CUDA 13.0) that the hooks need, so that no toolkit is needed to
 * build. Structs that are passed by pointer and only read in part are described as far as they are read.
 */
#ifndef GPUSLICE_CUDA_TYPES_H
#define GPUSLICE_CUDA_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef int gs_result; /* CUresult, cudaError_t and nvmlReturn_t: success is 0 in all */
typedef int gs_device; /* CUdevice: an ordinal */
typedef unsigned long long gs_deviceptr;
typedef unsigned int gs_deviceptr_v1; /* CUdeviceptr before CUDA 3.2 */
typedef unsigned long long gs_handle; /* CUmemGenericAllocationHandle */
typedef void *gs_object;              /* CUcontext, CUstream, CUmemoryPool, CUarray, CUgraph …: opaque pointers */

enum {
    GS_SUCCESS = 0,
    GS_INVALID_VALUE = 1,
    GS_OUT_OF_MEMORY = 2,
    GS_NOT_INITIALIZED = 3, /* cudaErrorInitializationError in the runtime */
    GS_NOT_FOUND = 500,
    GS_NOT_READY = 600,
};
enum { GS_POINTER_DEVICE_ORDINAL = 9 }; /* CUpointer_attribute */
enum { GS_EVENT_DISABLE_TIMING = 2 }; /* CUevent_flags */
enum { GS_PROC_SYMBOL_NOT_FOUND = 1 }; /* CUdriverProcAddressQueryResult */
enum { GS_PROC_PER_THREAD_STREAM = 2 }; /* CUdriverProcAddress_flags */

/* CUmemLocation, CUmemLocationType */
enum { GS_LOCATION_NONE = 0, GS_LOCATION_DEVICE = 1 };
struct gs_location {
    int type;
    int id;
};

/* CUmemAllocationProp */
struct gs_allocation_prop {
    int type;
    int handle_types;
    struct gs_location location;
    void *win32;
    unsigned char flags[8];
};
_Static_assert(sizeof(struct gs_allocation_prop) == 32, "CUmemAllocationProp has 32 bytes");

/* CUmemPoolProps */
enum { GS_ALLOCATION_MANAGED = 2 };
struct gs_pool_props {
    int type;
    int handle_types;
    struct gs_location location;
    void *win32;
    size_t max_size;
    unsigned short usage;
    unsigned char reserved[54];
};
_Static_assert(sizeof(struct gs_pool_props) == 88, "CUmemPoolProps has 88 bytes");

/* CUmemPool_attribute, CUgraphMem_attribute: the values are 64-bit */
enum { GS_POOL_RELEASE_THRESHOLD = 4, GS_POOL_RESERVED = 5, GS_POOL_USED = 7 };
enum { GS_GRAPH_USED = 0, GS_GRAPH_RESERVED = 2 };

/* CUstreamCaptureStatus, CUstreamCaptureMode */
enum { GS_CAPTURE_NONE = 0, GS_CAPTURE_MODE_RELAXED = 2 };

/* CUDA_MEM_ALLOC_NODE_PARAMS */
struct gs_alloc_node {
    struct gs_pool_props props;
    const void *access;
    size_t access_count;
    size_t bytes;
    gs_deviceptr address;
};
_Static_assert(sizeof(struct gs_alloc_node) == 120, "CUDA_MEM_ALLOC_NODE_PARAMS has 120 bytes");

/* CUgraphNodeType */
enum { GS_NODE_GRAPH = 4, GS_NODE_MEM_ALLOC = 10 };
/* CUgraphNodeParams, as far as it is read */
struct gs_node_params {
    int type;
    int reserved[3];
};
/* CUDA_GRAPH_INSTANTIATE_PARAMS */
enum { GS_INSTANTIATE_UPLOAD = 2 };
struct gs_instantiate_params {
    uint64_t flags;
    gs_object stream;
    gs_object error_node;
    int result;
};

/* CUDA_ARRAY_DESCRIPTOR, CUDA_ARRAY3D_DESCRIPTOR and their 32-bit elders */
struct gs_array {
    size_t width, height;
    int format;
    unsigned int channels;
};
struct gs_array_v1 {
    unsigned int width, height;
    int format;
    unsigned int channels;
};
struct gs_array3d {
    size_t width, height, depth;
    int format;
    unsigned int channels;
    unsigned int flags;
};
struct gs_array3d_v1 {
    unsigned int width, height, depth;
    int format;
    unsigned int channels;
    unsigned int flags;
};
enum {
    GS_ARRAY_LAYERED = 0x01,
    GS_ARRAY_CUBEMAP = 0x04,
    GS_ARRAY_SPARSE = 0x40,
    GS_ARRAY_DEFERRED = 0x80,
};

/* CUarrayMapInfo */
enum { GS_OPERATION_MAP = 1 };
struct gs_array_map {
    int resource_type;
    gs_object resource;
    int subresource_type;
    union {
        unsigned int level[8];
        unsigned long long tail[3];
    } subresource;
    int operation;
    int handle_type;
    gs_handle handle;
    unsigned long long offset;
    unsigned int devices;
    unsigned int flags;
    unsigned int reserved[2];
};
_Static_assert(sizeof(struct gs_array_map) == 96, "CUarrayMapInfo has 96 bytes");

/* CUipcMemHandle: passed by value, so its size is part of the calling convention */
struct gs_ipc_handle {
    char bytes[64];
};
/* CUmemAllocationHandleType */
enum { GS_HANDLE_POSIX_FD = 1, GS_HANDLE_FABRIC = 8 };
/* CUDA_EXTERNAL_MEMORY_HANDLE_DESC, as far as it is read */
enum { GS_EXTERNAL_OPAQUE_FD = 1, GS_EXTERNAL_DMABUF_FD = 9 };
struct gs_external_memory {
    int type;
    union {
        int fd;
        void *words[2];
    } handle;
    unsigned long long size;
};

/* nvmlMemory_t and nvmlMemory_v2_t */
enum { GS_NVML_FUNCTION_NOT_FOUND = 13 };
struct gs_nvml_memory {
    unsigned long long total, free, used;
};
struct gs_nvml_memory_v2 {
    unsigned int version;
    unsigned long long total, reserved, free, used;
};

/* One function type per name: `cuMemAlloc_v2_fn`. */
#define DRIVER_HOOK(name, base, since, family, test, parameters) typedef gs_result name##_fn parameters;
#define RUNTIME_HOOK(name, family, test, parameters) typedef gs_result name##_fn parameters;
#define NVML_HOOK(name, family, test, parameters) typedef gs_result name##_fn parameters;
#define DRIVER_CALL(name, parameters) typedef gs_result name##_fn parameters;
#define RUNTIME_CALL(name, parameters) typedef gs_result name##_fn parameters;
#define NVML_CALL(name, parameters) typedef gs_result name##_fn parameters;
#include "hooks.def"

#endif
