/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ------------------------------------------------------------------ sockets */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        die("the socket path has %zu bytes; the kernel takes %zu", strlen(path), sizeof address.sun_path - 1);
    strcpy(address.sun_path, path);
    return address;
}

int wire_connect(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket");
    must(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, path);
    return fd;
}

int wire_listen(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(fd >= 0, "socket");
    must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, path);
    must(listen(fd, SOMAXCONN) == 0, "listen");
    return fd;
}

void wire_send(int fd, const void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = send(fd, (const char *)data + done, length - done, MSG_NOSIGNAL);
        must(n > 0, "send");
        done += (size_t)n;
    }
}

void wire_receive(int fd, void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = recv(fd, (char *)data + done, length - done, 0);
        if (n == 0)
            die("the other side closed the connection");
        must(n > 0, "recv");
        done += (size_t)n;
    }
}

/* The byte after WELCOME, and the descriptor it carries. */
static int receive_descriptor(int fd)
{
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

/* ------------------------------------------------------------------ frames */

/* Sends one frame and returns the reply's type; ends the program on ERROR. */
static uint16_t ask(struct guest *guest, uint16_t type, const void *payload, size_t length, void *reply, size_t room)
{
    char out[sizeof(struct gpuslice_frame) + 1024];
    struct gpuslice_frame header = {.length = (uint32_t)(sizeof header + length),
                                    .type = type,
                                    .version = GPUSLICE_ABI_VERSION,
                                    .seq = ++guest->seq};
    memcpy(out, &header, sizeof header);
    memcpy(out + sizeof header, payload, length);
    wire_send(guest->fd, out, header.length);

    wire_receive(guest->fd, &header, sizeof header);
    struct gpuslice_error error;
    bool failed = header.type == GPUSLICE_ERROR;
    size_t expected = failed                            ? sizeof error
                      : header.type == GPUSLICE_DENIED ? sizeof(struct gpuslice_denied)
                                                       : room;
    if (header.length != sizeof header + expected)
        die("frame %u of %u bytes was not expected", header.type, header.length);
    if (header.seq != guest->seq)
        die("the reply to %u carries %u", guest->seq, header.seq);
    wire_receive(guest->fd, failed ? (void *)&error : reply, expected);
    if (failed)
        die("refused, code %u: %s", error.code, error.text);
    return header.type;
}

struct gpuslice_opened wire_open(const char *path, const char *limit, uint32_t flags)
{
    struct guest guest = {.fd = wire_connect(path)};
    struct gpuslice_open open = {.flags = flags | GPUSLICE_FLAG_NO_LEADER | GPUSLICE_FLAG_KEEP};
    const char *token = getenv("GPUSLICE_IPC_TOKEN");
    snprintf(open.token, sizeof open.token, "%s", token ? token : "");
    snprintf(open.limit, sizeof open.limit, "%s", limit);
    struct gpuslice_opened opened;
    ask(&guest, GPUSLICE_OPEN, &open, sizeof open, &opened, sizeof opened);
    close(guest.fd);
    return opened;
}

void wire_remove(const char *path, const struct gpuslice_opened *session)
{
    int fd = wire_connect(path);
    char call[256];
    struct gpuslice_frame header = {.type = GPUSLICE_CALL, .version = GPUSLICE_ABI_VERSION};
    int length = snprintf(call + sizeof header, sizeof call - sizeof header,
                          "{\"method\":\"DELETE\",\"path\":\"/sessions/%s\"}", session->session_id);
    header.length = (uint32_t)(sizeof header + (size_t)length);
    memcpy(call, &header, sizeof header);
    wire_send(fd, call, header.length);
    wire_receive(fd, &header, sizeof header);
    close(fd);
}

struct guest wire_join(const char *path, const struct gpuslice_opened *session)
{
    struct guest guest = {.fd = wire_connect(path)};
    struct gpuslice_hello hello = {.device_count = 1};
    memcpy(hello.session_id, session->session_id, sizeof hello.session_id);
    memcpy(hello.token, session->token, sizeof hello.token);
    memset(hello.device_uuids[0], 0xb5, GPUSLICE_UUID_SIZE);
    must(getrandom(hello.image_id, sizeof hello.image_id, 0) == sizeof hello.image_id, "getrandom");
    struct gpuslice_welcome welcome;
    ask(&guest, GPUSLICE_HELLO, &hello, sizeof hello, &welcome, sizeof welcome);
    int page = receive_descriptor(guest.fd); /* stays open: a restarted daemon finds the page through it */
    char *mapped = mmap(NULL, welcome.page_size, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    must(mapped != MAP_FAILED, "mmap");
    struct gpuslice_page_header *header = (struct gpuslice_page_header *)mapped;
    __atomic_store_n(&header->segments, 1, __ATOMIC_SEQ_CST); /* taken over: `used` is what is held */
    guest.device = (struct gpuslice_page_device *)(header + 1);
    return guest;
}

bool wire_charge(struct guest *guest, uint64_t bytes)
{
    struct gpuslice_charge request = {.bytes = bytes};
    union {
        struct gpuslice_granted granted;
        struct gpuslice_denied denied;
    } reply;
    if (ask(guest, GPUSLICE_CHARGE, &request, sizeof request, &reply, sizeof reply.granted) != GPUSLICE_GRANTED)
        return false;
    __atomic_fetch_add(&guest->device->used, bytes, __ATOMIC_SEQ_CST);
    return true;
}
