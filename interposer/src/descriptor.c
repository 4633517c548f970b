/* SPDX-License-Identifier: Apache-2.0 */
#include "descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Above what shells, daemons' close loops and select() care about; below the usual soft limit of 1024. */
#define LOWEST_NUMBER 300

/* Not fstat(): glibc 2.33 gave it a new symbol, and this library loads on older ones. */
static bool identify(int number, struct stat *status)
{
    return syscall(SYS_fstat, number, status) == 0;
}

bool descriptor_remember(struct descriptor *descriptor, int number)
{
    struct stat status;
    descriptor->open = identify(number, &status);
    if (descriptor->open) {
        descriptor->number = number;
        descriptor->device = status.st_dev;
        descriptor->inode = status.st_ino;
    }
    return descriptor->open;
}

bool descriptor_adopt(struct descriptor *descriptor, int number)
{
    int moved = fcntl(number, F_DUPFD_CLOEXEC, LOWEST_NUMBER);
    if (moved >= 0) {
        close(number);
        number = moved;
    }
    if (!descriptor_remember(descriptor, number))
        close(number);
    return descriptor->open;
}

bool descriptor_is_ours(const struct descriptor *descriptor)
{
    struct stat status;
    return descriptor->open && identify(descriptor->number, &status) && status.st_dev == descriptor->device &&
           status.st_ino == descriptor->inode;
}

void descriptor_close(struct descriptor *descriptor)
{
    if (descriptor_is_ours(descriptor))
        close(descriptor->number);
    descriptor->open = false;
}
