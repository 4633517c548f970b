/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest programs share: options, lines for whoever watches, and the wait for the end. */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gpu.h"

#define MIB ((size_t)1 << 20)

/* "64", "1M": K, M and G are base 1024. Junk ends the program with 2. */
static inline size_t size_of(const char *text)
{
    char *end;
    size_t number = strtoull(text, &end, 10);
    const char *units = "KMG", *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (end == text || (*end != '\0' && (unit == NULL || end[1] != '\0'))) {
        fprintf(stderr, "'%s' is not a number such as 8, 64K, 1M or 2G\n", text);
        exit(2);
    }
    return unit != NULL ? number << (10 * (unit - units + 1)) : number;
}

/* The place of an option; argc if it was not given. What stands behind `--` is another program's. */
static inline int option_at(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], name) == 0)
            return i;
    return argc;
}

static inline bool flag(int argc, char **argv, const char *name)
{
    return option_at(argc, argv, name) < argc;
}

static inline size_t option(int argc, char **argv, const char *name, size_t otherwise)
{
    int at = option_at(argc, argv, name);
    return at + 1 < argc ? size_of(argv[at + 1]) : otherwise;
}

/* One line on stdout, at once, in one write, so that lines of several processes on one pipe do not mix. */
static inline void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    line[length++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        exit(3);
}

/* The next line of stdin, without its end, and not a byte more: an exec'ed program gets the rest. False at the end. */
static inline bool hear(char *line, size_t size)
{
    size_t length = 0;
    char c;
    while (read(STDIN_FILENO, &c, 1) == 1) {
        if (c == '\n') {
            line[length] = '\0';
            return true;
        }
        if (length + 1 < size)
            line[length++] = c;
    }
    return false;
}

static inline void until_told_to_end(void)
{
    char line[64];
    while (hear(line, sizeof line)) {
    }
}

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
