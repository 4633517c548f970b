/* SPDX-License-Identifier: Apache-2.0 */
/* libsends.so, preloaded behind libgpuslice.so: counts the messages that a process sends. */
#include <dlfcn.h>
#include <sys/socket.h>

#define COUNTED __attribute__((visibility("default")))

COUNTED unsigned long bench_sends;

/* Looked up anew each time: a message costs microseconds, and a cached pointer would need a fence. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define COUNT() __atomic_fetch_add(&bench_sends, 1, __ATOMIC_RELAXED)

COUNTED ssize_t send(int fd, const void *data, size_t length, int flags)
{
    COUNT();
    return NEXT(send)(fd, data, length, flags);
}

COUNTED ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
    COUNT();
    return NEXT(sendto)(fd, data, length, flags, to, size);
}

COUNTED ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    COUNT();
    return NEXT(sendmsg)(fd, message, flags);
}
