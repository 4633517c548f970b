/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * charge: what a request to the daemon costs, seen from C, with nothing of the library in between.
 *
 *   charge echo-server PATH
 *       the floor: answers 32 bytes with 32 bytes, one thread, epoll. Ends with its standard input.
 *   charge echo PATH CLIENTS REQUESTS WARM-UP
 *   charge grant PATH CLIENTS REQUESTS WARM-UP [shared]
 *       every client is a process of its own, as a guest is, and has one request in flight. `grant` opens a
 *       strict session for each (or one for all), says HELLO and asks for 4 KiB more, again and again; like the shim
 *       it then counts the bytes as used, so that no request can be met from credit: each one raises the
 *       charge, and a raised charge is journaled before it is answered.
 *   charge reclaim PATH TRIALS
 *       milliseconds from the SIGKILL of a process that holds 64 x 1 MiB, the whole limit, until a sibling is
 *       granted those 64 MiB.
 *   charge sessions PATH COUNT
 *       opens so many sessions, each with a process that holds 4 KiB of it, says "ready", and ends with its standard
 *       input. Measures nothing: they are the crowd beside which something else is measured.
 *
 * The result is one line of JSON on stdout; times in microseconds (reclaim: milliseconds). GPUSLICE_IPC_TOKEN is
 * the operator's token, where the daemon has one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gpuslice_abi.h"

#define MIB (1024ull * 1024ull)
#define STEP 4096ull
#define MAX_CLIENTS 256

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("charge: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _exit(1);
}

static void must(bool fine, const char *what) {
    if (!fine)
        die("%s: %s", what, strerror(errno));
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static long number(const char *text) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 1)
        die("'%s' is not a positive number", text);
    return value;
}

/* ------------------------------------------------------------------ socket */

static struct sockaddr_un address_of(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        die("the socket path has %zu bytes; the kernel takes %zu", strlen(path), sizeof address.sun_path - 1);
    strcpy(address.sun_path, path);
    return address;
}

static int connect_to(const char *path) {
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket");
    must(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, path);
    return fd;
}

static void send_all(int fd, const void *data, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t n = send(fd, (const char *)data + done, length - done, MSG_NOSIGNAL);
        must(n > 0, "send");
        done += (size_t)n;
    }
}

static void receive_all(int fd, void *data, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t n = recv(fd, (char *)data + done, length - done, 0);
        if (n == 0)
            die("the other side closed the connection");
        must(n > 0, "recv");
        done += (size_t)n;
    }
}

/* The byte after WELCOME, and the descriptor it carries. */
static int receive_descriptor(int fd) {
    char byte;
    struct iovec data = {&byte, 1};
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    must(recvmsg(fd, &message, MSG_CMSG_CLOEXEC) == 1, "recvmsg");
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS)
        die("no descriptor came with WELCOME");
    int received;
    memcpy(&received, CMSG_DATA(header), sizeof received);
    return received;
}

/* ------------------------------------------------------------------ guests */

struct guest {
    int fd;
    uint32_t seq;
    struct gpuslice_page_device *device;
};

/* Sends one frame and returns the reply's type; ends the program on ERROR. */
static uint16_t ask(struct guest *guest, uint16_t type, const void *payload, size_t length, void *reply, size_t room) {
    char out[sizeof(struct gpuslice_frame) + 1024];
    struct gpuslice_frame header = {
        .length = (uint32_t)(sizeof header + length), .type = type, .version = GPUSLICE_ABI_VERSION, .seq = ++guest->seq};
    memcpy(out, &header, sizeof header);
    memcpy(out + sizeof header, payload, length);
    send_all(guest->fd, out, header.length);

    receive_all(guest->fd, &header, sizeof header);
    struct gpuslice_error error;
    bool failed = header.type == GPUSLICE_ERROR;
    if (header.length != sizeof header + (failed ? sizeof error : room) && header.type != GPUSLICE_DENIED)
        die("frame %u of %u bytes was not expected", header.type, header.length);
    if (header.seq != guest->seq)
        die("the reply to %u carries %u", guest->seq, header.seq);
    receive_all(guest->fd, failed ? (void *)&error : reply, header.length - sizeof header);
    if (failed)
        die("refused, code %u: %s", error.code, error.text);
    return header.type;
}

static struct gpuslice_opened open_session(const char *path, const char *limit, uint32_t flags) {
    struct guest guest = {.fd = connect_to(path)};
    struct gpuslice_open open = {.flags = flags | GPUSLICE_FLAG_NO_LEADER | GPUSLICE_FLAG_KEEP};
    const char *token = getenv("GPUSLICE_IPC_TOKEN");
    snprintf(open.token, sizeof open.token, "%s", token ? token : "");
    snprintf(open.limit, sizeof open.limit, "%s", limit);
    struct gpuslice_opened opened;
    ask(&guest, GPUSLICE_OPEN, &open, sizeof open, &opened, sizeof opened);
    close(guest.fd);
    return opened;
}

/* KEEP holds a session until it is removed: a benchmark must not leave hundreds behind. */
static void remove_session(const char *path, const struct gpuslice_opened *session) {
    int fd = connect_to(path);
    char call[256];
    int length = snprintf(call + sizeof(struct gpuslice_frame), sizeof call - sizeof(struct gpuslice_frame),
                          "{\"method\":\"DELETE\",\"path\":\"/sessions/%s\"}", session->session_id);
    struct gpuslice_frame header = {.length = (uint32_t)(sizeof header + (size_t)length),
                                    .type = GPUSLICE_CALL,
                                    .version = GPUSLICE_ABI_VERSION};
    memcpy(call, &header, sizeof header);
    send_all(fd, call, header.length);
    receive_all(fd, &header, sizeof header);
    close(fd);
}

static struct guest say_hello(const char *path, const struct gpuslice_opened *session) {
    struct guest guest = {.fd = connect_to(path)};
    struct gpuslice_hello hello = {.device_count = 1};
    memcpy(hello.session_id, session->session_id, sizeof hello.session_id);
    memcpy(hello.token, session->token, sizeof hello.token);
    memset(hello.device_uuids[0], 0xb5, GPUSLICE_UUID_SIZE);
    must(getrandom(hello.image_id, sizeof hello.image_id, 0) == sizeof hello.image_id, "getrandom");
    struct gpuslice_welcome welcome;
    ask(&guest, GPUSLICE_HELLO, &hello, sizeof hello, &welcome, sizeof welcome);
    int page = receive_descriptor(guest.fd);
    char *mapped = mmap(NULL, welcome.page_size, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    must(mapped != MAP_FAILED, "mmap");
    guest.device = (struct gpuslice_page_device *)(mapped + sizeof(struct gpuslice_page_header));
    return guest;
}

/* Asks for `bytes` and, where they are granted, counts the whole charge as used. */
static bool charge(struct guest *guest, uint64_t bytes) {
    struct gpuslice_charge request = {.bytes = bytes};
    union {
        struct gpuslice_granted granted;
        struct gpuslice_denied denied;
    } reply;
    if (ask(guest, GPUSLICE_CHARGE, &request, sizeof request, &reply, sizeof reply.granted) != GPUSLICE_GRANTED)
        return false;
    __atomic_store_n(&guest->device->used, reply.granted.charge, __ATOMIC_SEQ_CST);
    return true;
}

static void count_as_used(struct guest *guest, uint64_t bytes) {
    __atomic_store_n(&guest->device->used, bytes, __ATOMIC_SEQ_CST);
}

/* -------------------------------------------------------------------- echo */

static int echo_server(const char *path) {
    struct sockaddr_un address = address_of(path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(listener >= 0, "socket");
    must(bind(listener, (struct sockaddr *)&address, sizeof address) == 0, path);
    must(listen(listener, MAX_CLIENTS) == 0, "listen");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == 0, "epoll_ctl");
    event.data.fd = STDIN_FILENO;
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0, "epoll_ctl: stdin must be a pipe");
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) {
                unlink(path);
                return 0;
            }
            if (fd == listener) {
                event.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                must(event.data.fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) == 0, "accept");
                continue;
            }
            char frame[32];
            ssize_t n = recv(fd, frame, sizeof frame, 0);
            if (n <= 0)
                close(fd);
            else
                send_all(fd, frame, (size_t)n);
        }
    }
}

/* -------------------------------------------------------------- round trip */

/* What the parent shares with its clients. */
struct run {
    atomic_int ready;
    atomic_int go;
    uint64_t began[MAX_CLIENTS];
    uint64_t ended[MAX_CLIENTS];
    uint32_t nanoseconds[]; /* clients x requests */
};

static void echo_once(struct guest *guest) {
    char frame[32] = {0};
    send_all(guest->fd, frame, sizeof frame);
    receive_all(guest->fd, frame, sizeof frame);
}

static void grant_once(struct guest *guest) {
    if (!charge(guest, STEP))
        die("a charge was denied: the limit is too small for so many requests");
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int round_trips(const char *path, bool grant, int clients, long requests, long warm_up, bool shared) {
    if (clients > MAX_CLIENTS)
        die("%d clients are too many: at most %d", clients, MAX_CLIENTS);
    size_t samples = (size_t)clients * (size_t)requests;
    struct run *run = mmap(NULL, sizeof *run + samples * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(run != MAP_FAILED, "mmap");
    struct gpuslice_opened sessions[MAX_CLIENTS];
    int opened = !grant ? 0 : shared ? 1 : clients;
    for (int i = 0; i < opened; i++)
        sessions[i] = open_session(path, "1024T", GPUSLICE_FLAG_STRICT);
    for (int i = 0; i < clients; i++) {
        pid_t pid = fork();
        must(pid >= 0, "fork");
        if (pid > 0)
            continue;
        struct guest guest =
            grant ? say_hello(path, &sessions[shared ? 0 : i]) : (struct guest){.fd = connect_to(path)};
        void (*once)(struct guest *) = grant ? grant_once : echo_once;
        for (long k = 0; k < warm_up; k++)
            once(&guest);
        atomic_fetch_add(&run->ready, 1);
        while (!atomic_load(&run->go))
            usleep(1000);
        run->began[i] = now_ns();
        for (long k = 0; k < requests; k++) {
            uint64_t start = now_ns();
            once(&guest);
            uint64_t took = now_ns() - start;
            run->nanoseconds[i * requests + k] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
        }
        run->ended[i] = now_ns();
        _exit(0);
    }
    while (atomic_load(&run->ready) < clients) {
        int status;
        if (waitpid(-1, &status, WNOHANG) > 0)
            die("a client ended before the measurement");
        usleep(1000);
    }
    atomic_store(&run->go, 1);
    int failed = 0;
    for (int status; wait(&status) > 0;)
        failed += status != 0;
    for (int i = 0; i < opened; i++)
        remove_session(path, &sessions[i]);
    if (failed)
        die("%d of %d clients failed", failed, clients);

    uint64_t first = UINT64_MAX, last = 0;
    for (int i = 0; i < clients; i++) {
        first = run->began[i] < first ? run->began[i] : first;
        last = run->ended[i] > last ? run->ended[i] : last;
    }
    qsort(run->nanoseconds, samples, sizeof(uint32_t), ascending);
    printf("{\"kind\":\"%s\",\"clients\":%d,\"sessions\":%d,\"requests\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"p999_us\":%.1f,\"max_us\":%.1f,\"per_second\":%.0f}\n",
           grant ? "grant" : "echo", clients, opened, samples, run->nanoseconds[samples / 2] / 1e3,
           run->nanoseconds[samples * 99 / 100] / 1e3, run->nanoseconds[samples * 999 / 1000] / 1e3,
           run->nanoseconds[samples - 1] / 1e3, (double)samples * 1e9 / (double)(last - first));
    return 0;
}

/* ----------------------------------------------------------------- reclaim */

/* Holds 64 x 1 MiB of the session, and as much real memory, which the kernel has to take back first. */
static void hold(const char *path, const struct gpuslice_opened *session, int ready) {
    struct guest guest = say_hello(path, session);
    for (uint64_t i = 0; i < 64; i++) {
        if (!charge(&guest, MIB))
            die("the holder was denied its MiB %llu of 64", (unsigned long long)i + 1);
        count_as_used(&guest, (i + 1) * MIB);
    }
    memset(malloc(64 * MIB), 1, 64 * MIB);
    must(write(ready, "", 1) == 1, "write");
    for (;;)
        pause();
}

static double one_reclaim(const char *path) {
    struct gpuslice_opened session = open_session(path, "64MB", 0);
    struct guest sibling = say_hello(path, &session);
    int ready[2];
    must(pipe(ready) == 0, "pipe");
    pid_t holder = fork();
    must(holder >= 0, "fork");
    if (holder == 0) {
        close(sibling.fd);
        hold(path, &session, ready[1]);
    }
    close(ready[1]);
    char byte;
    must(read(ready[0], &byte, 1) == 1, "the holder ended");
    close(ready[0]);
    if (charge(&sibling, STEP))
        die("a sibling was granted memory beside a holder of the whole limit");
    uint64_t start = now_ns();
    must(kill(holder, SIGKILL) == 0, "kill");
    while (!charge(&sibling, 64 * MIB)) {
        if (now_ns() - start > 10000000000ull)
            die("the killed holder's memory did not come back within 10 s");
        usleep(100);
    }
    double took = (double)(now_ns() - start) / 1e6;
    must(waitpid(holder, NULL, 0) == holder, "waitpid");
    close(sibling.fd);
    return took;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int reclaims(const char *path, long trials) {
    double *took = calloc((size_t)trials, sizeof *took);
    must(took != NULL, "calloc");
    for (long i = 0; i < trials; i++) {
        /* A process of its own each time: a member for good would be the sibling of every later session. */
        int result[2];
        must(pipe(result) == 0, "pipe");
        pid_t pid = fork();
        must(pid >= 0, "fork");
        if (pid == 0) {
            double one = one_reclaim(path);
            must(write(result[1], &one, sizeof one) == sizeof one, "write");
            _exit(0);
        }
        close(result[1]);
        must(read(result[0], &took[i], sizeof took[i]) == sizeof took[i], "a trial failed");
        close(result[0]);
        must(waitpid(pid, NULL, 0) == pid, "waitpid");
    }
    qsort(took, (size_t)trials, sizeof *took, by_value);
    printf("{\"kind\":\"reclaim\",\"trials\":%ld,\"p50_ms\":%.2f,\"max_ms\":%.2f}\n", trials, took[trials / 2],
           took[trials - 1]);
    free(took);
    return 0;
}

/* ---------------------------------------------------------------- sessions */

/* A member for as long as its parent lives, whatever the parent dies of. */
static void stay(const char *path, const struct gpuslice_opened *session, int ready) {
    must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
    struct guest guest = say_hello(path, session);
    if (!charge(&guest, STEP))
        die("a member was denied %llu bytes", STEP);
    must(write(ready, "", 1) == 1, "write");
    for (;;)
        pause();
}

static int sessions(const char *path, long count) {
    if (count > MAX_CLIENTS)
        die("%ld sessions are too many: at most %d", count, MAX_CLIENTS);
    struct gpuslice_opened opened[MAX_CLIENTS];
    pid_t members[MAX_CLIENTS];
    char byte;
    for (long i = 0; i < count; i++) {
        opened[i] = open_session(path, "1GB", 0);
        int ready[2];
        must(pipe(ready) == 0, "pipe");
        members[i] = fork();
        must(members[i] >= 0, "fork");
        if (members[i] == 0)
            stay(path, &opened[i], ready[1]);
        close(ready[1]);
        must(read(ready[0], &byte, 1) == 1, "a member ended");
        close(ready[0]);
    }
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    for (long i = 0; i < count; i++) {
        kill(members[i], SIGKILL);
        waitpid(members[i], NULL, 0);
        remove_session(path, &opened[i]);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "echo-server"))
        return echo_server(argv[2]);
    if (argc == 6 && !strcmp(argv[1], "echo"))
        return round_trips(argv[2], false, (int)number(argv[3]), number(argv[4]), number(argv[5]), false);
    if ((argc == 6 || (argc == 7 && !strcmp(argv[6], "shared"))) && !strcmp(argv[1], "grant"))
        return round_trips(argv[2], true, (int)number(argv[3]), number(argv[4]), number(argv[5]), argc == 7);
    if (argc == 4 && !strcmp(argv[1], "reclaim"))
        return reclaims(argv[2], number(argv[3]));
    if (argc == 4 && !strcmp(argv[1], "sessions"))
        return sessions(argv[2], number(argv[3]));
    die("usage: charge echo-server PATH | echo|grant PATH CLIENTS REQUESTS WARM-UP [shared] | reclaim PATH TRIALS |"
        " sessions PATH COUNT");
}
