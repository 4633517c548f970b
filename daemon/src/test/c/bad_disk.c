/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into a daemon under test: a disk that does not sync. The file that BAD_DISK names says, at each sync of a
 * journal, how that goes: "fail" (EIO), "hang" (until it says something else), anything else: well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool says(const char *mode)
{
    char said[16] = "";
    const char *path = getenv("BAD_DISK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        if (read(fd, said, sizeof said - 1) < 0)
            said[0] = '\0';
        close(fd);
    }
    return strncmp(said, mode, strlen(mode)) == 0;
}

static bool is_journal(int fd)
{
    char link[64];
    char path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/journal/");
}

static bool goes_well(void)
{
    while (says("hang"))
        usleep(10000);
    if (!says("fail"))
        return true;
    errno = EIO;
    return false;
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return is_journal(fd) && !goes_well() ? -1 : real(fd);
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return is_journal(fd) && !goes_well() ? -1 : real(fd);
}

/* Nothing but LevelDB's logs is mapped and synced by this daemon. */
int msync(void *address, size_t length, int flags)
{
    int (*real)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");
    return goes_well() ? real(address, length, flags) : -1;
}
