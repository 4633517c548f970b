/* SPDX-License-Identifier: Apache-2.0 */
/* A family: forker [--children 2] [--each 8] [--after].
 * Forks children before it has used CUDA, so each is a CUDA process of its own: "child held=N refused=C". Then allocates as
 * much itself and forks a keeper, a child that uses nothing and holds every descriptor of its parent: "ready held=N
 * refused=C". All keep what they have until stdin ends, whatever becomes of the parent.
 * --after forks the children when it has used CUDA: CUDA then refuses them with 3. */
#include <sys/wait.h>

#include "guest.h"

static void *blocks[1 << 12];

static void fork_child(size_t each, int said)
{
    pid_t pid = fork();
    if (pid < 0)
        exit(3);
    if (pid > 0)
        return;
    int code;
    size_t held = gpu_fill(blocks, each, MIB, &code);
    say("child held=%zu refused=%d", held, code);
    close(said);
    until_told_to_end();
    _exit(0);
}

/* Returns when each child has said its line. */
static void fork_children(size_t children, size_t each)
{
    int said[2];
    char nothing;
    if (pipe(said) != 0)
        exit(3);
    for (size_t i = 0; i < children; i++)
        fork_child(each, said[1]);
    close(said[1]);
    while (read(said[0], &nothing, 1) > 0) {
    }
    close(said[0]);
}

static void fork_keeper(void)
{
    if (fork() == 0) {
        until_told_to_end();
        _exit(0);
    }
}

int main(int argc, char **argv)
{
    size_t children = option(argc, argv, "--children", 2), each = option(argc, argv, "--each", 8);
    bool after = flag(argc, argv, "--after");
    int code;
    if (each > sizeof blocks / sizeof *blocks)
        return 2;
    if (!after)
        fork_children(children, each);
    size_t held = gpu_fill(blocks, each, MIB, &code);
    if (after)
        fork_children(children, each);
    fork_keeper();
    say("ready held=%zu refused=%d", held, code);
    until_told_to_end();
    while (wait(NULL) > 0) {
    }
    return 0;
}
