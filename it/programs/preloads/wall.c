/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded: the wall clock of the process is as many seconds ahead as the file $WALL_AHEAD says, at every moment; without
 * the variable it is right. Other clocks are left alone. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* 0 where the file does not say. */
static time_t ahead(void)
{
    char text[32] = "";
    const char *file = getenv("WALL_AHEAD");
    int fd = file != NULL ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    return length > 0 ? strtoll(text, NULL, 10) : 0;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now)
{
    long code = syscall(SYS_clock_gettime, clock, now);
    if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += ahead();
    return (int)code;
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    struct timespec exact;
    int code = clock_gettime(CLOCK_REALTIME, &exact);
    if (code == 0)
        *now = (struct timeval){exact.tv_sec, exact.tv_nsec / 1000};
    return code;
}

__attribute__((visibility("default"))) time_t time(time_t *now)
{
    struct timespec exact = {0};
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now != NULL)
        *now = exact.tv_sec;
    return exact.tv_sec;
}
