/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client echo PATH CLIENTS REQUESTS WARM-UP
 * client grant PATH CLIENTS REQUESTS WARM-UP own|shared
 *     Round trips. Every client is a process of its own, as a guest is, and has one request in flight. `grant`: each
 *     is in a strict session of its own, or all share one, and asks for 4 KiB more, again and again; like the
 *     library it then counts the bytes as used. In a strict session each such request raises the charge by just
 *     that, and a raised charge is journaled before it is answered.
 *
 * client greet PATH CLIENTS
 * client join PATH CLIENTS own|shared
 *     So many processes connect at one moment, and each makes itself a member (`join`: HELLO until its page is
 *     mapped), or says 32 bytes and hears them (`greet`: the floor).
 *
 * REQUESTS is of each client. One line of JSON: see crowd.h.
 */
#include "crowd.h"
#include "wire.h"

static const char *path;
static struct gpuslice_opened sessions[MOST_CLIENTS];
static int opened;
static long warm_up;

static void echo_once(void *guest)
{
    char frame[32] = {0};
    int fd = ((struct guest *)guest)->fd;
    wire_send(fd, frame, sizeof frame);
    wire_receive(fd, frame, sizeof frame);
}

static void grant_once(void *guest)
{
    if (!wire_charge(guest, STEP))
        die("a charge was denied: the limit is too small for so many requests");
}

static void *warmed(struct guest *guest, void (*act)(void *))
{
    for (long k = 0; k < warm_up; k++)
        act(guest);
    return guest;
}

static void *begin_echo(int client)
{
    static struct guest guest;
    (void)client;
    guest.fd = wire_connect(path);
    return warmed(&guest, echo_once);
}

static const struct gpuslice_opened *session_of(int client)
{
    return &sessions[client % opened];
}

static void *begin_grant(int client)
{
    static struct guest guest;
    guest = wire_join(path, session_of(client));
    return warmed(&guest, grant_once);
}

static void *begin_join(int client)
{
    return (void *)session_of(client);
}

static void join(void *session)
{
    wire_join(path, session);
}

static void *begin_greet(int client)
{
    (void)client;
    return NULL;
}

static void greet(void *nothing)
{
    (void)nothing;
    struct guest guest = {.fd = wire_connect(path)};
    echo_once(&guest);
}

static void open_sessions(const char *how, int clients, const char *limit, uint32_t flags)
{
    opened = strcmp(how, "shared") == 0 ? 1 : clients;
    for (int i = 0; i < opened; i++)
        sessions[i] = wire_open(path, limit, flags);
}

int main(int argc, char **argv)
{
    const char *kind = argc > 3 ? argv[1] : "";
    bool grant = strcmp(kind, "grant") == 0, join_too = strcmp(kind, "join") == 0;
    struct crowd crowd = {.each = 1};
    if (argc > 3) {
        path = argv[2];
        crowd.clients = (int)number(argv[3]);
        if (crowd.clients > MOST_CLIENTS)
            die("%d clients are too many: at most %d", crowd.clients, MOST_CLIENTS);
    }
    if ((grant && argc == 7) || (!strcmp(kind, "echo") && argc == 6)) {
        crowd.each = number(argv[4]);
        warm_up = number(argv[5]);
        crowd.begin = grant ? begin_grant : begin_echo;
        crowd.act = grant ? grant_once : echo_once;
        if (grant)
            open_sessions(argv[6], crowd.clients, "1024T", GPUSLICE_FLAG_STRICT);
    } else if ((join_too && argc == 5) || (!strcmp(kind, "greet") && argc == 4)) {
        crowd.begin = join_too ? begin_join : begin_greet;
        crowd.act = join_too ? join : greet;
        if (join_too)
            open_sessions(argv[4], crowd.clients, "1024T", 0);
    } else {
        die("usage: client echo PATH CLIENTS REQUESTS WARM-UP | grant PATH CLIENTS REQUESTS WARM-UP own|shared |"
            " greet PATH CLIENTS | join PATH CLIENTS own|shared");
    }
    crowd_run(kind, &crowd);
    for (int i = 0; i < opened; i++)
        wire_remove(path, &sessions[i]);
    return 0;
}
