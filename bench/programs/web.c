/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web PORT TOKEN CONNECTIONS PATH stream
 * web PORT TOKEN CONNECTIONS PATH RATE
 *
 * So many HTTP connections to this machine. `stream`: each reads the events of PATH. RATE: together they GET the path so
 * many times a second, or with 0 each as fast as it is answered. Says "ready" when each connection has been answered once,
 * then, for each line on stdin, {"answers": N, "bytes": N, "seconds": N} of the time since the last such line, and ends
 * when stdin does.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "bench.h"

#define HEAD 4096

struct connection {
    int fd;
    bool busy, answered;
    char head[HEAD + 1]; /* of the answer that comes in; it ends with an empty line */
    size_t head_length;
    long left; /* bytes of its body; -1: the head is not whole yet */
};

static struct connection *connections;
static long count, rate, idle_hint;
static bool streams;
static char request[1024];
static uint64_t answers, received, since, due;

static void ask(struct connection *connection)
{
    size_t length = strlen(request);
    must(send(connection->fd, request, length, MSG_NOSIGNAL) == (ssize_t)length, "send");
    connection->busy = true;
    connection->head_length = 0;
    connection->left = -1;
}

static void open_connection(struct connection *connection, int epoll, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(connection->fd >= 0, "socket");
    must(connect(connection->fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) == 0, "epoll_ctl");
    ask(connection);
}

static void check_status(const struct connection *connection)
{
    if (strncmp(connection->head, "HTTP/1.1 200 ", 13) != 0)
        die("answered: %.*s", (int)strcspn(connection->head, "\r"), connection->head);
}

/* Whether that ends an answer. What comes on a stream after its head is counted alone. */
static bool take(struct connection *connection, const char *bytes, size_t length)
{
    while (connection->left < 0 && length > 0) {
        if (connection->head_length == HEAD)
            die("an answer's head is longer than %d bytes", HEAD);
        connection->head[connection->head_length++] = *bytes++;
        connection->head[connection->head_length] = '\0';
        length--;
        if (connection->head_length >= 4 && strcmp(connection->head + connection->head_length - 4, "\r\n\r\n") == 0) {
            check_status(connection);
            const char *size = strcasestr(connection->head, "\r\ncontent-length:");
            connection->left = size != NULL ? atol(size + strlen("\r\ncontent-length:")) : 0;
        }
    }
    if (streams)
        return connection->left >= 0 && !connection->answered;
    connection->left -= connection->left > 0 ? (long)length : 0;
    return connection->left == 0;
}

static bool hear(struct connection *connection)
{
    static char bytes[1 << 18];
    ssize_t length = recv(connection->fd, bytes, sizeof bytes, 0);
    if (length <= 0)
        die("the daemon closed a connection");
    received += (uint64_t)length;
    return take(connection, bytes, (size_t)length);
}

/* With a rate, as many as are due and can be asked. */
static void ask_what_is_due(void)
{
    uint64_t now = now_ns();
    while (rate > 0 && due <= now) {
        long tried = 0;
        while (tried < count && connections[idle_hint].busy) {
            idle_hint = (idle_hint + 1) % count;
            tried++;
        }
        if (tried == count)
            return;
        ask(&connections[idle_hint]);
        due += 1000000000ull / (uint64_t)rate;
    }
}

static void report(void)
{
    uint64_t now = now_ns();
    say("{\"answers\": %llu, \"bytes\": %llu, \"seconds\": %.3f}", (unsigned long long)answers,
        (unsigned long long)received, (double)(now - since) / 1e9);
    answers = received = 0;
    since = now;
}

static int patience_ms(bool ready)
{
    uint64_t now = now_ns();
    if (rate == 0 || !ready)
        return -1;
    return due <= now ? 1 : (int)((due - now) / 1000000) + 1;
}

static void on_answer(struct connection *connection, long *waiting)
{
    bool first = !connection->answered;
    answers++;
    connection->busy = streams;
    connection->answered = true;
    if (first && --*waiting == 0) {
        say("ready");
        since = due = now_ns();
    }
    if (!streams && rate == 0)
        ask(connection);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        die("usage: web PORT TOKEN CONNECTIONS PATH stream|RATE");
    struct rlimit files;
    must(getrlimit(RLIMIT_NOFILE, &files) == 0, "getrlimit");
    files.rlim_cur = files.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &files) == 0, "setrlimit");
    count = number(argv[3]);
    streams = strcmp(argv[5], "stream") == 0;
    rate = streams ? 0 : number(argv[5]);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nAccept: %s\r\n\r\n",
             argv[4], argv[2], streams ? "text/event-stream" : "application/json");
    connections = calloc((size_t)count, sizeof *connections);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    must(connections != NULL && epoll >= 0, "setting up");
    struct epoll_event events[64] = {{.events = EPOLLIN}};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &events[0]) == 0, "epoll_ctl");
    long opened = 0, waiting = count;
    while (true) {
        /* A few at a time: the daemon's backlog is 100. */
        for (; opened < count && opened - (count - waiting) < 32; opened++)
            open_connection(&connections[opened], epoll, (uint16_t)number(argv[1]));
        int heard = epoll_wait(epoll, events, 64, patience_ms(waiting == 0));
        for (int i = 0; i < heard; i++) {
            char line;
            if (events[i].data.ptr != NULL) {
                if (hear(events[i].data.ptr))
                    on_answer(events[i].data.ptr, &waiting);
            } else if (read(STDIN_FILENO, &line, 1) <= 0) {
                return 0;
            } else if (line == '\n') {
                report();
            }
        }
        if (waiting == 0)
            ask_what_is_due();
    }
}
