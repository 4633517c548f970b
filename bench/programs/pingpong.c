/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pingpong turns BYTES COUNT     two processes take BYTES and give them back, strictly in turns
 * pingpong race BYTES SECONDS    both at once, as fast as they can
 *
 * BYTES is the whole limit, so that each allocation needs what the other one has just given back. One line of JSON:
 * how many allocations were made and refused; their median, 99th percentile and longest in microseconds; and how
 * many refusals nothing explains: the other process neither held memory nor was being given any at any moment of the
 * refused call. (What an owner holds is taken from before its allocation to after its free: generous to the limiter,
 * so that what is called unexplained is so beyond doubt.)
 */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bench.h"
#include "operations.h"

#define MOST 4000000

struct span {
    uint64_t from, to;
};

struct player {
    atomic_long made, refused;
    uint32_t *nanoseconds; /* of each allocation that was made */
    struct span *held, *denied;
};

static struct {
    size_t bytes;
    atomic_int ready, turn;
    struct player players[2];
} *table;

static void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    return memory;
}

static void once(struct player *player)
{
    CUdeviceptr address;
    uint64_t from = now_ns();
    int code = cuMemAlloc(&address, table->bytes);
    uint64_t to = now_ns();
    if (code != 0 && code != CUDA_ERROR_OUT_OF_MEMORY)
        die("cuMemAlloc answered CUDA error %d", code);
    if (code != 0) {
        player->denied[player->refused++] = (struct span){from, to};
        return;
    }
    code = cuMemFree(address);
    if (code != 0)
        die("cuMemFree answered CUDA error %d", code);
    player->held[player->made] = (struct span){from, now_ns()};
    player->nanoseconds[player->made++] = (uint32_t)(to - from);
}

static void play(int me, bool turns, long much)
{
    struct player *player = &table->players[me];
    CUcontext context;
    int code = operations_open(&context);
    if (code != 0)
        die("opening device 0: CUDA error %d", code);
    table->ready++;
    while (table->ready < 2)
        sched_yield();
    if (turns) {
        for (long i = 0; i < much; i++) {
            while (table->turn != me)
                sched_yield();
            once(player);
            table->turn = !me;
        }
        return;
    }
    for (uint64_t end = now_ns() + (uint64_t)much * 1000000000ull; now_ns() < end;) {
        if (player->made == MOST || player->refused == MOST)
            break;
        once(player);
    }
}

static long unexplained(const struct player *refused, const struct player *other)
{
    long count = 0;
    for (long i = 0, k = 0; i < refused->refused; i++) {
        struct span call = refused->denied[i];
        while (k < other->made && other->held[k].to < call.from)
            k++;
        count += k == other->made || other->held[k].from > call.to;
    }
    return count;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    bool turns = argc == 4 && strcmp(argv[1], "turns") == 0;
    if (argc != 4 || (!turns && strcmp(argv[1], "race") != 0))
        die("usage: pingpong turns BYTES COUNT | pingpong race BYTES SECONDS");
    table = shared(sizeof *table);
    table->bytes = (size_t)number(argv[2]);
    for (int me = 0; me < 2; me++)
        table->players[me] = (struct player){.nanoseconds = shared(MOST * sizeof(uint32_t)),
                                             .held = shared(MOST * sizeof(struct span)),
                                             .denied = shared(MOST * sizeof(struct span))};
    for (int me = 0; me < 2; me++) {
        pid_t pid = fork();
        must(pid >= 0, "fork");
        if (pid == 0) {
            play(me, turns, number(argv[3]));
            _exit(0);
        }
    }
    for (int status; wait(&status) > 0;)
        if (status != 0)
            die("a player failed");

    const struct player *a = &table->players[0], *b = &table->players[1];
    long made = a->made + b->made;
    if (made == 0)
        die("nobody got anything");
    uint32_t *all = malloc((size_t)made * sizeof *all);
    must(all != NULL, "malloc");
    memcpy(all, a->nanoseconds, (size_t)a->made * sizeof *all);
    memcpy(all + a->made, b->nanoseconds, (size_t)b->made * sizeof *all);
    qsort(all, (size_t)made, sizeof *all, ascending);
    say("{\"made\":%ld,\"refused\":%ld,\"unexplained\":%ld,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}", made,
        a->refused + b->refused, unexplained(a, b) + unexplained(b, a), all[made / 2] / 1e3,
        all[made * 99 / 100] / 1e3, all[made - 1] / 1e3);
    return 0;
}
