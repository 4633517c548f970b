/* SPDX-License-Identifier: Apache-2.0 */
/* differential [--seed N] [--steps N] [--threads N] [--processes N] [--without NAME,NAME…] [--verbose]: does random
 * operations of all families and compares the ledger page with the simulated card's books, after each step where one
 * thread is alone, at every barrier where there are several. Says "seed=N steps=N refused=N" at the end; a difference ends
 * it with 1, its seed and step, the last operations and both books. */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "books.h"
#include "peer.h"
#include "world.h"

#define JOURNAL 50
#define LINE 176
#define THREADS 16
#define BETWEEN_BARRIERS 100
#define PATIENCE 120 /* seconds without a step: it hangs */

static struct {
    uint64_t seed, steps;
    unsigned threads, processes;
    const char *without;
    bool verbose;
} options = {.steps = 20000, .threads = 1, .processes = 1, .without = ""};

static const struct operation *const families[] = {linear_operations,   pool_operations,    array_operations,
                                                   physical_operations, graph_operations,   context_operations,
                                                   sharing_operations};

/* ------------------------------------------------------------ the journal */

static struct {
    atomic_ulong count;
    char line[JOURNAL][LINE];
} journal;
static _Atomic uint64_t step_now;
static atomic_ulong refused;

CUresult did(struct world *world, CUresult result, const char *format, ...)
{
    va_list arguments;
    char *line = journal.line[atomic_fetch_add(&journal.count, 1) % JOURNAL];
    int length = snprintf(line, LINE, "%llu %u: ", (unsigned long long)atomic_load(&step_now), world->number);
    va_start(arguments, format);
    length += vsnprintf(line + length, LINE - (size_t)length, format, arguments);
    va_end(arguments);
    if (length < LINE)
        snprintf(line + length, LINE - (size_t)length, " -> %d", result);
    if (result == CUDA_ERROR_OUT_OF_MEMORY)
        atomic_fetch_add(&refused, 1);
    if (options.verbose)
        fprintf(stderr, "%s\n", line);
    return result;
}

static void print_journal(void)
{
    unsigned long count = atomic_load(&journal.count);
    fprintf(stderr, "seed %llu, step %llu; the last operations:\n", (unsigned long long)options.seed,
            (unsigned long long)atomic_load(&step_now));
    for (unsigned long i = count > JOURNAL ? count - JOURNAL : 0; i < count; i++)
        fprintf(stderr, "  %s\n", journal.line[i % JOURNAL]);
}

static void hangs(int signal)
{
    (void)signal;
    fprintf(stderr, "HANGS: no step for %d s\n", PATIENCE);
    books_fail();
}

/* ------------------------------------------------------------ looking */

/* Makes the ledger look at what pools and graphs hold: cuMemGetInfo of each device does. False: it could not. */
static bool look(struct world *world)
{
    CUcontext popped;
    size_t available, total;
    bool looked = true;
    for (int device = 0; device < DEVICES; device++) {
        if (world->retained[device] == 0 && cuDevicePrimaryCtxRetain(&world->primary[device], device) == CUDA_SUCCESS)
            world->retained[device]++;
        CUresult result = cuCtxPushCurrent_v2(world->primary[device]);
        if (result == CUDA_SUCCESS) {
            result = cuMemGetInfo_v2(&available, &total);
            cuCtxPopCurrent_v2(&popped);
        }
        did(world, result, "cuMemGetInfo_v2() of device %d", device);
        if (result == CUDA_SUCCESS)
            books_compare_info(device, available, total, peer_used(device));
        looked &= result == CUDA_SUCCESS;
    }
    return looked;
}

void expect_reason(struct world *world, CUresult result, int device, size_t bytes)
{
    size_t available, total;
    if (device < 0)
        device = current_device();
    if (result != CUDA_ERROR_OUT_OF_MEMORY || !world->alone || options.processes > 1 || device < 0)
        return;
    CUcontext popped;
    if (world->retained[device] == 0 || cuCtxPushCurrent_v2(world->primary[device]) != CUDA_SUCCESS)
        return;
    result = cuMemGetInfo_v2(&available, &total);
    cuCtxPopCurrent_v2(&popped);
    if (result != CUDA_SUCCESS || bytes > available)
        return;
    fprintf(stderr, "MISMATCH device %d: %zu bytes were refused with %zu free of %zu\n", device, bytes, available, total);
    books_fail();
}

/* ------------------------------------------------------------ steps */

static bool is_left_out(const char *name)
{
    size_t length = strlen(name);
    for (const char *at = options.without; (at = strstr(at, name)) != NULL; at += length)
        if ((at == options.without || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    return false;
}

/* Those that may run, each as often as it weighs. */
struct wheel {
    unsigned size;
    const struct operation *at[2048];
};

static void fill(struct wheel *wheel, bool alone)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const struct operation *operation = families[f]; operation->name != NULL; operation++)
            for (unsigned i = 0; i < operation->weight && (alone || !operation->alone) && !is_left_out(operation->name); i++)
                wheel->at[wheel->size++] = operation;
}

static void begin(struct world *world, unsigned number, bool alone)
{
    world->number = number;
    world->alone = alone;
    world->random = options.seed * 1000003u + number;
    for (int device = 0; device < DEVICES; device++)
        if (cuDevicePrimaryCtxRetain(&world->primary[device], device) == CUDA_SUCCESS)
            world->retained[device] = 1;
    cuCtxSetCurrent(world->primary[number % DEVICES]);
}

/* What is alive goes, so that what stays is what was lost on the way. */
static void end(struct world *world)
{
    end_capture(world);
    cuCtxSetCurrent(world->primary[0]);
    for (unsigned i = 0; i < world->pointers.count; i++)
        cuMemFree_v2(world->pointers.item[i]);
    for (unsigned i = 0; i < world->arrays.count; i++)
        cuArrayDestroy((CUarray)(uintptr_t)world->arrays.item[i]);
    for (unsigned i = 0; i < world->mipmaps.count; i++)
        cuMipmappedArrayDestroy((CUmipmappedArray)(uintptr_t)world->mipmaps.item[i]);
    destroy_tiles(world);
    for (unsigned i = 0; i < world->executables.count; i++)
        cuGraphExecDestroy((CUgraphExec)(uintptr_t)world->executables.item[i]);
    for (unsigned i = 0; i < world->graphs.count; i++)
        cuGraphDestroy((CUgraph)(uintptr_t)world->graphs.item[i]);
    unmap_all(world);
    for (unsigned i = 0; i < world->multicasts.count; i++)
        cuMemRelease(world->multicasts.item[i]);
    for (unsigned i = 0; i < world->handles.count; i++)
        cuMemRelease(world->handles.item[i]);
    for (unsigned i = 0; i < world->contexts.count; i++)
        cuCtxDestroy_v2((CUcontext)(uintptr_t)world->contexts.item[i]);
    for (unsigned i = 0; i < world->pools.count; i++)
        cuMemPoolDestroy((CUmemoryPool)(uintptr_t)world->pools.item[i]);
    for (int device = 0; world->alone && device < DEVICES; device++)
        cuDevicePrimaryCtxReset_v2(device);
    did(world, CUDA_SUCCESS, "freed everything");
}

static void step(struct world *world, const struct wheel *wheel)
{
    const struct operation *operation = wheel->at[pick(world, wheel->size)];
    if (options.verbose)
        fprintf(stderr, "[%s]\n", operation->name);
    operation->run(world);
    forget_dead_tiles(world);
}

static void run_alone(const struct wheel *wheel)
{
    static struct world world;
    begin(&world, 0, true);
    for (uint64_t i = 0; i < options.steps; i++) {
        atomic_store(&step_now, i);
        if (i % 1024 == 0)
            alarm(PATIENCE);
        step(&world, wheel);
        books_compare(&world, 1, false);
        if (one_in(&world, 16))
            books_compare(&world, 1, look(&world));
    }
    peer_end(false);
    end(&world);
    books_compare(&world, 1, look(&world));
}

/* ------------------------------------------------------------ several threads */

static struct {
    pthread_barrier_t barrier;
    const struct wheel *wheel;
    struct world worlds[THREADS];
} team;

static void *work(void *argument)
{
    struct world *world = argument;
    begin(world, world->number, false);
    for (uint64_t i = 0; i < options.steps; i++) {
        step(world, team.wheel);
        if (i % BETWEEN_BARRIERS != BETWEEN_BARRIERS - 1)
            continue;
        end_capture(world);
        pthread_barrier_wait(&team.barrier);
        if (world->number == 0) {
            atomic_store(&step_now, i);
            alarm(PATIENCE);
            books_compare(team.worlds, options.threads, look(world));
        }
        pthread_barrier_wait(&team.barrier);
    }
    end_capture(world);
    pthread_barrier_wait(&team.barrier);
    end(world);
    return NULL;
}

static void run_together(const struct wheel *wheel)
{
    pthread_t threads[THREADS];
    team.wheel = wheel;
    pthread_barrier_init(&team.barrier, NULL, options.threads);
    for (unsigned i = 0; i < options.threads; i++) {
        team.worlds[i].number = i;
        if (pthread_create(&threads[i], NULL, work, &team.worlds[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < options.threads; i++)
        pthread_join(threads[i], NULL);
    books_compare(team.worlds, options.threads, look(&team.worlds[0]));
}

/* ------------------------------------------------------------ start */

static int run(void)
{
    struct wheel wheel = {.size = 0};
    struct timespec begun, ended;
    books_journal = print_journal;
    signal(SIGALRM, hangs);
    alarm(PATIENCE);
    if (cuInit(0) != CUDA_SUCCESS)
        return 3;
    fill(&wheel, options.threads == 1);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    if (options.threads == 1)
        run_alone(&wheel);
    else
        run_together(&wheel);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    if (options.verbose)
        books_print();
    printf("seed=%llu steps=%llu refused=%lu left=%llu,%llu seconds=%.1f\n", (unsigned long long)options.seed,
           (unsigned long long)options.steps * options.threads, atomic_load(&refused),
           (unsigned long long)books_used(0), (unsigned long long)books_used(1),
           (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9);
    return 0;
}

/* Each has seed, journal and page of its own; they share the session and the card. */
static int run_processes(void)
{
    int worst = 0;
    for (unsigned i = 0; i < options.processes; i++) {
        if (fork() != 0)
            continue;
        options.seed += i;
        exit(run());
    }
    for (int status; wait(&status) > 0;) {
        if (status != 0)
            fprintf(stderr, "a process ended with wait status %#x\n", status);
        worst = status != 0 ? 1 : worst;
    }
    return worst;
}

static unsigned long long number(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        fprintf(stderr, "'%s' is not a number\n", text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], PEER_ARGUMENT) == 0)
        return peer_main((int)number(argv[2]));
    if (getrandom(&options.seed, 4, 0) != 4)
        return 3;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--verbose") == 0) {
            options.verbose = true;
            continue;
        }
        i++;
        if (strcmp(argv[i - 1], "--seed") == 0)
            options.seed = number(value);
        else if (strcmp(argv[i - 1], "--steps") == 0)
            options.steps = number(value);
        else if (strcmp(argv[i - 1], "--threads") == 0)
            options.threads = (unsigned)number(value);
        else if (strcmp(argv[i - 1], "--processes") == 0)
            options.processes = (unsigned)number(value);
        else if (strcmp(argv[i - 1], "--without") == 0)
            options.without = value;
        else {
            fprintf(stderr, "%s is no option: --seed, --steps, --threads, --processes, --without, --verbose\n", argv[i - 1]);
            return 2;
        }
    }
    if (options.threads == 0 || options.threads > THREADS)
        return 2;
    fprintf(stderr, "seed %llu\n", (unsigned long long)options.seed);
    return options.processes > 1 ? run_processes() : run();
}
