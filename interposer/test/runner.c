/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "descriptor.h"
#include "test.h"

static int passed, failed;
static _Atomic bool failing, left_out;

bool test_check(bool holds, const char *file, int line, const char *text)
{
    if (!holds) {
        failing = true;
        printf("    %s:%d: not so: %s\n", file, line, text);
    }
    return holds;
}

bool test_check_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *text)
{
    if (actual != expected) {
        failing = true;
        printf("    %s:%d: %s is %llu, not %llu\n", file, line, text, (unsigned long long)actual,
               (unsigned long long)expected);
    }
    return actual == expected;
}

/* The names of the tests so far: hooks.def says which of them prove what. */
static const char *names[512];
static int run_count;

static void note_run(const char *name)
{
    if (run_count < (int)(sizeof names / sizeof *names))
        names[run_count++] = name;
}

bool test_was_run(const char *name)
{
    for (int i = 0; i < run_count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

void test_begin(void)
{
    failing = left_out = false;
}

bool test_skip_emulated(const char *why)
{
#ifdef TEST_RUNNER
    left_out = true;
    printf("    left to the run on this machine: the emulator %s\n", why);
#else
    (void)why;
#endif
    return left_out;
}

bool test_skip_unless_root(const char *why)
{
    if (geteuid() != 0) {
        left_out = true;
        printf("    left out: only root can %s\n", why);
    }
    return left_out;
}

void test_end(const char *name)
{
    printf("%s %s\n", failing ? "FAILED" : left_out ? "-     " : "ok    ", name);
    fflush(stdout);
    if (failing)
        failed++;
    else if (!left_out) /* it is no gap: the other machine's run has it */
        passed++;
    note_run(name);
}

void test_run(const char *name, void (*test)(void))
{
    test_begin();
    test();
    test_end(name);
}

uint64_t test_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct start {
    pthread_t thread;
    void (*body)(void *, int);
    void *context;
    int index;
};

static void *run_thread(void *argument)
{
    struct start *start = argument;
    start->body(start->context, start->index);
    return NULL;
}

void test_threads(int count, void (*body)(void *, int), void *context)
{
    struct start *starts = calloc((size_t)count, sizeof *starts);
    for (int i = 0; i < count; i++) {
        starts[i] = (struct start){.body = body, .context = context, .index = i};
        if (pthread_create(&starts[i].thread, NULL, run_thread, &starts[i]) != 0)
            abort();
    }
    for (int i = 0; i < count; i++)
        pthread_join(starts[i].thread, NULL);
    free(starts);
}

int test_page_create(uint32_t devices, uint8_t id)
{
    int memfd = memfd_create("test page", MFD_CLOEXEC);
    if (memfd < 0 || ftruncate(memfd, (off_t)GPUSLICE_PAGE_SIZE) != 0)
        abort();
    struct gpuslice_page_header *header = test_page_map(memfd);
    header->version = GPUSLICE_ABI_VERSION;
    header->device_count = devices;
    header->size = GPUSLICE_PAGE_SIZE;
    memset(header->page_id, id, sizeof header->page_id);
    __atomic_store_n(&header->magic, GPUSLICE_PAGE_MAGIC, __ATOMIC_RELEASE);
    test_page_unmap(header);
    return memfd;
}

struct gpuslice_page_header *test_page_map(int memfd)
{
    void *memory = mmap(NULL, GPUSLICE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    if (memory == MAP_FAILED)
        abort();
    return memory;
}

void test_page_unmap(struct gpuslice_page_header *header)
{
    munmap(header, GPUSLICE_PAGE_SIZE);
}

struct gpuslice_page_device *test_page_device(struct gpuslice_page_header *header, uint32_t device)
{
    return (struct gpuslice_page_device *)(header + 1) + device;
}

struct page test_page_view(struct gpuslice_page_header *header)
{
    return (struct page){.header = header,
                         .devices = test_page_device(header, 0),
                         .counts = (void *)((char *)header + GPUSLICE_PAGE_COUNTS_OFFSET),
                         .table = (void *)((char *)header + GPUSLICE_PAGE_TABLE_OFFSET)};
}

struct process *test_process_create(uint32_t devices)
{
    static _Atomic uint64_t generation;
    struct process *process = calloc(1, sizeof *process);
    process->generation = ++generation;
    process->connection.passed = -1;
    process->devices.count = devices;
    for (uint32_t i = 0; i < devices; i++)
        memset(process->devices.uuid[i], (int)i + 1, GPUSLICE_UUID_SIZE);
    memset(process->image_id, 0x42, sizeof process->image_id);
    process->has_devices = 1;
    process->phase = PROCESS_READY;
    return process;
}

void test_process_destroy(struct process *process)
{
    descriptor_close(&process->connection.socket);
    for (uint32_t i = 0; i < process->page_count; i++) {
        descriptor_close(&process->pages[i].descriptor);
        test_page_unmap(process->pages[i].header);
    }
    free(process);
}

int test_summary(void)
{
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
