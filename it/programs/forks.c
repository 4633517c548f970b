/* SPDX-License-Identifier: Apache-2.0 */
/* Children by every way to make one: forks fork|_Fork|syscall|clone|vfork. An early child, made before its parent used CUDA,
 * allocates 3 blocks of 1 MiB, says "early held=N code=C" and keeps them until stdin ends (one by vfork becomes
 * `fill --max 3 --hold`, which lies beside this program). Then the parent allocates 4, "parent held=N", and makes a late child,
 * which tries to allocate one and to free one of its parent's: "late alloc=C free=C", and is gone. The parent allocates one more,
 * "again code=C", and frees all it has when stdin ends: "freed failed=N". */
#define GUEST_OF_DRIVER
#include "guest.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static CUdeviceptr blocks[5];

static pid_t child_by(const char *how)
{
    if (strcmp(how, "fork") == 0)
        return fork();
    if (strcmp(how, "_Fork") == 0)
        return _Fork();
    if (strcmp(how, "syscall") == 0) /* what fork is to the kernel, without anything of libc around it */
        return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (strcmp(how, "clone") == 0) /* one that shares the table of descriptors */
        return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    exit(2);
}

static void early(int said)
{
    int held = 0, code = gpu_open();
    while (code == 0 && held < 3 && (code = cuMemAlloc(&blocks[held], MIB)) == 0)
        held++;
    say("early held=%d code=%d", held, code);
    if (write(said, "", 1) != 1)
        _exit(3);
    until_told_to_end();
    _exit(0);
}

static void late(void)
{
    CUdeviceptr block;
    int alloc = cuMemAlloc(&block, MIB), code = cuMemFree(blocks[0]);
    say("late alloc=%d free=%d", alloc, code);
    _exit(0);
}

static void by_vfork(const char *self)
{
    static char path[4096];
    snprintf(path, sizeof path, "%.*s/fill", (int)(strrchr(self, '/') - self), self);
    if (vfork() == 0) {
        execl(path, path, "--max", "3", "--hold", (char *)NULL);
        _exit(127);
    }
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "fork";
    bool is_vfork = strcmp(how, "vfork") == 0;
    int said[2], held = 0, failed = 0, code;
    char nothing;
    if (pipe2(said, O_CLOEXEC) != 0)
        return 3;
    if (is_vfork)
        by_vfork(argv[0]);
    else if (child_by(how) == 0)
        early(said[1]);
    else if (read(said[0], &nothing, 1) != 1)
        return 3;

    for (code = gpu_open(); code == 0 && held < 4 && cuMemAlloc(&blocks[held], MIB) == 0; held++) {
    }
    say("parent held=%d", held);
    if (!is_vfork) {
        pid_t child = child_by(how);
        if (child == 0)
            late();
        waitpid(child, NULL, 0);
    }
    code = cuMemAlloc(&blocks[held], MIB);
    held += code == 0;
    say("again code=%d", code);
    until_told_to_end();
    while (held > 0)
        failed += cuMemFree(blocks[--held]) != 0;
    say("freed failed=%d", failed);
    return failed;
}
