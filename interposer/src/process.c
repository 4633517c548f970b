/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#include "debug.h"
#include "descriptor.h"

_Thread_local struct guard guard __attribute__((tls_model("initial-exec")));

struct process *_Atomic the_process;

/* Written under the process's lock, read by a child before it has threads. A fork in the midst of the write leaves a
 * mixture, which descriptor_is_ours() then does not recognise. */
static struct descriptor inherited_socket, inherited_page;

void process_leave_to_children(const struct descriptor *socket, const struct descriptor *page)
{
    inherited_socket = *socket;
    inherited_page = *page;
}

static struct process *reserve_memory(void)
{
    struct process *process =
        mmap(NULL, sizeof *process, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (process == MAP_FAILED)
        return NULL;
    /* pthread_atfork misses _Fork and clone; the kernel's own wiping misses none of them, and costs nothing to check
     * (getpid would be a system call per allocation). Linux 4.14. */
    if (madvise(process, sizeof *process, MADV_WIPEONFORK) != 0) {
        munmap(process, sizeof *process);
        return NULL;
    }
    struct process *expected = NULL;
    if (!atomic_compare_exchange_strong_explicit(&the_process, &expected, process, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        munmap(process, sizeof *process);
        return expected;
    }
    return process;
}

/* 16 bytes come whole once the kernel's pool is seeded, long before there is a CUDA driver. Where a sandbox forbids the
 * call, the time and an address will do: the id is no secret, it must differ from that of the image before exec. */
static void draw_image_id(uint8_t id[16])
{
    ssize_t drawn;
    do
        drawn = getrandom(id, 16, 0);
    while (drawn < 0 && errno == EINTR);
    if (drawn < 16) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t words[2] = {(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, (uintptr_t)id};
        memcpy(id, words, sizeof words);
    }
}

static void start(struct process *process)
{
    uint32_t fresh = PROCESS_FRESH;
    if (!atomic_compare_exchange_strong(&process->phase, &fresh, PROCESS_STARTING)) {
        while (atomic_load_explicit(&process->phase, memory_order_acquire) != PROCESS_READY)
            sched_yield(); /* another thread is a few instructions away from ready */
        return;
    }
    /* close() is a cancellation point, and the others wait for this thread. */
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    /* In a child these are copies of the parent's; in a first process they are not open. */
    descriptor_close(&inherited_socket);
    descriptor_close(&inherited_page);
    draw_image_id(process->image_id);
    memcpy(&process->generation, process->image_id, sizeof process->generation);
    process->connection.passed = -1;
    atomic_store_explicit(&process->phase, PROCESS_READY, memory_order_release);
    pthread_setcancelstate(cancel_state, NULL);
}

struct process *process_get(void)
{
    struct process *process = process_if_started();
    if (process != NULL)
        return process;
    int saved = errno;
    process = atomic_load_explicit(&the_process, memory_order_acquire);
    if (process == NULL)
        process = reserve_memory();
    if (process == NULL)
        debug_notice("no memory for gpuslice's own state (%zu bytes that fork wipes): memory is refused", sizeof *process);
    else
        start(process);
    errno = saved;
    return process;
}
