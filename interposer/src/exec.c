/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A program that is started with an environment of its own (env -i, subprocess with env={}) stays in the session of the
 * one that starts it: what its environment lacks is put back. GPUSLICE_KEEP_ENV=0 switches that off.
 *
 * These run between vfork and exec, and in signal handlers: no malloc, no lock, no write but to the stack. Programs that
 * are in no session, or pass everything on, get what they would have got.
 */
#include <alloca.h>
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "export.h"
#include "next.h"

/* ------------------------------------------------------------ the real functions */

enum function { EXECVE, EXECVPE, FEXECVE, POSIX_SPAWN, POSIX_SPAWNP, FUNCTIONS };
static const char *const names[FUNCTIONS] = {"execve", "execvpe", "fexecve", "posix_spawn", "posix_spawnp"};
static _Atomic(void *) functions[FUNCTIONS];

static void *real(enum function function)
{
    void *known = atomic_load_explicit(&functions[function], memory_order_relaxed);
    if (known == NULL) { /* a constructor before ours */
        known = next_function(names[function]);
        atomic_store_explicit(&functions[function], known, memory_order_relaxed);
    }
    return known;
}

__attribute__((constructor)) static void find_real_functions(void)
{
    for (int i = 0; i < FUNCTIONS; i++)
        real((enum function)i);
}

typedef int execve_fn(const char *path, char *const argv[], char *const envp[]);
typedef int fexecve_fn(int descriptor, char *const argv[], char *const envp[]);
typedef int spawn_fn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);

/* ------------------------------------------------------------ one call, whatever its shape */

struct call {
    enum function function;
    bool at; /* execveat: no version of glibc before 2.34 has it, and this is all that it does */
    int descriptor;
    int flags;
    const char *path;
    char *const *argv;
    pid_t *pid;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
};

static int fail(const struct call *call, int error)
{
    if (call->function == POSIX_SPAWN || call->function == POSIX_SPAWNP)
        return error;
    errno = error;
    return -1;
}

static int start(const struct call *call, char *const envp[])
{
    if (call->at)
        return (int)syscall(SYS_execveat, call->descriptor, call->path, call->argv, envp, call->flags);
    void *function = real(call->function);
    if (function == NULL)
        return fail(call, ENOSYS);
    switch (call->function) {
    case FEXECVE:
        return ((fexecve_fn *)function)(call->descriptor, call->argv, envp);
    case POSIX_SPAWN:
    case POSIX_SPAWNP:
        return ((spawn_fn *)function)(call->pid, call->path, call->actions, call->attributes, call->argv, envp);
    default:
        return ((execve_fn *)function)(call->path, call->argv, envp);
    }
}

#define LARGEST_ON_STACK 4096u

static int start_in_session(const struct call *call, char *const envp[])
{
    const struct environment *environment = &environment_at_start;
    size_t size = environment_missing(environment, envp);
    if (size == 0)
        return start(call, envp);
    bool mapped = size > LARGEST_ON_STACK;
    /* Between vfork and exec the parent keeps what is mapped here: bounded by how often it does that with so many
     * variables, and better than overflowing its stack. */
    void *room = mapped ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : alloca(size);
    if (room == MAP_FAILED)
        return fail(call, ENOMEM);
    char **completed = environment_complete(environment, envp, room, size);
    int result = completed == NULL ? fail(call, ENOMEM) : start(call, completed);
    if (mapped) {
        int saved = errno;
        munmap(room, size);
        errno = saved;
    }
    return result;
}

/* ------------------------------------------------------------ exec */

GPUSLICE_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
    return start_in_session(&(struct call){.function = EXECVE, .path = path, .argv = argv}, envp);
}

GPUSLICE_EXPORT int execv(const char *path, char *const argv[])
{
    return start_in_session(&(struct call){.function = EXECVE, .path = path, .argv = argv}, environ);
}

GPUSLICE_EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
    return start_in_session(&(struct call){.function = EXECVPE, .path = file, .argv = argv}, envp);
}

GPUSLICE_EXPORT int execvp(const char *file, char *const argv[])
{
    return start_in_session(&(struct call){.function = EXECVPE, .path = file, .argv = argv}, environ);
}

GPUSLICE_EXPORT int fexecve(int descriptor, char *const argv[], char *const envp[])
{
    return start_in_session(&(struct call){.function = FEXECVE, .descriptor = descriptor, .argv = argv}, envp);
}

GPUSLICE_EXPORT int execveat(int folder, const char *path, char *const argv[], char *const envp[], int flags)
{
    return start_in_session(
        &(struct call){.at = true, .descriptor = folder, .path = path, .argv = argv, .flags = flags}, envp);
}

/* ------------------------------------------------------------ exec with the arguments in a row */

/* Counts the arguments from `first` on, and leaves `list` behind the NULL (hence a pointer: some machines pass a copy). */
static size_t count_arguments(const char *first, va_list *list)
{
    size_t count = 0;
    for (const char *argument = first; argument != NULL; argument = va_arg(*list, const char *))
        count++;
    return count;
}

static void collect(char **argv, size_t count, const char *first, va_list list)
{
    argv[0] = (char *)(uintptr_t)first;
    for (size_t i = 1; i <= count; i++)
        argv[i] = va_arg(list, char *);
}

/* As the caller, which has them all on its stack already; `after` has been read up to the NULL. */
#define COLLECT(argv, after, first)                                         \
    va_list after, again;                                                   \
    va_start(after, first);                                                 \
    size_t argument_count = count_arguments(first, &after);                  \
    char **argv = alloca((argument_count + 1) * sizeof *argv);              \
    va_start(again, first);                                                 \
    collect(argv, argument_count, first, again);                            \
    va_end(again)

GPUSLICE_EXPORT int execl(const char *path, const char *argument, ...)
{
    COLLECT(argv, after, argument);
    va_end(after);
    return execv(path, argv);
}

GPUSLICE_EXPORT int execlp(const char *file, const char *argument, ...)
{
    COLLECT(argv, after, argument);
    va_end(after);
    return execvp(file, argv);
}

GPUSLICE_EXPORT int execle(const char *path, const char *argument, ...)
{
    COLLECT(argv, after, argument);
    char *const *envp = va_arg(after, char *const *);
    va_end(after);
    return execve(path, argv, envp);
}

/* ------------------------------------------------------------ spawn */

GPUSLICE_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return start_in_session(&(struct call){.function = POSIX_SPAWN,
                                           .path = path,
                                           .argv = argv,
                                           .pid = pid,
                                           .actions = actions,
                                           .attributes = attributes},
                            envp);
}

GPUSLICE_EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return start_in_session(&(struct call){.function = POSIX_SPAWNP,
                                           .path = file,
                                           .argv = argv,
                                           .pid = pid,
                                           .actions = actions,
                                           .attributes = attributes},
                            envp);
}
