/* SPDX-License-Identifier: Apache-2.0 */
/* Processes for tests: the parent never uses CUDA itself, so each child is a CUDA process of its own. */
#ifndef CHILD_H
#define CHILD_H

#include <cuda.h>
#include <fakecuda_card.h>
#include <fcntl.h>
#include <nvml.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PATIENCE 120 /* seconds; whatever hangs is ended by SIGALRM */

struct child {
    pid_t pid;
    int to, from;
};

static int child_in, child_out;
/* The parent's ends, which a later child must not keep open: the earlier one would wait for the end of its input. */
static bool parents_end[1024];

/* A number to the parent, and one from it. */
static inline void report(long long number)
{
    CHECK_EQ(write(child_out, &number, sizeof number), sizeof number);
}

static inline void await_parent(void)
{
    char c;
    if (read(child_in, &c, 1) != 1)
        _exit(0);
}

static inline struct child start(void (*body)(void))
{
    int to[2], from[2];
    CHECK_EQ(pipe2(to, O_CLOEXEC) | pipe2(from, O_CLOEXEC), 0);
    struct child child = {.pid = fork(), .to = to[1], .from = from[0]};
    if (child.pid == 0) {
        alarm(PATIENCE);
        close(to[1]);
        close(from[0]);
        for (int fd = 0; fd < 1024; fd++)
            if (parents_end[fd])
                close(fd);
        child_in = to[0];
        child_out = from[1];
        body();
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    parents_end[child.to] = parents_end[child.from] = true;
    return child;
}

static inline long long hear(const struct child *child)
{
    long long number;
    CHECK_EQ(read(child->from, &number, sizeof number), sizeof number);
    return number;
}

static inline void tell(const struct child *child)
{
    CHECK_EQ(write(child->to, "g", 1), 1);
}

/* Its wait status. */
static inline int end(const struct child *child, int signal)
{
    int status;
    close(child->to);
    parents_end[child->to] = parents_end[child->from] = false;
    if (signal != 0)
        kill(child->pid, signal);
    CHECK_EQ(waitpid(child->pid, &status, 0), child->pid);
    close(child->from);
    return status;
}

static inline void open_gpu(void)
{
    CUcontext context;
    CHECK_EQ(cuInit(0), CUDA_SUCCESS);
    CHECK_EQ(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSetCurrent(context), CUDA_SUCCESS);
}

/* How many MiB blocks fit; they are kept. */
static inline int fill(void)
{
    CUdeviceptr p;
    int count = 0;
    CUresult code;
    while ((code = cuMemAlloc(&p, MIB)) == CUDA_SUCCESS)
        count++;
    CHECK_EQ(code, CUDA_ERROR_OUT_OF_MEMORY);
    return count;
}

static inline const struct fakecuda_card *map_card(void)
{
    int fd = open(getenv("FAKECUDA_STATE"), O_RDONLY | O_CLOEXEC);
    const void *map = mmap(NULL, sizeof(struct fakecuda_card), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(fd >= 0 && map != MAP_FAILED);
    close(fd);
    return map;
}

/* What the living hold, by NVML. */
static inline unsigned long long used(unsigned index)
{
    nvmlDevice_t device;
    nvmlMemory_t memory;
    CHECK_EQ(nvmlDeviceGetHandleByIndex_v2(index, &device), NVML_SUCCESS);
    CHECK_EQ(nvmlDeviceGetMemoryInfo(device, &memory), NVML_SUCCESS);
    return memory.used;
}

#endif
