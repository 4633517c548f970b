/* SPDX-License-Identifier: Apache-2.0 */
/* echo PATH: the floor under a round trip. Answers 32 bytes with 32 bytes, one thread, epoll, until stdin ends. */
#include <sys/epoll.h>
#include <sys/socket.h>

#include "wire.h"

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void answer(int fd)
{
    char frame[32];
    ssize_t n = recv(fd, frame, sizeof frame, 0);
    if (n <= 0)
        close(fd);
    else
        wire_send(fd, frame, (size_t)n);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        die("usage: echo PATH");
    int listener = wire_listen(argv[1]), epoll = epoll_create1(EPOLL_CLOEXEC);
    must(epoll >= 0, "epoll_create1");
    watch(epoll, listener);
    watch(epoll, STDIN_FILENO);
    say("ready");
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) {
                unlink(argv[1]);
                return 0;
            }
            if (fd == listener) {
                int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                must(client >= 0, "accept");
                watch(epoll, client);
            } else {
                answer(fd);
            }
        }
    }
}
