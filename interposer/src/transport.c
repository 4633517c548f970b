/* SPDX-License-Identifier: Apache-2.0 */
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "debug.h"
#include "descriptor.h"
#include "pages.h"
#include "process.h"
#include "shares.h"

#define ANSWER_WAIT_MS 2000u
#define PROBE_INTERVAL_MS 1000u
#define PROBE_WAIT_MS 50u
#define LONGEST_PAUSE_MS 50u
#define MACHINE_DIRECTORY "/run/gpuslice"

enum outcome {
    DONE,
    ABSENT,  /* nobody listens, or the connection ended: worth another try */
    SILENT,  /* connected, and no answer in time */
    REFUSED, /* an ERROR, or bytes that make no sense: trying again at once would not help */
};

__attribute__((format(printf, 4, 5))) static enum outcome fail(struct connection *connection, enum outcome outcome,
                                                               uint32_t error, const char *format, ...)
{
    char reason[sizeof connection->reason];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    if (strcmp(reason, connection->reason) != 0) /* said once, not at every try */
        debug_line("%s", reason);
    memcpy(connection->reason, reason, sizeof reason);
    connection->error = error;
    return outcome;
}

static void disconnect(struct connection *connection)
{
    descriptor_close(&connection->socket);
    if (connection->passed >= 0)
        close(connection->passed);
    connection->passed = -1;
    connection->have = 0;
    connection->silent = false;
}

/* ------------------------------------------------------------ bytes */

/* Waits until the socket can do `events`; the deadline holds however many signals arrive. */
static enum outcome wait_for(struct connection *connection, short events, uint64_t deadline)
{
    for (;;) {
        uint64_t now = clock_ms();
        struct pollfd socket = {.fd = connection->socket.number, .events = events};
        int ready = poll(&socket, 1, now < deadline ? (int)(deadline - now) : 0);
        if (ready > 0)
            return DONE;
        if (ready == 0)
            return fail(connection, SILENT, 0, "the daemon does not answer");
        if (errno != EINTR)
            return fail(connection, ABSENT, 0, "poll: %s", strerror(errno));
    }
}

static enum outcome send_all(struct connection *connection, const void *bytes, size_t length, uint64_t deadline)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t sent = send(connection->socket.number, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            at += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            enum outcome outcome = wait_for(connection, POLLOUT, deadline);
            if (outcome != DONE) {
                disconnect(connection); /* perhaps half a frame is out, and no late reply will tell when to go on */
                return outcome;
            }
        } else if (errno != EINTR) {
            return fail(connection, ABSENT, 0, "the connection to the daemon broke: %s", strerror(errno));
        }
    }
    return DONE;
}

static void keep_passed_descriptor(struct connection *connection, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof(int)))
            continue;
        if (connection->passed >= 0)
            close(connection->passed);
        memcpy(&connection->passed, CMSG_DATA(c), sizeof(int));
    }
}

/* Reads what there is, at least one byte. Always with room for a descriptor: the kernel drops one that is not asked for. */
static enum outcome receive_some(struct connection *connection, uint64_t deadline)
{
    for (;;) {
        union {
            struct cmsghdr align;
            char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec into = {connection->buffer + connection->have, sizeof connection->buffer - connection->have};
        struct msghdr message = {
            .msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        ssize_t got = recvmsg(connection->socket.number, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got > 0) {
            keep_passed_descriptor(connection, &message);
            connection->have += (uint32_t)got;
            return DONE;
        }
        if (got == 0)
            return fail(connection, ABSENT, 0, "the daemon closed the connection");
        if (errno == EAGAIN) {
            enum outcome outcome = wait_for(connection, POLLIN, deadline);
            if (outcome != DONE)
                return outcome;
        } else if (errno != EINTR) {
            return fail(connection, ABSENT, 0, "the connection to the daemon broke: %s", strerror(errno));
        }
    }
}

static void consume(struct connection *connection, uint32_t bytes)
{
    connection->have -= bytes;
    memmove(connection->buffer, connection->buffer + bytes, connection->have);
}

/* ------------------------------------------------------------ frames */

/* Bytes of a whole frame of this type; 0: no such frame is meant for a shim. */
static size_t frame_size(uint16_t type)
{
    const size_t header = sizeof(struct gpuslice_frame);
    switch (type) {
    case GPUSLICE_WELCOME:
        return header + sizeof(struct gpuslice_welcome);
    case GPUSLICE_GRANTED:
        return header + sizeof(struct gpuslice_granted);
    case GPUSLICE_DENIED:
        return header + sizeof(struct gpuslice_denied);
    case GPUSLICE_STATUS:
        return header + sizeof(struct gpuslice_status);
    case GPUSLICE_HEARD:
        return header;
    case GPUSLICE_ERROR:
        return header + sizeof(struct gpuslice_error);
    default:
        return 0;
    }
}

/* Waits until a whole frame is at the start of the buffer, and says which. */
static enum outcome next_frame(struct connection *connection, struct gpuslice_frame *frame, uint64_t deadline)
{
    for (;;) {
        if (connection->have >= sizeof *frame) {
            memcpy(frame, connection->buffer, sizeof *frame);
            if (frame->version >> 8 != GPUSLICE_ABI_MAJOR)
                return fail(connection, REFUSED, GPUSLICE_ERR_UNSUPPORTED_VERSION,
                            "the daemon speaks version %u of the protocol, this library version %u: install the same "
                            "gpuslice for both",
                            frame->version >> 8, GPUSLICE_ABI_MAJOR);
            /* Not by subtraction: a length below the header's would wrap around to a huge payload. */
            if (frame->length == 0 || frame->length != frame_size(frame->type))
                return fail(connection, REFUSED, GPUSLICE_ERR_BAD_REQUEST,
                            "the daemon sent a frame of type %u with %u bytes, which makes no sense", frame->type,
                            frame->length);
            if (connection->have >= frame->length)
                return DONE;
        }
        enum outcome outcome = receive_some(connection, deadline);
        if (outcome != DONE)
            return outcome;
    }
}

static enum outcome send_frame(struct connection *connection, uint16_t type, const void *payload, size_t size,
                               uint32_t seq, uint64_t deadline)
{
    struct {
        struct gpuslice_frame frame;
        char payload[sizeof(struct gpuslice_hello)]; /* the largest that a shim sends */
    } out = {.frame = {(uint32_t)(sizeof out.frame + size), type, GPUSLICE_ABI_VERSION, seq, 0}};
    if (size > 0)
        memcpy(out.payload, payload, size);
    return send_all(connection, &out, sizeof out.frame + size, deadline);
}

static enum outcome round_trip(struct connection *connection, uint16_t type, const void *request, size_t size,
                               struct transport_reply *reply)
{
    uint64_t deadline = clock_ms() + ANSWER_WAIT_MS;
    if (++connection->seq == 0) /* 0 is for errors that answer nothing in particular */
        connection->seq = 1;
    enum outcome outcome = send_frame(connection, type, request, size, connection->seq, deadline);
    while (outcome == DONE) {
        struct gpuslice_frame frame;
        outcome = next_frame(connection, &frame, deadline);
        if (outcome != DONE)
            break;
        /* A late reply to a request that was given up is skipped; it must not answer this one. */
        bool ours = frame.seq == connection->seq || (frame.seq == 0 && frame.type == GPUSLICE_ERROR);
        if (ours) {
            reply->type = frame.type;
            memcpy(&reply->as, connection->buffer + sizeof frame, frame.length - sizeof frame);
        }
        consume(connection, frame.length);
        if (ours)
            return DONE;
    }
    return outcome;
}

/* The same on a connection that has joined: its late reply will tell when to go on. */
static enum outcome ask(struct connection *connection, uint16_t type, const void *request, size_t size,
                        struct transport_reply *reply)
{
    enum outcome outcome = round_trip(connection, type, request, size, reply);
    if (outcome == SILENT) {
        connection->silent = descriptor_is_ours(&connection->socket);
        connection->probe_at = clock_ms() + PROBE_INTERVAL_MS;
    }
    return outcome;
}

/* ------------------------------------------------------------ joining */

/* Our own user, root, and whoever was given the machine's socket: nobody but root can have made that directory. */
static bool may_set_limits(const char *socket_path, uid_t uid)
{
    struct statx directory; /* Not lstat(): see descriptor.c. */
    return uid == geteuid() || uid == 0 ||
           (strcmp(socket_path, MACHINE_DIRECTORY "/gpuslice.sock") == 0 &&
            statx(AT_FDCWD, MACHINE_DIRECTORY, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_UID, &directory) == 0 &&
            S_ISDIR(directory.stx_mode) && directory.stx_uid == uid);
}

static enum outcome open_socket(const struct config *config, struct connection *connection)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, config->socket_path, sizeof address.sun_path);
    int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (number < 0)
        return fail(connection, ABSENT, 0, "socket: %s", strerror(errno));
    /* Not blocking: a full backlog is EAGAIN, and waits like an absent daemon. */
    if (connect(number, (struct sockaddr *)&address, sizeof address) != 0) {
        fail(connection, ABSENT, 0, "no daemon at %s: %s", config->socket_path, strerror(errno));
        close(number);
        return ABSENT;
    }
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(number, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        !may_set_limits(config->socket_path, peer.uid)) {
        close(number);
        return fail(connection, REFUSED, GPUSLICE_ERR_FORBIDDEN,
                    "%s belongs to uid %u: only a daemon of this user or of root may set the limit", config->socket_path,
                    peer.uid);
    }
    if (!descriptor_adopt(&connection->socket, number))
        return fail(connection, ABSENT, 0, "the guest closed our socket");
    return DONE;
}

static enum outcome receive_page(struct process *process, const struct gpuslice_welcome *welcome)
{
    struct connection *connection = &process->connection;
    uint64_t deadline = clock_ms() + ANSWER_WAIT_MS;
    while (connection->have == 0) {
        enum outcome outcome = receive_some(connection, deadline);
        if (outcome != DONE)
            return outcome;
    }
    int number = connection->passed;
    connection->passed = -1;
    consume(connection, 1);
    if (number < 0)
        return fail(connection, REFUSED, GPUSLICE_ERR_BAD_REQUEST, "WELCOME came without a ledger page");
    char reason[sizeof connection->reason];
    if (!pages_adopt(process, number, welcome->page_size, reason, sizeof reason))
        return fail(connection, REFUSED, GPUSLICE_ERR_BAD_REQUEST, "%s", reason);
    process_leave_to_children(&connection->socket, &atomic_load(&process->page)->descriptor);
    return DONE;
}

/* OVERLOADED and INTERNAL pass; what else the daemon says will be the same a moment later. */
static enum outcome refused(struct connection *connection, const struct gpuslice_error *error)
{
    bool passing = error->code == GPUSLICE_ERR_OVERLOADED || error->code == GPUSLICE_ERR_INTERNAL;
    return fail(connection, passing ? ABSENT : REFUSED, error->code, "%.*s", (int)sizeof error->text, error->text);
}

static enum outcome join(const struct config *config, struct process *process)
{
    struct connection *connection = &process->connection;
    enum outcome outcome = open_socket(config, connection);
    if (outcome != DONE)
        return outcome;
    struct gpuslice_hello hello = {.device_count = process->devices.count};
    memcpy(hello.session_id, config->session_id, sizeof hello.session_id);
    memcpy(hello.token, config->token, sizeof hello.token);
    memcpy(hello.image_id, process->image_id, sizeof hello.image_id);
    memcpy(hello.device_uuids, process->devices.uuid, sizeof hello.device_uuids);
    struct transport_reply reply;
    outcome = round_trip(connection, GPUSLICE_HELLO, &hello, sizeof hello, &reply);
    if (outcome != DONE)
        return outcome;
    if (reply.type == GPUSLICE_ERROR)
        return refused(connection, &reply.as.error);
    if (reply.type != GPUSLICE_WELCOME || reply.as.welcome.device_count != process->devices.count)
        return fail(connection, REFUSED, GPUSLICE_ERR_BAD_REQUEST, "HELLO was answered by a frame of type %u",
                    reply.type);
    outcome = receive_page(process, &reply.as.welcome);
    if (outcome != DONE)
        return outcome;
    memcpy(process->limit, reply.as.welcome.limit, sizeof process->limit);
    atomic_store_explicit(&process->strict, reply.as.welcome.flags & GPUSLICE_FLAG_STRICT, memory_order_relaxed);
    shares_say_again(process);
    debug_line("joined session %s at %s", config->session_id, config->socket_path);
    return DONE;
}

/* ------------------------------------------------------------ one request, whatever it takes */

struct exchange {
    uint16_t type; /* 0: only join */
    const void *request;
    size_t size;
    struct transport_reply *reply;
};

/* In the order in which they happened, and each until it has been sent as a whole: half a frame ends the connection. */
static enum outcome report_frees(struct connection *connection)
{
    struct unreported *unreported = &connection->unreported;
    uint64_t deadline = clock_ms() + ANSWER_WAIT_MS;
    while (unreported->count > 0) {
        const struct gpuslice_freed *freed = &unreported->frees[unreported->first];
        enum outcome outcome = send_frame(connection, GPUSLICE_FREED, freed, sizeof *freed, 0, deadline);
        if (outcome != DONE)
            return outcome;
        unreported->first = (unreported->first + 1) % UNREPORTED_MAX;
        unreported->count--;
    }
    unreported->dropped = 0;
    return DONE;
}

/* The last of them is a question, and its answer is good for all. */
static enum outcome tell_shares(struct connection *connection, const struct gpuslice_share *shares, uint32_t count)
{
    uint64_t deadline = clock_ms() + ANSWER_WAIT_MS;
    for (uint32_t i = 0; i < count - 1; i++) {
        enum outcome outcome = send_frame(connection, GPUSLICE_SHARE, &shares[i], sizeof *shares, 0, deadline);
        if (outcome != DONE)
            return outcome;
    }
    struct transport_reply reply;
    enum outcome outcome = ask(connection, GPUSLICE_SHARE, &shares[count - 1], sizeof *shares, &reply);
    if (outcome == DONE && reply.type == GPUSLICE_ERROR)
        return refused(connection, &reply.as.error);
    if (outcome == DONE && reply.type != GPUSLICE_HEARD)
        return fail(connection, REFUSED, GPUSLICE_ERR_BAD_REQUEST, "SHARE was answered by a frame of type %u", reply.type);
    return outcome;
}

static enum outcome report_shares(struct process *process)
{
    struct gpuslice_share shares[SHARES_AT_ONCE];
    for (uint32_t count; (count = shares_next(process, shares)) > 0;) {
        enum outcome outcome = tell_shares(&process->connection, shares, count);
        if (outcome != DONE)
            return outcome;
        shares_heard(process, shares, count);
    }
    return DONE;
}

/* Late replies prove that a silent daemon is back; without one there is nothing to wait for. */
static enum outcome listen_for_late_reply(struct connection *connection)
{
    uint64_t now = clock_ms();
    uint64_t deadline = now;
    if (now >= connection->probe_at) {
        deadline = now + PROBE_WAIT_MS;
        connection->probe_at = now + PROBE_INTERVAL_MS;
    }
    enum outcome outcome = receive_some(connection, deadline);
    if (outcome == DONE)
        connection->silent = false;
    return outcome;
}

static enum outcome try_once(const struct config *config, struct process *process, const struct exchange *exchange)
{
    struct connection *connection = &process->connection;
    enum outcome outcome = DONE;
    if (!descriptor_is_ours(&connection->socket)) {
        disconnect(connection); /* never was, ended, or the guest closed it */
        outcome = join(config, process);
        if (outcome != DONE)
            disconnect(connection); /* also when silent: what a late WELCOME would bring is not worth its bookkeeping */
    } else if (connection->silent) {
        outcome = listen_for_late_reply(connection);
    }
    if (outcome == DONE)
        outcome = report_frees(connection);
    if (outcome == DONE)
        outcome = report_shares(process);
    if (outcome != DONE || exchange->type == 0)
        return outcome;
    return ask(connection, exchange->type, exchange->request, exchange->size, exchange->reply);
}

static bool answers(const struct exchange *exchange)
{
    switch (exchange->reply->type) {
    case GPUSLICE_GRANTED:
    case GPUSLICE_DENIED:
        return exchange->type == GPUSLICE_CHARGE;
    case GPUSLICE_STATUS:
        return exchange->type == GPUSLICE_QUERY;
    default:
        return exchange->reply->type == GPUSLICE_ERROR;
    }
}

static bool exchange_now(const struct config *config, struct process *process, const struct exchange *exchange)
{
    struct connection *connection = &process->connection;
    if (config->too_long || config->socket_path[0] == '\0') {
        fail(connection, REFUSED, GPUSLICE_ERR_BAD_REQUEST,
             "GPUSLICE_SESSION, GPUSLICE_IPC_SOCK or GPUSLICE_IPC_TOKEN is missing or too long: start the program with "
             "'gpuslice run' or 'gpuslice exec'");
        return false;
    }
    uint64_t now = clock_ms();
    if (connection->down && now < connection->probe_at)
        return false; /* the reason still stands */
    uint64_t deadline = connection->down ? now : now + config->wait_ms;
    for (uint32_t pause = 0;; pause = pause == 0 ? 1 : pause < LONGEST_PAUSE_MS / 2 ? pause * 2 : LONGEST_PAUSE_MS) {
        enum outcome outcome = try_once(config, process, exchange);
        if (outcome == DONE && exchange->type != 0 && !answers(exchange))
            outcome = fail(connection, REFUSED, GPUSLICE_ERR_BAD_REQUEST,
                           "the daemon answered with a frame of type %u, which makes no sense", exchange->reply->type);
        if (outcome == DONE) {
            connection->down = false;
            return true;
        }
        if (outcome != SILENT)
            disconnect(connection);
        now = clock_ms();
        /* One more try is always due: the connection may have ended while nobody looked. */
        if (outcome != ABSENT || (pause > 0 && now + pause > deadline))
            break;
        poll(NULL, 0, (int)pause); /* a signal only shortens the pause */
    }
    connection->down = !connection->silent;
    if (connection->down)
        connection->probe_at = clock_ms() + PROBE_INTERVAL_MS;
    return false;
}

static bool exchange_keeping_errno(const struct config *config, struct process *process, const struct exchange *exchange)
{
    int saved = errno;
    bool answered = exchange_now(config, process, exchange);
    errno = saved;
    return answered;
}

bool transport_join(const struct config *config, struct process *process)
{
    return exchange_keeping_errno(config, process, &(struct exchange){0});
}

bool transport_charge(const struct config *config, struct process *process, uint32_t device, uint64_t bytes,
                      uint32_t flags, struct transport_reply *reply)
{
    struct gpuslice_charge charge = {.bytes = bytes, .device = device, .flags = flags};
    struct exchange exchange = {GPUSLICE_CHARGE, &charge, sizeof charge, reply};
    return exchange_keeping_errno(config, process, &exchange);
}

bool transport_query(const struct config *config, struct process *process, struct transport_reply *reply)
{
    struct exchange exchange = {GPUSLICE_QUERY, NULL, 0, reply};
    return exchange_keeping_errno(config, process, &exchange);
}

/* What nobody asked for. No connection is made for it: a free never waits for a daemon that is away. */
static void report(struct process *process)
{
    struct connection *connection = &process->connection;
    if (connection->silent || !descriptor_is_ours(&connection->socket))
        return;
    int saved = errno;
    enum outcome outcome = report_frees(connection);
    if (outcome == DONE)
        outcome = report_shares(process);
    if (outcome != DONE && !connection->silent)
        disconnect(connection); /* the next request connects again */
    errno = saved;
}

void transport_freed(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle)
{
    struct unreported *unreported = &process->connection.unreported;
    if (unreported->count == UNREPORTED_MAX) {
        if (unreported->dropped++ == 0)
            debug_line("%u frees wait for the daemon to come back: it will not hear of further ones", UNREPORTED_MAX);
        return;
    }
    unreported->frees[(unreported->first + unreported->count++) % UNREPORTED_MAX] =
        (struct gpuslice_freed){.bytes = bytes, .handle = handle, .device = device};
    report(process);
}

void transport_shares(struct process *process)
{
    report(process);
}
