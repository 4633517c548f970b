/* SPDX-License-Identifier: Apache-2.0 */
/* Who a process is, and whether it still runs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"

/* Moves to field `to` of /proc/<pid>/stat, counted from field `from` (proc(5)). */
static const char *skip_fields(const char *text, int from, int to)
{
    for (; text != NULL && from < to; from++) {
        text = strchr(text, ' ');
        text = text != NULL ? text + 1 : NULL;
    }
    return text;
}

uint64_t process_starttime(uint32_t pid)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    const char *parenthesis = strrchr(text, ')'); /* ends field 2, which may hold anything */
    const char *state = skip_fields(parenthesis, 2, 3), *threads = skip_fields(state, 3, 20);
    const char *starttime = skip_fields(threads, 20, 22);
    if (starttime == NULL)
        return 0;
    /* A zombie whose other threads still run is alive: only its leader has ended. */
    bool ended = *state == 'X' || (*state == 'Z' && strtoul(threads, NULL, 10) <= 1);
    return ended ? 0 : strtoull(starttime, NULL, 10);
}

uint64_t process_namespace(void)
{
    struct stat status;
    return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}
