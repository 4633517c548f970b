/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is said is said by a program of its own: this one again, with an argument.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "debug.h"
#include "test.h"

int debug_test_speak(const char *how)
{
    if (strcmp(how, "--speak-after-replacing-stderr") == 0) {
        int file = open("/proc/self/fd/1", O_WRONLY); /* the guest's own file takes the number 2 */
        close(STDERR_FILENO);
        if (dup2(file, STDERR_FILENO) != STDERR_FILENO)
            return 1;
    }
    debug_notice("%s", "a notice");
    debug_line("%s", "a detail");
    return 0;
}

static void start_again(const char *how)
{
    const char *const arguments[] = {children_runner() == NULL ? "/proc/self/exe" : "test", how, NULL};
    children_exec(arguments, (const char *const *)environ);
}

/* Starts this program with its stderr and stdout on one pipe or on two; returns what came out of the one for stderr, or
 * of the one for stdout. */
static void speak(const char *how, const char *level, bool stdout_apart, char *said, size_t size)
{
    int err[2], out[2];
    memset(said, 0, size);
    if (!CHECK(pipe2(err, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0))
        return;
    pid_t child = fork();
    if (child == 0) {
        dup2(err[1], STDERR_FILENO);
        dup2(out[1], STDOUT_FILENO);
        if (level == NULL)
            unsetenv("GPUSLICE_DEBUG");
        else
            setenv("GPUSLICE_DEBUG", level, 1);
        start_again(how);
    }
    close(err[1]);
    close(out[1]);
    int from = stdout_apart ? out[0] : err[0];
    for (size_t have = 0; have + 1 < size;) {
        ssize_t got = read(from, said + have, size - 1 - have);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    close(err[0]);
    close(out[0]);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(status, 0);
}

static void theLevelDecidesWhatIsSaid(void)
{
    char said[256];
    speak("--speak", NULL, false, said, sizeof said);
    CHECK(strcmp(said, "gpuslice: a notice\n") == 0);
    speak("--speak", "1", false, said, sizeof said);
    CHECK(strcmp(said, "gpuslice: a notice\ngpuslice: a detail\n") == 0);
    speak("--speak", "0", false, said, sizeof said);
    CHECK(strcmp(said, "") == 0);
}

static void nothingIsEverSaidOnStdout(void)
{
    char said[256];
    speak("--speak", "1", true, said, sizeof said);
    CHECK(strcmp(said, "") == 0);
}

static void aFileThatTookTheNumberOfStderrIsLeftAlone(void)
{
    char said[256];
    speak("--speak-after-replacing-stderr", "1", true, said, sizeof said);
    CHECK(strcmp(said, "") == 0);
}

static void aPipeThatNobodyReadsDoesNotEndTheProgram(void)
{
    int broken[2];
    if (!CHECK(pipe2(broken, O_CLOEXEC) == 0))
        return;
    close(broken[0]);
    pid_t child = fork();
    if (child == 0) {
        dup2(broken[1], STDERR_FILENO);
        setenv("GPUSLICE_DEBUG", "1", 1);
        start_again("--speak");
    }
    close(broken[1]);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(status, 0); /* not SIGPIPE */
}

void debug_tests(void)
{
    RUN(theLevelDecidesWhatIsSaid);
    RUN(nothingIsEverSaidOnStdout);
    RUN(aFileThatTookTheNumberOfStderrIsLeftAlone);
    RUN(aPipeThatNobodyReadsDoesNotEndTheProgram);
}
