/* SPDX-License-Identifier: Apache-2.0 */
#include "debug.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "descriptor.h"

enum level { UNKNOWN = 0, QUIET, NOTICES, EVERYTHING };

static enum level level_now(void)
{
    static _Atomic int level;
    int known = atomic_load_explicit(&level, memory_order_relaxed);
    if (known == UNKNOWN) {
        const char *value = getenv("GPUSLICE_DEBUG");
        known = value == NULL || *value == '\0' ? NOTICES : strcmp(value, "0") == 0 ? QUIET : EVERYTHING;
        atomic_store_explicit(&level, known, memory_order_relaxed); /* threads that race store the same */
    }
    return (enum level)known;
}

/*
 * What descriptor 2 was when the program started. A program that closes it may get the number for a file of its own,
 * and a line of ours in there would be damage; so we speak only while it is still the same. Where we are called before
 * this constructor, or where it was closed to begin with, we say nothing.
 */
static struct descriptor stderr_at_start;

__attribute__((constructor)) static void remember_stderr(void)
{
    descriptor_remember(&stderr_at_start, STDERR_FILENO);
}

/* A write to a pipe that nobody reads raises SIGPIPE, which would end the guest because of us: it is blocked around
 * the write, and taken away if the write raised it. Raw system calls: the libc wrappers changed version. */
static void write_without_sigpipe(const char *line, size_t length)
{
    uint64_t pipe_signal = 1ull << (SIGPIPE - 1), before = 0, pending = 0;
    syscall(SYS_rt_sigpending, &pending, sizeof pending);
    if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, &pipe_signal, &before, sizeof before) != 0)
        return;
    ssize_t written = write(STDERR_FILENO, line, length);
    if (written < 0 && errno == EPIPE && !(pending & pipe_signal)) {
        struct timespec at_once = {0, 0};
        syscall(SYS_rt_sigtimedwait, &pipe_signal, NULL, &at_once, sizeof pipe_signal);
    }
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

static void write_line(const char *format, va_list arguments)
{
    int saved = errno, cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state); /* poll and write are cancellation points */
    char line[512];
    int prefix = snprintf(line, sizeof line, "gpuslice: ");
    int length = vsnprintf(line + prefix, sizeof line - (size_t)prefix - 1, format, arguments);
    if (length > 0) {
        size_t end = (size_t)prefix + (size_t)length;
        if (end > sizeof line - 2)
            end = sizeof line - 2;
        line[end] = '\n';
        /* A full pipe would make us wait for whoever reads it. */
        struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (descriptor_is_ours(&stderr_at_start) && poll(&out, 1, 0) == 1 && (out.revents & POLLOUT))
            write_without_sigpipe(line, end + 1);
    }
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved;
}

void debug_line(const char *format, ...)
{
    if (level_now() < EVERYTHING)
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

void debug_notice(const char *format, ...)
{
    if (level_now() < NOTICES)
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

const char *debug_size(char *text, uint64_t bytes)
{
    static const char units[][4] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    double value = (double)bytes;
    while (value >= 1024 && unit < 6) {
        value /= 1024;
        unit++;
    }
    snprintf(text, DEBUG_SIZE_LENGTH, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}
