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
static _Atomic bool failing;

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
    failing = false;
}

void test_end(const char *name)
{
    printf("%s %s\n", failing ? "FAILED" : "ok    ", name);
    fflush(stdout);
    failing ? failed++ : passed++;
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
                         .table = (void *)((char *)header + GPUSLICE_PAGE_TABLE_OFFSET)};
}

struct process *test_process_create(uint32_t devices)
{
    struct process *process = calloc(1, sizeof *process);
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

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "coverage") == 0)
        return coverage_print(stdout);
    if (argc > 1)
        return debug_test_speak(argv[1]);
    setenv("GPUSLICE_DEBUG", "0", 1); /* the refusals below are meant */
    accounting_tests();
    table_tests();
    sizes_tests();
    config_tests();
    debug_tests();
    golden_tests();
    abi_tests();
    process_tests();
    transport_tests();
    map_tests();
    linear_tests();
    pool_tests();
    vmm_tests();
    array_tests();
    graph_tests();
    context_tests();
    import_tests();
    info_tests();
    coverage_tests(); /* last: it asks which tests were run */
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
