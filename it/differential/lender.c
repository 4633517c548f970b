/* SPDX-License-Identifier: Apache-2.0 */
/* lender LIMIT0 LIMIT1 LIBRARY -- program…: runs the program with the library preloaded and stands in for the daemon: one
 * session, no journal, the protocol's allocation part alone. For runs that must not depend on the daemon. Exits as the
 * program does. */
#include <errno.h>
#include <gpuslice_abi.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMBERS 64
#define DEVICES 2

struct request {
    struct gpuslice_frame frame;
    union {
        struct gpuslice_hello hello;
        struct gpuslice_charge charge;
        char room[2048];
    } as;
};

static struct member {
    int socket; /* −1: none */
    struct gpuslice_page_header *page;
} members[MEMBERS];
static uint64_t limit[DEVICES];
static unsigned long held, most_held; /* over the limit, because the memory was there already: how often, bytes at most */

static void die(const char *what)
{
    perror(what);
    exit(3);
}

static struct gpuslice_page_device *line(const struct member *member, uint32_t device)
{
    return (struct gpuslice_page_device *)(member->page + 1) + device;
}

static uint64_t charged(uint32_t device)
{
    uint64_t sum = 0;
    for (int i = 0; i < MEMBERS; i++)
        if (members[i].page != NULL)
            sum += line(&members[i], device)->charge;
    return sum;
}

static uint64_t used(uint32_t device)
{
    uint64_t sum = 0;
    for (int i = 0; i < MEMBERS; i++)
        if (members[i].page != NULL)
            sum += __atomic_load_n(&line(&members[i], device)->used, __ATOMIC_SEQ_CST);
    return sum;
}

/* What a member has and does not use, as docs/protocol.md says. */
static void collect(const struct member *member, uint32_t device)
{
    struct gpuslice_page_device *at = line(member, device);
    uint64_t before = at->charge, holds = __atomic_load_n(&at->used, __ATOMIC_SEQ_CST);
    if (holds >= before)
        return;
    __atomic_store_n(&at->charge, holds, __ATOMIC_SEQ_CST);
    uint64_t again = __atomic_load_n(&at->used, __ATOMIC_SEQ_CST);
    if (again > holds)
        __atomic_store_n(&at->charge, again < before ? again : before, __ATOMIC_SEQ_CST);
}

static bool raise_charge(const struct member *member, const struct gpuslice_charge *ask)
{
    struct gpuslice_page_device *at = line(member, ask->device);
    for (int pass = 0; pass < 2; pass++) {
        uint64_t wanted = __atomic_load_n(&at->used, __ATOMIC_SEQ_CST) + ask->bytes;
        if (wanted <= at->charge)
            return true;
        uint64_t others = charged(ask->device) - at->charge;
        bool fits = wanted <= limit[ask->device] && others <= limit[ask->device] - wanted;
        if (fits || (pass == 1 && (ask->flags & GPUSLICE_CHARGE_HELD))) {
            held += !fits;
            if (!fits && wanted + others - limit[ask->device] > most_held)
                most_held = wanted + others - limit[ask->device];
            __atomic_store_n(&at->charge, wanted, __ATOMIC_SEQ_CST);
            return true;
        }
        for (int i = 0; pass == 0 && i < MEMBERS; i++)
            if (members[i].page != NULL)
                collect(&members[i], ask->device);
    }
    return false;
}

/* ------------------------------------------------------------ frames */

static bool read_all(int socket, void *to, size_t size)
{
    for (size_t have = 0; have < size;) {
        ssize_t got = read(socket, (char *)to + have, size - have);
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

static void answer(int socket, const struct request *request, uint16_t type, const void *payload, size_t size)
{
    char bytes[2048];
    struct gpuslice_frame frame = {(uint32_t)(sizeof frame + size), type, GPUSLICE_ABI_VERSION, request->frame.seq, 0};
    memcpy(bytes, &frame, sizeof frame);
    memcpy(bytes + sizeof frame, payload, size);
    if (send(socket, bytes, sizeof frame + size, MSG_NOSIGNAL) < 0)
        perror("send"); /* it died: its end is seen next */
}

static void welcome(struct member *member, const struct request *request)
{
    struct gpuslice_welcome welcome = {.device_count = request->as.hello.device_count, .page_size = GPUSLICE_PAGE_SIZE};
    memcpy(welcome.limit, limit, sizeof limit);
    int page = memfd_create("gpuslice-lent", MFD_CLOEXEC);
    if (page < 0 || ftruncate(page, GPUSLICE_PAGE_SIZE) != 0)
        die("memfd");
    struct gpuslice_page_header *header =
        mmap(NULL, GPUSLICE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    if (header == MAP_FAILED)
        die("mmap");
    header->version = GPUSLICE_ABI_VERSION;
    header->device_count = welcome.device_count;
    header->size = GPUSLICE_PAGE_SIZE;
    header->page_id[0] = (uint8_t)(member - members);
    __atomic_store_n(&header->magic, GPUSLICE_PAGE_MAGIC, __ATOMIC_RELEASE);
    member->page = header;
    answer(member->socket, request, GPUSLICE_WELCOME, &welcome, sizeof welcome);
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    char zero = 0;
    struct iovec from = {&zero, 1};
    struct msghdr message = {
        .msg_iov = &from, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &page, sizeof(int));
    sendmsg(member->socket, &message, MSG_NOSIGNAL);
    close(page);
}

static void charge(const struct member *member, const struct request *request)
{
    const struct gpuslice_charge *ask = &request->as.charge;
    if (raise_charge(member, ask)) {
        struct gpuslice_granted granted = {.charge = line(member, ask->device)->charge, .device = ask->device};
        answer(member->socket, request, GPUSLICE_GRANTED, &granted, sizeof granted);
    } else {
        struct gpuslice_denied denied = {GPUSLICE_ERR_QUOTA_EXCEEDED, ask->device, ask->bytes, used(ask->device),
                                         limit[ask->device]};
        answer(member->socket, request, GPUSLICE_DENIED, &denied, sizeof denied);
    }
}

static void tell_status(const struct member *member, const struct request *request)
{
    struct gpuslice_status status = {.state = GPUSLICE_ACTIVE, .ttl_left_ms = UINT64_MAX, .device_count = DEVICES};
    for (uint32_t i = 0; i < DEVICES; i++)
        status.devices[i] = (struct gpuslice_status_device){limit[i], used(i), charged(i)};
    answer(member->socket, request, GPUSLICE_STATUS, &status, sizeof status);
}

static void hear(const struct member *member, const struct request *request)
{
    if (request->frame.seq != 0)
        answer(member->socket, request, GPUSLICE_HEARD, "", 0);
}

/* False: the member is gone. */
static bool serve(struct member *member)
{
    struct request request;
    if (!read_all(member->socket, &request.frame, sizeof request.frame) ||
        request.frame.length - sizeof request.frame > sizeof request.as ||
        !read_all(member->socket, &request.as, request.frame.length - sizeof request.frame))
        return false;
    switch (request.frame.type) {
    case GPUSLICE_HELLO: welcome(member, &request); break;
    case GPUSLICE_CHARGE: charge(member, &request); break;
    case GPUSLICE_QUERY: tell_status(member, &request); break;
    case GPUSLICE_SHARE: hear(member, &request); break;
    default: break; /* what has no answer */
    }
    return true;
}

static void admit(int listener)
{
    for (int i = 0; i < MEMBERS; i++)
        if (members[i].socket < 0) {
            members[i].socket = accept(listener, NULL, NULL);
            return;
        }
    close(accept(listener, NULL, NULL));
}

static void let_go(struct member *member)
{
    close(member->socket);
    if (member->page != NULL)
        munmap(member->page, GPUSLICE_PAGE_SIZE);
    *member = (struct member){.socket = -1};
}

/* ------------------------------------------------------------ the program */

static pid_t start(const char *socket, const char *library, char **command)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    setenv("GPUSLICE_SESSION", "0123456789abcdef", 1);
    setenv("GPUSLICE_IPC_TOKEN", "lent", 1);
    setenv("GPUSLICE_IPC_SOCK", socket, 1);
    setenv("LD_PRELOAD", library, 1);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/lender-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
    if (argc < 6 || strcmp(argv[4], "--") != 0) {
        fprintf(stderr, "lender LIMIT0 LIMIT1 LIBRARY -- program…\n");
        return 2;
    }
    for (int i = 0; i < DEVICES; i++)
        limit[i] = strtoull(argv[1 + i], NULL, 10);
    for (int i = 0; i < MEMBERS; i++)
        members[i].socket = -1;
    if (mkdtemp(folder) == NULL)
        die("mkdtemp");
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0)
        die("bind");
    pid_t program = start(address.sun_path, argv[3], argv + 5);
    while (waitpid(program, &status, WNOHANG) == 0) {
        struct pollfd polled[MEMBERS + 1] = {{listener, POLLIN, 0}};
        for (int i = 0; i < MEMBERS; i++)
            polled[i + 1] = (struct pollfd){members[i].socket, POLLIN, 0};
        if (poll(polled, MEMBERS + 1, 100) <= 0)
            continue;
        for (int i = 0; i < MEMBERS; i++)
            if (polled[i + 1].revents != 0 && !serve(&members[i]))
                let_go(&members[i]);
        if (polled[0].revents != 0)
            admit(listener);
    }
    unlink(address.sun_path);
    rmdir(folder);
    printf("held over the limit: %lu times, %lu bytes at most\n", held, most_held);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
