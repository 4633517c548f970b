/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_calls.h"

static _Thread_local cudaError_t last_error;

#define ERRORS(X)                                                                                                      \
    X(cudaSuccess, "no error")                                                                                         \
    X(cudaErrorInvalidValue, "invalid argument")                                                                       \
    X(cudaErrorMemoryAllocation, "out of memory")                                                                      \
    X(cudaErrorInitializationError, "initialization error")                                                            \
    X(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy")                                            \
    X(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version")                     \
    X(cudaErrorNoDevice, "no CUDA-capable device is detected")                                                         \
    X(cudaErrorInvalidDevice, "invalid device ordinal")                                                                \
    X(cudaErrorDeviceUninitialized, "invalid device context")                                                          \
    X(cudaErrorMapBufferObjectFailed, "mapping of buffer object failed")                                               \
    X(cudaErrorInvalidResourceHandle, "invalid resource handle")                                                       \
    X(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing")                           \
    X(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture")                    \
    X(cudaErrorNotSupported, "operation not supported")                                                                \
    X(cudaErrorSystemNotReady, "system not yet initialized")                                                           \
    X(cudaErrorUnknown, "unknown error")

cudaError_t remember(CUresult error)
{
    if (error != CUDA_SUCCESS)
        last_error = (cudaError_t)error;
    return (cudaError_t)error;
}

/* "Returns the last error ... and resets it to cudaSuccess" */
API cudaError_t cudaGetLastError(void)
{
    cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

API cudaError_t cudaPeekAtLastError(void)
{
    return last_error;
}

API const char *cudaGetErrorName(cudaError_t error)
{
    switch (error) {
#define X(code, text)                                                                                                  \
    case code: return #code;
        ERRORS(X)
#undef X
    }
    return "unrecognized error code";
}

API const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
#define X(code, text)                                                                                                  \
    case code: return text;
        ERRORS(X)
#undef X
    }
    return "unrecognized error code";
}
