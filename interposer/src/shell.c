/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * system() and popen() of a program that has cleared its environment: the C library starts the shell by itself, past the
 * functions of exec.c, with the environment as it is. That is the program's own, and other threads may be reading it; and
 * a token has no place in a command line, which everybody can see. So the shell is told to read a file of this process
 * first: whatever it then starts is in the session.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descriptor.h"
#include "environment.h"
#include "export.h"
#include "next.h"

/* ------------------------------------------------------------ the file */

static void put_quoted(FILE *to, const char *value)
{
    fputc('\'', to);
    for (; *value != '\0'; value++) {
        if (*value == '\'')
            fputs("'\\''", to);
        else
            fputc(*value, to);
    }
    fputc('\'', to);
}

static const char *session_of(const struct environment *environment)
{
    static const char name[] = "GPUSLICE_SESSION=";
    size_t i = 0;
    while (strncmp(environment->variables[i], name, sizeof name - 1) != 0) /* it is there, or this would be no session */
        i++;
    return environment->variables[i] + sizeof name - 1;
}

/* What environment_complete would do, in the shell's words. */
static void write_script(FILE *to, const struct environment *environment)
{
    const char *file = strrchr(environment->library, '/');
    fputs("case \"$LD_PRELOAD\" in *", to);
    put_quoted(to, file == NULL ? environment->library : file + 1);
    fputs("*) ;; *) LD_PRELOAD=", to);
    put_quoted(to, environment->library);
    fputs("\"${LD_PRELOAD:+:$LD_PRELOAD}\"; export LD_PRELOAD;; esac\n", to);
    fputs("case \"$GPUSLICE_SESSION\" in ''|", to); /* another session's variables are not ours to give */
    put_quoted(to, session_of(environment));
    fputs(")\n", to);
    for (size_t i = 0; i < environment->count; i++) {
        const char *variable = environment->variables[i], *value = strchr(variable, '=') + 1;
        int name = (int)(value - variable) - 1;
        fprintf(to, "[ -n \"$%.*s\" ] || { %.*s=", name, variable, name, variable);
        put_quoted(to, value);
        fprintf(to, "; export %.*s; }\n", name, variable);
    }
    fputs(";; esac\n", to);
}

static bool make_file(struct descriptor *file)
{
    int number = memfd_create("gpuslice-environment", MFD_CLOEXEC);
    if (number < 0 || !descriptor_adopt(file, number))
        return false;
    int copy = fcntl(file->number, F_DUPFD_CLOEXEC, 0);
    FILE *stream = copy < 0 ? NULL : fdopen(copy, "w");
    if (stream != NULL)
        write_script(stream, &environment_at_start);
    else if (copy >= 0)
        close(copy);
    if (stream != NULL && fclose(stream) == 0)
        return true;
    descriptor_close(file);
    return false;
}

/* Made once, and again where the program has closed it; threads that come together may each make one. */
static int file_number(void)
{
    static struct descriptor files[2];
    static _Atomic unsigned latest;
    unsigned which = atomic_load_explicit(&latest, memory_order_acquire) % 2;
    if (descriptor_is_ours(&files[which]))
        return files[which].number;
    struct descriptor made;
    if (!make_file(&made))
        return -1;
    files[1 - which] = made;
    atomic_store_explicit(&latest, 1 - which, memory_order_release);
    return made.number;
}

/* ------------------------------------------------------------ the command */

/* The file belongs to the shell's parent, this process or a child of it that has the same descriptors. On one line, so that
 * the shell counts the command's lines as ever. */
#define READ_FIRST "[ -r /proc/$PPID/fd/%1$d ] && . /proc/$PPID/fd/%1$d; %2$s"

/* What the shell is to be told; `command` itself where nothing is missing, or there is no memory. */
static const char *completed(const char *command, size_t *mapped)
{
    int saved = errno, number;
    char *longer = MAP_FAILED;
    *mapped = 0;
    if (command != NULL && environment_missing(&environment_at_start, environ) != 0 && (number = file_number()) >= 0) {
        *mapped = strlen(command) + sizeof READ_FIRST + 32;
        longer = mmap(NULL, *mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (longer != MAP_FAILED)
        snprintf(longer, *mapped, READ_FIRST, number, command);
    errno = saved;
    return longer == MAP_FAILED ? command : longer;
}

static void forget(const char *command, const char *told, size_t mapped)
{
    int saved = errno;
    if (told != command)
        munmap((char *)(uintptr_t)told, mapped);
    errno = saved;
}

/* ------------------------------------------------------------ the hooks */

typedef int system_fn(const char *command);
typedef FILE *popen_fn(const char *command, const char *mode);

GPUSLICE_EXPORT int system(const char *command)
{
    system_fn *real = (system_fn *)next_function("system");
    size_t mapped;
    if (real == NULL)
        return -1;
    const char *told = completed(command, &mapped);
    int status = real(told);
    forget(command, told, mapped);
    return status;
}

/* Of the two versions of popen the one that programs are linked with today. */
GPUSLICE_EXPORT FILE *popen(const char *command, const char *mode)
{
    popen_fn *real = (popen_fn *)next_function("popen");
    size_t mapped;
    if (real == NULL)
        return NULL;
    const char *told = completed(command, &mapped);
    FILE *stream = real(told, mode);
    forget(command, told, mapped);
    return stream;
}
