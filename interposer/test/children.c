/* SPDX-License-Identifier: Apache-2.0 */
#include "children.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRING(text) #text
#define VALUE(macro) STRING(macro)

const char *children_folder(void)
{
    return VALUE(TEST_FOLDER);
}

const char *children_runner(void)
{
#ifdef TEST_RUNNER
    return VALUE(TEST_RUNNER);
#else
    return NULL;
#endif
}

const char *children_library(void)
{
    static char path[PATH_MAX];
    if (path[0] == '\0' && realpath(VALUE(TEST_FOLDER) "/libgpuslice.so", path) == NULL)
        abort();
    return path;
}

/* "RUNNER WITH OPTIONS" PROGRAM ARGUMENTS… */
void children_exec(const char *const arguments[], const char *const environment[])
{
    const char *argv[64];
    static char program[PATH_MAX], runner[PATH_MAX];
    size_t n = 0;
    bool own = strchr(arguments[0], '/') == NULL;
    if (own && children_runner() != NULL) {
        snprintf(runner, sizeof runner, "%s", children_runner());
        for (char *word = strtok(runner, " "); word != NULL; word = strtok(NULL, " "))
            argv[n++] = word;
    }
    snprintf(program, sizeof program, own ? "%s/%s" : "%s%s", own ? children_folder() : "", arguments[0]);
    argv[n++] = program;
    for (size_t i = 1; arguments[i] != NULL && n < 63; i++)
        argv[n++] = arguments[i];
    argv[n] = NULL;
    execve(argv[0], (char *const *)argv, (char *const *)environment);
    _exit(127);
}

bool children_run(const char *const arguments[], const char *const environment[], char *output, size_t size)
{
    int ends[2], status = -1;
    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) != 0)
        abort();
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        if (children_runner() != NULL) /* the host's loader says that the library is for another machine */
            dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        children_exec(arguments, environment);
    }
    close(ends[1]);
    size_t have = 0;
    for (ssize_t got = 1; got > 0 && have < size - 1; have += got > 0 ? (size_t)got : 0)
        got = read(ends[0], output + have, size - 1 - have);
    output[have] = '\0';
    close(ends[0]);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
