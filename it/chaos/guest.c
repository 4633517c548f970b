/* SPDX-License-Identifier: Apache-2.0 */
/* chaos-guest BOARD LANE SEED exact|any WITHOUT,…: takes and gives back memory at random, in the ways of the differential test, until it is
 * killed or the driver is gone. `exact` leaves out pools and graphs, whose size is known only afterwards, and imports, which
 * are charged over the limit if need be. Operations named in WITHOUT are left out, too. Now and then it becomes another program image, leaves a child
 * that does the same, or one that does nothing but keep the driver's descriptors for a while. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "board.h"
#include "world.h"

#define IMPORTS 8
#define WHEEL 2048
#define MORE_THAN_ANY_LIMIT ((size_t)15 << 30)
#define HEARD_EVERY 256 /* rests: 1.3 s */
#define RARELY 4 /* a wheel of some 800 is too small for what should come once in some thousand steps */

static struct {
    char **arguments;
    struct board *board;
    int file; /* the board's */
    struct board_player *me;
    uint32_t lane;
    bool exact;
    struct world world;
    CUdeviceptr imported[IMPORTS];                   /* by IPC; 0: none */
    CUmemGenericAllocationHandle borrowed[IMPORTS];  /* by descriptor; 0: none */
    int lent[IMPORTS];                               /* exported descriptors; 0: none */
} guest;

static void count(enum board_count what)
{
    atomic_fetch_add(&guest.board->count[what], 1);
}

/* What the operations of the differential test report to. */
CUresult did(struct world *world, CUresult result, const char *format, ...)
{
    (void)world, (void)format;
    if (result == CUDA_ERROR_OUT_OF_MEMORY)
        count(BOARD_denials);
    return result;
}

/* Nobody can tell here: siblings take and give back at the same time. */
void expect_reason(struct world *world, CUresult result, int device, size_t bytes)
{
    (void)world, (void)result, (void)device, (void)bytes;
}

/* ------------------------------------------------------------ memory of other processes */

static struct board_offer *begin_offer(struct world *world)
{
    struct board_offer *offer = &guest.board->offers[pick(world, BOARD_OFFERS)];
    uint32_t state = OFFER_OPEN, none = OFFER_NONE;
    bool mine = atomic_compare_exchange_strong(&offer->state, &state, OFFER_WRITTEN) ||
                atomic_compare_exchange_strong(&offer->state, &none, OFFER_WRITTEN);
    return mine ? offer : NULL;
}

static void make_offer(struct board_offer *offer, bool good, int descriptor)
{
    offer->lane = guest.lane;
    offer->pid = (uint32_t)getpid();
    offer->descriptor = descriptor;
    atomic_store(&offer->state, good ? OFFER_MADE : OFFER_NONE);
    if (good)
        count(BOARD_exports);
}

static void export_pointer(struct world *world)
{
    struct board_offer *offer = begin_offer(world);
    if (offer != NULL)
        make_offer(offer, cuIpcGetMemHandle((CUipcMemHandle *)offer->ipc, bag_any(world, &world->pointers)) == 0, -1);
}

static void export_physical(struct world *world)
{
    CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                .requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
                                .location = {CU_MEM_LOCATION_TYPE_DEVICE, some_device(world)}};
    CUmemGenericAllocationHandle handle;
    int *descriptor = &guest.lent[pick(world, IMPORTS)], made = -1;
    struct board_offer *offer = world->handles.count < 16 ? begin_offer(world) : NULL;
    if (offer == NULL)
        return;
    if (did(world, cuMemCreate(&handle, GRANULE, &prop, 0), "cuMemCreate") == CUDA_SUCCESS) {
        bag_add(world, &world->handles, (void *)(uintptr_t)handle);
        cuMemExportToShareableHandle(&made, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
    }
    make_offer(offer, made >= 0, made);
    if (made < 0)
        return;
    if (*descriptor != 0)
        close(*descriptor);
    *descriptor = made;
}

/* An offer that is as open afterwards as it was before. */
static bool read_offer(struct world *world, struct board_offer *copy)
{
    struct board_offer *offer = &guest.board->offers[pick(world, BOARD_OFFERS)];
    if (atomic_load(&offer->state) != OFFER_OPEN)
        return false;
    memcpy(copy, offer, sizeof *copy);
    return atomic_load(&offer->state) == OFFER_OPEN && copy->pid != (uint32_t)getpid();
}

/* The exporter's descriptor, as if it had come through a socket; -1: it is gone. */
static int fetch(const struct board_offer *offer)
{
    int process = (int)syscall(SYS_pidfd_open, offer->pid, 0);
    int descriptor = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, offer->descriptor, 0);
    if (process >= 0)
        close(process);
    return descriptor;
}

static void import(struct world *world)
{
    struct board_offer offer;
    unsigned i = pick(world, IMPORTS);
    if (!read_offer(world, &offer))
        return;
    CUresult result = CUDA_ERROR_INVALID_VALUE;
    if (offer.descriptor < 0 && guest.imported[i] == 0) {
        CUipcMemHandle handle;
        memcpy(&handle, offer.ipc, sizeof handle);
        result = cuIpcOpenMemHandle(&guest.imported[i], handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
        if (result != CUDA_SUCCESS)
            guest.imported[i] = 0;
    } else if (offer.descriptor >= 0 && guest.borrowed[i] == 0) {
        int descriptor = fetch(&offer);
        if (descriptor < 0)
            return;
        result = cuMemImportFromShareableHandle(&guest.borrowed[i], (void *)(intptr_t)descriptor,
                                                CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
        if (result != CUDA_SUCCESS)
            guest.borrowed[i] = 0;
        close(descriptor);
    }
    if (result == CUDA_SUCCESS)
        count(BOARD_imports);
}

static void close_import(struct world *world)
{
    unsigned i = pick(world, IMPORTS);
    if (guest.imported[i] != 0)
        cuIpcCloseMemHandle(guest.imported[i]);
    if (guest.borrowed[i] != 0)
        cuMemRelease(guest.borrowed[i]);
    guest.imported[i] = guest.borrowed[i] = 0;
}

/* ------------------------------------------------------------ other processes */

static void become_another(struct world *world)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)draw(world));
    execl("/proc/self/exe", "chaos-guest", guest.arguments[1], guest.arguments[2], seed, guest.arguments[4],
          guest.arguments[5], NULL);
    _exit(3);
}

/* Without this process as its parent, which may end at any time. */
static bool in_a_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0)
            return true;
        _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    count(BOARD_forks);
    return false;
}

static void exec(struct world *world)
{
    if (!one_in(world, RARELY))
        return;
    count(BOARD_execs);
    become_another(world);
}

/* However fast they fork, they are never more than the driver can bury, and none without it. */
static bool may_fork(struct world *world)
{
    uint32_t left = atomic_load(&guest.board->forks);
    return left > 0 && one_in(world, RARELY) && atomic_compare_exchange_strong(&guest.board->forks, &left, left - 1);
}

static void fork_and_exec(struct world *world)
{
    if (may_fork(world) && in_a_child())
        become_another(world);
}

static void fork_and_stay(struct world *world)
{
    unsigned milliseconds = pick(world, 3000);
    if (may_fork(world) && in_a_child()) {
        usleep(milliseconds * 1000);
        _exit(0);
    }
}

static const struct operation own_operations[] = {
    {"export-pointer", 8, export_pointer, false},
    {"export-physical", 6, export_physical, false},
    {"exec", 1, exec, false},
    {"fork-exec", 1, fork_and_exec, false},
    {"fork-stay", 1, fork_and_stay, false},
    {NULL, 0, NULL, false},
};

static const struct operation import_operations[] = {
    {"import", 60, import, false},
    {"close-import", 20, close_import, false},
    {NULL, 0, NULL, false},
};

/* ------------------------------------------------------------ the round */

/* Only a call that asks makes the books follow a pool that has shrunk by itself, or a stream that has got to a free, and
 * only one that the daemon has to refuse tells it what it missed, while it was away, of exports and imports. */
static void be_heard(struct world *world)
{
    CUcontext popped;
    CUdeviceptr pointer;
    size_t available, total;
    for (int device = 0; device < DEVICES; device++) {
        if (world->retained[device] == 0 && cuDevicePrimaryCtxRetain(&world->primary[device], device) == CUDA_SUCCESS)
            world->retained[device]++;
        if (cuCtxPushCurrent(world->primary[device]) != CUDA_SUCCESS)
            continue;
        cuMemAlloc(&pointer, MORE_THAN_ANY_LIMIT);
        cuMemGetInfo(&available, &total);
        cuCtxPopCurrent(&popped);
    }
}

static void rest(unsigned microseconds)
{
    const struct timespec moment = {.tv_nsec = (long)microseconds * 1000};
    nanosleep(&moment, NULL);
}

static void end_with_the_driver(void)
{
    struct flock driver = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    if (fcntl(guest.file, F_OFD_GETLK, &driver) != 0 || driver.l_type == F_UNLCK)
        exit(0);
}

static void be_quiet_if_told(struct world *world)
{
    uint32_t round = atomic_load(&guest.board->round);
    if (round % 2 == 0)
        return;
    end_capture(world);
    be_heard(world);
    atomic_store(&guest.me->quiet, round);
    for (unsigned rests = 1; atomic_load(&guest.board->round) == round; rests++) {
        rest(5000);
        end_with_the_driver();
        /* One that has missed the daemon lately is denied without that hearing of it, for a second. */
        if (rests % HEARD_EVERY == 0)
            be_heard(world);
    }
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void note_how_long(uint64_t took)
{
    _Atomic uint64_t *longest = &guest.board->count[BOARD_longest_us];
    uint64_t known = atomic_load(longest);
    while (took > known && !atomic_compare_exchange_weak(longest, &known, took))
        continue;
}

/* ------------------------------------------------------------ start */

static void join(void)
{
    struct board_player *players = guest.board->players;
    uint32_t pid = (uint32_t)getpid(), former = pid;
    for (unsigned i = 0; i < BOARD_PLAYERS; i++, former = pid) /* the program that this process was before */
        atomic_compare_exchange_strong(&players[i].pid, &former, 0);
    for (;;) {
        struct board_player *player = &players[atomic_fetch_add(&guest.board->joined, 1) % BOARD_PLAYERS];
        uint32_t other = atomic_load(&player->pid);
        if (other != 0 && kill((pid_t)other, 0) == 0)
            continue;
        player->lane = guest.lane;
        atomic_store(&player->quiet, 0);
        atomic_store(&player->pid, pid);
        guest.me = player;
        return;
    }
}

/* Leaves behind where it was, beside the board and with its process id, and ends by the same signal. */
static void tell_where(int signal, siginfo_t *information, void *unused)
{
    char path[4096];
    void *frames[64];
    (void)unused;
    snprintf(path, sizeof path, "%s.crash-%d", guest.arguments[1], (int)getpid());
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dprintf(file, "%.64s at address %p\n", strsignal(signal), information->si_addr);
    backtrace_symbols_fd(frames, backtrace(frames, 64), file);
    close(file);
    raise(signal); /* SA_RESETHAND */
}

static void watch_for_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    static char stack[1 << 16];
    void *frame;
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    backtrace(&frame, 1); /* loads what it needs, which a handler must not */
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &(struct sigaction){.sa_sigaction = tell_where, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND},
                  NULL);
}

static bool is_left_out(const char *name)
{
    char list[256], key[64];
    snprintf(list, sizeof list, ",%s,", guest.arguments[5]);
    snprintf(key, sizeof key, ",%s,", name);
    return strstr(list, key) != NULL;
}

static unsigned fill(const struct operation *wheel[WHEEL])
{
    const struct operation *families[] = {linear_operations, array_operations, physical_operations, context_operations,
                                          own_operations,    pool_operations,  graph_operations,    import_operations};
    unsigned size = 0;
    for (unsigned f = 0; f < (guest.exact ? 5 : 8); f++)
        for (const struct operation *operation = families[f]; operation->name != NULL; operation++) {
            for (unsigned i = 0; i < operation->weight && !is_left_out(operation->name) && size < WHEEL; i++)
                wheel[size++] = operation;
        }
    return size;
}

int main(int argc, char **argv)
{
    static const struct operation *wheel[WHEEL];
    struct world *world = &guest.world;
    int file = argc == 6 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return 2;
    guest.arguments = argv;
    watch_for_crashes();
    guest.lane = (uint32_t)strtoul(argv[2], NULL, 10);
    guest.exact = strcmp(argv[4], "exact") == 0;
    guest.board = mmap(NULL, sizeof *guest.board, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    guest.file = file;
    if (guest.board == MAP_FAILED)
        return 3;
    world->random = strtoull(argv[3], NULL, 10);
    world->alone = true;
    join();
    if (cuInit(0) != CUDA_SUCCESS)
        return 3;
    for (int device = 0; device < DEVICES; device++)
        if (cuDevicePrimaryCtxRetain(&world->primary[device], device) == CUDA_SUCCESS)
            world->retained[device] = 1;
    cuCtxSetCurrent(world->primary[pick(world, DEVICES)]);
    unsigned size = fill(wheel);
    for (unsigned bursts = 0;; bursts++) {
        end_with_the_driver();
        for (unsigned i = pick(world, 32); i > 0; i--) {
            be_quiet_if_told(world);
            uint64_t before = now_us();
            wheel[pick(world, size)]->run(world);
            note_how_long(now_us() - before);
            count(BOARD_steps);
            forget_dead_tiles(world);
        }
        rest(pick(world, 40000));
    }
}
