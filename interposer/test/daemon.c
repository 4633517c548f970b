/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void daemon_prepare(struct daemon *daemon)
{
    memset(daemon, 0, sizeof *daemon);
    snprintf(daemon->folder, sizeof daemon->folder, "/tmp/gpuslice-test-XXXXXX");
    if (mkdtemp(daemon->folder) == NULL)
        abort();
    snprintf(daemon->config.socket_path, sizeof daemon->config.socket_path, "%s/socket", daemon->folder);
    snprintf(daemon->config.session_id, sizeof daemon->config.session_id, "0123456789abcdef");
    snprintf(daemon->config.token, sizeof daemon->config.token, "a token");
    daemon->config.wait_ms = 5000;
    daemon->listener = -1;
}

void daemon_listen(struct daemon *daemon)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, daemon->config.socket_path, sizeof address.sun_path);
    unlink(daemon->config.socket_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0)
        abort();
    daemon->listener = listener;
}

void daemon_stop_listening(struct daemon *daemon)
{
    if (daemon->listener >= 0)
        close(daemon->listener);
    daemon->listener = -1;
    unlink(daemon->config.socket_path);
}

static void *run(void *argument)
{
    struct daemon *daemon = argument;
    daemon->script(daemon, daemon->context);
    return NULL;
}

void daemon_start(struct daemon *daemon, void (*script)(struct daemon *, void *), void *context)
{
    daemon->script = script;
    daemon->context = context;
    if (daemon->listener < 0)
        daemon_listen(daemon);
    if (pthread_create(&daemon->thread, NULL, run, daemon) != 0)
        abort();
}

void daemon_finish(struct daemon *daemon)
{
    if (daemon->script != NULL)
        pthread_join(daemon->thread, NULL);
    daemon_stop_listening(daemon);
    rmdir(daemon->folder);
}

static bool wait_readable(int descriptor)
{
    struct pollfd readable = {.fd = descriptor, .events = POLLIN};
    int ready;
    do {
        ready = poll(&readable, 1, 10000);
    } while (ready < 0 && errno == EINTR);
    return CHECK(ready == 1);
}

int daemon_accept(struct daemon *daemon)
{
    return wait_readable(daemon->listener) ? accept(daemon->listener, NULL, NULL) : -1;
}

static bool read_all(int connection, void *to, size_t size)
{
    for (size_t have = 0; have < size;) {
        if (!wait_readable(connection))
            return false;
        ssize_t got = read(connection, (char *)to + have, size - have);
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

bool daemon_read(int connection, struct request *request)
{
    memset(request, 0, sizeof *request);
    return read_all(connection, &request->frame, sizeof request->frame) &&
           CHECK(request->frame.length - sizeof request->frame <= sizeof request->as) &&
           CHECK_EQUAL(request->frame.version, GPUSLICE_ABI_VERSION) &&
           read_all(connection, &request->as, request->frame.length - sizeof request->frame);
}

void daemon_send(int connection, uint16_t type, uint32_t seq, const void *payload, size_t size)
{
    uint8_t bytes[2048];
    struct gpuslice_frame frame = {(uint32_t)(sizeof frame + size), type, GPUSLICE_ABI_VERSION, seq, 0};
    memcpy(bytes, &frame, sizeof frame);
    if (size > 0)
        memcpy(bytes + sizeof frame, payload, size);
    CHECK(send(connection, bytes, sizeof frame + size, MSG_NOSIGNAL) == (ssize_t)(sizeof frame + size));
}

void daemon_welcome(int connection, const struct request *hello, uint32_t flags, int page)
{
    struct gpuslice_welcome welcome = {
        .flags = flags, .device_count = hello->as.hello.device_count, .page_size = GPUSLICE_PAGE_SIZE};
    for (uint32_t i = 0; i < welcome.device_count; i++)
        welcome.limit[i] = 1ull << 30;
    daemon_send(connection, GPUSLICE_WELCOME, hello->frame.seq, &welcome, sizeof welcome);
    daemon_send_page(connection, page);
}

void daemon_send_page(int connection, int page)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    char zero = 0;
    struct iovec from = {&zero, 1};
    struct msghdr message = {
        .msg_iov = &from, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &page, sizeof(int));
    CHECK(sendmsg(connection, &message, MSG_NOSIGNAL) == 1);
}

int daemon_join(struct daemon *daemon, uint32_t flags, int page)
{
    struct request hello;
    int connection = daemon_accept(daemon);
    if (CHECK(daemon_read(connection, &hello)) && CHECK_EQUAL(hello.frame.type, GPUSLICE_HELLO))
        daemon_welcome(connection, &hello, flags, page);
    return connection;
}

void daemon_grant(int connection, const struct request *charge, uint64_t total)
{
    struct gpuslice_granted granted = {.charge = total, .device = charge->as.charge.device};
    daemon_send(connection, GPUSLICE_GRANTED, charge->frame.seq, &granted, sizeof granted);
}

void daemon_deny(int connection, const struct request *charge, uint32_t code, uint64_t used, uint64_t limit)
{
    struct gpuslice_denied denied = {code, charge->as.charge.device, charge->as.charge.bytes, used, limit};
    daemon_send(connection, GPUSLICE_DENIED, charge->frame.seq, &denied, sizeof denied);
}
