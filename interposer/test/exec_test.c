/* SPDX-License-Identifier: Apache-2.0 */
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "children.h"
#include "config.h"
#include "environment.h"
#include "next.h"
#include "test.h"

/* ------------------------------------------------------------ what is put back, without a library */

static char *const started[] = {"HOME=/root",          "GPUSLICE_SESSION=0123456789abcdef", "GPUSLICE_IPC_SOCK=/run/s",
                                "GPUSLICE_IPC_TOKEN=t", "LD_PRELOAD=/opt/libgpuslice.so",     NULL};

static struct environment in_session(void)
{
    struct environment environment = {NULL, NULL, 0};
    environment_read(&environment, started, "/opt/libgpuslice.so");
    CHECK_EQUAL(environment.count, 3);
    return environment;
}

static const char *value(char *const envp[], const char *name)
{
    size_t length = strlen(name);
    for (; *envp != NULL; envp++) {
        if (strncmp(*envp, name, length) == 0 && (*envp)[length] == '=')
            return *envp + length + 1;
    }
    return NULL;
}

static bool has(char *const envp[], const char *name, const char *expected)
{
    const char *found = value(envp, name);
    return found != NULL && strcmp(found, expected) == 0;
}

static size_t count(char *const envp[])
{
    size_t n = 0;
    while (envp[n] != NULL)
        n++;
    return n;
}

static void whatIsMissingIsPutBackAndNothingElse(void)
{
    static char room[1024];
    struct environment environment = in_session();
    char *const empty[] = {NULL};
    char *const *const strippeds[] = {empty, NULL};
    for (int i = 0; i < 2; i++) { /* Linux takes NULL for an empty one */
        size_t size = environment_missing(&environment, strippeds[i]);
        if (!CHECK(size > 0 && size <= sizeof room))
            return;
        char **completed = environment_complete(&environment, strippeds[i], room, size);
        CHECK_EQUAL(count(completed), 4);
        CHECK(has(completed, "GPUSLICE_SESSION", "0123456789abcdef"));
        CHECK(has(completed, "GPUSLICE_IPC_SOCK", "/run/s"));
        CHECK(has(completed, "GPUSLICE_IPC_TOKEN", "t"));
        CHECK(has(completed, "LD_PRELOAD", "/opt/libgpuslice.so"));
        CHECK_EQUAL(environment_missing(&environment, completed), 0);
        CHECK(completed[0][size - ((char *)(completed[0]) - room) - 1] == '\0');
    }
    CHECK_EQUAL(environment_missing(&environment, started), 0);
    char *const under_another_path[] = {started[1], started[2], started[3], "LD_PRELOAD=/a.so /alias/libgpuslice.so", NULL};
    CHECK_EQUAL(environment_missing(&environment, under_another_path), 0);
    struct environment none = {NULL, NULL, 0};
    CHECK_EQUAL(environment_missing(&none, empty), 0);
    environment_read(&none, (char *const[]){"HOME=/root", "GPUSLICE_SESSION=", NULL}, "/opt/libgpuslice.so");
    CHECK(none.library == NULL);
}

static void othersAreLeftAsTheyAre(void)
{
    static char room[1024];
    struct environment environment = in_session();
    char *const own[] = {"GPUSLICE_SESSION=", "A=1", "LD_PRELOAD=/mine.so:/libgpuslice.so.old", "GPUSLICE_IPC_WAIT=1s", NULL};
    size_t size = environment_missing(&environment, own);
    char **completed = environment_complete(&environment, own, room, size);
    CHECK(has(completed, "LD_PRELOAD", "/opt/libgpuslice.so:/mine.so:/libgpuslice.so.old"));
    CHECK(has(completed, "GPUSLICE_SESSION", "0123456789abcdef"));
    CHECK(has(completed, "A", "1"));
    CHECK(has(completed, "GPUSLICE_IPC_WAIT", "1s"));
    char *const others[] = {"GPUSLICE_SESSION=fedcba9876543210", NULL};
    completed = environment_complete(&environment, others, room, environment_missing(&environment, others));
    CHECK_EQUAL(count(completed), 2); /* another session's token is not ours to give */
    CHECK(has(completed, "GPUSLICE_SESSION", "fedcba9876543210"));
    CHECK(has(completed, "LD_PRELOAD", "/opt/libgpuslice.so"));
    char *const tight[] = {"A=1", "B=2", NULL};
    CHECK(environment_complete(&environment, tight, room, 16) == NULL); /* it grew meanwhile */
}

static void theNextFunctionIsTheOneThatTheLoaderWouldFind(void)
{
    CHECK(next_function("posix_spawn") == (void *)posix_spawn);
    CHECK(next_function("execve") == (void *)execve);
    CHECK(next_function("no function has this name") == NULL);
}

/* ------------------------------------------------------------ real programs */

static char output[1 << 20];
static char preload[4200];

static bool has_line(const char *line)
{
    const char *found = strstr(output, line);
    return found != NULL && (found == output || found[-1] == '\n') && found[strlen(line)] == '\n';
}

static bool is_in_session(void)
{
    return has_line("GPUSLICE_SESSION=0123456789abcdef") && has_line("GPUSLICE_IPC_SOCK=/run/s") &&
           has_line("GPUSLICE_IPC_TOKEN=t") && has_line(preload);
}

/* In a session; `more` of it first. */
static const char *const *session_environment(const char *more)
{
    static const char *environment[8];
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", children_library());
    environment[0] = "PATH=/usr/bin:/bin";
    environment[1] = started[1];
    environment[2] = started[2];
    environment[3] = started[3];
    environment[4] = preload;
    environment[5] = more;
    return environment;
}

static void run(const char *way, const char *const environment[])
{
    const char *const arguments[] = {"exec-ways", way, "A=1", NULL};
    if (!test_check(children_run(arguments, environment, output, sizeof output), __FILE__, __LINE__, way))
        printf("%s", output);
}

static void everyWayToStartAProgramKeepsItInTheSession(void)
{
    static const char *const ways[] = {"execve",       "execve-null", "execv",  "execvp",      "execvpe", "execl",
                                       "execlp",       "execle",      "fexecve", "execveat",   "posix_spawn",
                                       "posix_spawnp", "vfork",       "signal", "small-stack", "failure"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        bool beyond_emulator = strcmp(ways[i], "execveat") == 0 || strcmp(ways[i], "failure") == 0;
        if (beyond_emulator && children_runner() != NULL)
            continue; /* it has no execveat, and its vfork no memory in common */
        run(ways[i], session_environment(NULL));
        test_check(is_in_session(), __FILE__, __LINE__, ways[i]);
        test_check(has_line("A=1") == (strcmp(ways[i], "execve-null") != 0), __FILE__, __LINE__, ways[i]);
    }
}

static void whoOptsOutStartsProgramsOutsideTheSession(void)
{
    run("execve", session_environment("GPUSLICE_KEEP_ENV=0"));
    CHECK(strcmp(output, "A=1\n") == 0);
    run("execv", session_environment("GPUSLICE_KEEP_ENV=0"));
    CHECK(strcmp(output, "A=1\n") == 0);
    run("execve", session_environment("GPUSLICE_KEEP_ENV=1"));
    CHECK(is_in_session());
}

static void outsideASessionProgramsAreStartedAsTheyAre(void)
{
    session_environment(NULL);
    const char *const outside[] = {"PATH=/usr/bin:/bin", preload, NULL};
    run("posix_spawn", outside);
    CHECK(strcmp(output, "A=1\n") == 0);
}

/* More than belongs on a stack. */
static void aHugeEnvironmentIsCompletedOnASmallStack(void)
{
    enum { TIMES = 800 };
    static char own[sizeof "LD_PRELOAD=" + TIMES * sizeof "libc.so.6"];
    char *to = stpcpy(own, "LD_PRELOAD=");
    for (int i = 0; i < TIMES; i++)
        to = stpcpy(to, i == 0 ? "libc.so.6" : ":libc.so.6");
    const char *const arguments[] = {"exec-ways", "small-stack", own, NULL};
    CHECK(children_run(arguments, session_environment(NULL), output, sizeof output));
    const char *ours = strstr(output, preload), *theirs = strstr(output, own + sizeof "LD_PRELOAD=" - 1);
    CHECK(ours != NULL && theirs == ours + strlen(preload) + 1);
    CHECK(has_line("GPUSLICE_IPC_TOKEN=t"));
}

static void programsThatOthersWroteStayInTheSession(void)
{
    if (children_runner() != NULL)
        return; /* they are of another machine than the library */
    const char *const env[] = {"/usr/bin/env", "-i", "/usr/bin/env", "-i", "/usr/bin/env", NULL};
    CHECK(children_run(env, session_environment(NULL), output, sizeof output));
    CHECK(is_in_session());
    const char *const python[] = {
        "/usr/bin/python3", "-c",
        "import os, subprocess, sys\n"
        "subprocess.run(['/usr/bin/env'], env={}, check=True)\n"
        "subprocess.run(['/usr/bin/env'], env={'A': '1'}, close_fds=False, check=True)\n"
        "os.waitpid(os.posix_spawn('/usr/bin/env', ['env'], {}), 0)\n"
        "os.environ.clear()\n"
        "os.execv('/usr/bin/env', ['env'])\n",
        NULL};
    if (access(python[0], X_OK) != 0)
        return;
    CHECK(children_run(python, session_environment(NULL), output, sizeof output));
    CHECK(is_in_session());
    int times = 0;
    for (const char *at = output; (at = strstr(at, "GPUSLICE_SESSION=0123456789abcdef\n")) != NULL; at++)
        times++;
    CHECK_EQUAL(times, 4);
}

/* Which the C library starts by itself. */
static void aShellKeepsWhatItStartsInTheSession(void)
{
    static const char *const ways[] = {"system", "popen"};
    for (size_t i = 0; i < 2; i++) {
        run(ways[i], session_environment("GPUSLICE_IPC_WAIT=it's \"quoted\" $HOME"));
        test_check(is_in_session() && has_line("A=1") && has_line("GPUSLICE_IPC_WAIT=it's \"quoted\" $HOME"), __FILE__,
                   __LINE__, ways[i]);
        run(ways[i], session_environment("GPUSLICE_KEEP_ENV=0"));
        test_check(strstr(output, "GPUSLICE_") == NULL && has_line("A=1"), __FILE__, __LINE__, ways[i]);
        const char *const others[] = {"exec-ways", ways[i], "GPUSLICE_SESSION=fedcba9876543210", "LD_PRELOAD=libc.so.6", NULL};
        CHECK(children_run(others, session_environment(NULL), output, sizeof output) == (i == 1));
        test_check(i == 0 || (has_line("GPUSLICE_SESSION=fedcba9876543210") && strstr(output, "TOKEN") == NULL &&
                              strstr(output, "libgpuslice.so:libc.so.6\n") != NULL),
                   __FILE__, __LINE__, ways[i]);
    }
}

void exec_tests(void)
{
    RUN(whatIsMissingIsPutBackAndNothingElse);
    RUN(othersAreLeftAsTheyAre);
    RUN(theNextFunctionIsTheOneThatTheLoaderWouldFind);
    RUN(everyWayToStartAProgramKeepsItInTheSession);
    RUN(whoOptsOutStartsProgramsOutsideTheSession);
    RUN(outsideASessionProgramsAreStartedAsTheyAre);
    RUN(aHugeEnvironmentIsCompletedOnASmallStack);
    RUN(aShellKeepsWhatItStartsInTheSession);
    RUN(programsThatOthersWroteStayInTheSession);
}
