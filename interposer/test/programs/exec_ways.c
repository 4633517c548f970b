/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * exec-ways WAY [NAME=VALUE…]: starts env(1) in one of the ways there are, with nothing but these in its environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENV "/usr/bin/env"

static char *argv[] = {"env", NULL};
static char **environment;

static void wait_for(pid_t child)
{
    int status = -1;
    exit(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],
                     char *const[]);

static void spawn(spawn_fn *start, const char *program)
{
    pid_t child;
    if (start(&child, program, NULL, NULL, argv, environment) != 0)
        exit(2);
    wait_for(child);
}

static void print_all(FILE *from)
{
    char line[4096];
    while (from != NULL && fgets(line, sizeof line, from) != NULL)
        fputs(line, stdout);
    exit(from != NULL && pclose(from) == 0 && fflush(stdout) == 0 ? 0 : 1);
}

/* The shell's status and line numbers are those of the command, and nobody else sees our variables. */
static void run_shell(void)
{
    int status = system("test $? = 0 && exit 7");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7 || getenv("GPUSLICE_SESSION") != NULL || system(NULL) == 0)
        exit(6);
    exit(system("export B=2; env") == 0 ? 0 : 1);
}

static void on_signal(int number)
{
    (void)number;
    execve(ENV, argv, environment);
}

static void *on_a_small_stack(void *unused)
{
    execve(ENV, argv, environment);
    return unused;
}

static void start_on_a_small_stack(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN);
    if (pthread_create(&thread, &attributes, on_a_small_stack, NULL) == 0)
        pthread_join(thread, NULL);
}

/* An exec that fails leaves errno and comes back. */
static void fail_first(void)
{
    errno = 0;
    if (execve("/nonexistent/program", argv, environment) != -1 || errno != ENOENT)
        exit(3);
    errno = 0;
    if (execlp("no-program-of-this-name", "it", (char *)NULL) != -1 || errno != ENOENT)
        exit(4);
    pid_t child;
    if (posix_spawnp(&child, "no-program-of-this-name", NULL, NULL, argv, environment) != ENOENT)
        exit(5);
    execve(ENV, argv, environment);
}

int main(int count, char **arguments)
{
    const char *way = count > 1 ? arguments[1] : "";
    environment = arguments + 2;
#define IS(name) (strcmp(way, name) == 0)
    if (IS("execve"))
        execve(ENV, argv, environment);
    if (IS("execve-null"))
        execve(ENV, argv, NULL);
    if (IS("execvpe"))
        execvpe("env", argv, environment);
    if (IS("execle"))
        execle(ENV, "env", "-u", "NOTHING", (char *)NULL, environment);
    if (IS("fexecve"))
        fexecve(open(ENV, O_RDONLY | O_CLOEXEC), argv, environment);
    if (IS("execveat"))
        execveat(AT_FDCWD, ENV, argv, environment, 0);
    if (IS("posix_spawn"))
        spawn(posix_spawn, ENV);
    if (IS("posix_spawnp"))
        spawn(posix_spawnp, "env");
    if (IS("vfork")) {
        pid_t child = vfork();
        if (child == 0) {
            execve(ENV, argv, environment);
            _exit(127);
        }
        wait_for(child);
    }
    if (IS("signal")) {
        signal(SIGUSR1, on_signal);
        raise(SIGUSR1);
    }
    if (IS("small-stack"))
        start_on_a_small_stack();
    if (IS("failure"))
        fail_first();
    /* The others take what is in `environ`. */
    environ = environment;
    if (IS("execv"))
        execv(ENV, argv);
    if (IS("execvp"))
        execvp("env", argv);
    if (IS("execl"))
        execl(ENV, "env", "-u", "NOTHING", (char *)NULL);
    if (IS("execlp"))
        execlp("env", "env", "-u", "NOTHING", (char *)NULL);
    if (IS("popen"))
        print_all(popen("env", "r"));
    if (IS("system"))
        run_shell();
    return 1;
}
