/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one process in another: shares export|import ipc|vmm|pool PATH [--size 24M].
 * The exporter takes `size` bytes and listens at PATH: "ready code=C". Told "lend" it answers one importer that connects there:
 * "lent code=C". The importer connects and opens what it is sent: "ready code=C". Both obey "drop" (the exporter frees its memory, the
 * importer closes its own reference): "dropped code=C"; "again", beginning once more (the exporter with a handle to other memory, which
 * it lends from then on): "again code=C"; "more N", allocating up to N MiB until refused, and "less": "held=N refused=C"; and "exec",
 * becoming cat. At the end of stdin they end and drop nothing. */
#define GUEST_OF_DRIVER
#include "guest.h"

#include <sys/socket.h>
#include <sys/un.h>

/* What makes it through the socket; a descriptor beside it, where there is one. */
union note {
    CUipcMemHandle ipc;
    CUmemPoolPtrExportData pointer;
};

struct way {
    const char *name;
    int (*lend)(size_t bytes, union note *note, int *descriptor);
    int (*borrow)(union note *note, int descriptor);
    int (*free)(void);
    int (*close)(void);
};

static struct {
    CUdeviceptr pointer;
    CUmemGenericAllocationHandle handle;
    CUmemoryPool pool;
} memory;

/* ------------------------------------------------------------ legacy IPC */

static int ipc_lend(size_t bytes, union note *note, int *descriptor)
{
    (void)descriptor;
    int code = cuMemAlloc(&memory.pointer, bytes);
    return code != 0 ? code : (int)cuIpcGetMemHandle(&note->ipc, memory.pointer);
}

static int ipc_borrow(union note *note, int descriptor)
{
    (void)descriptor;
    return cuIpcOpenMemHandle(&memory.pointer, note->ipc, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
}

static int ipc_close(void)
{
    return cuIpcCloseMemHandle(memory.pointer);
}

static int pointer_free(void)
{
    return cuMemFree(memory.pointer);
}

/* ------------------------------------------------------------ virtual memory, by descriptor */

static int vmm_lend(size_t bytes, union note *note, int *descriptor)
{
    CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                .requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
                                .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = 0}};
    (void)note;
    int code = cuMemCreate(&memory.handle, bytes, &prop, 0);
    return code != 0 ? code
                     : (int)cuMemExportToShareableHandle(descriptor, memory.handle,
                                                         CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
}

static int vmm_borrow(union note *note, int descriptor)
{
    (void)note;
    return cuMemImportFromShareableHandle(&memory.handle, (void *)(intptr_t)descriptor,
                                          CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
}

static int vmm_release(void)
{
    return cuMemRelease(memory.handle);
}

/* ------------------------------------------------------------ pools, by descriptor */

static int pool_lend(size_t bytes, union note *note, int *descriptor)
{
    CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                            .handleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
                            .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = 0}};
    int code = cuMemPoolCreate(&memory.pool, &props);
    if (code == 0)
        code = cuMemAllocFromPoolAsync(&memory.pointer, bytes, memory.pool, NULL);
    if (code == 0)
        code = cuStreamSynchronize(NULL);
    if (code == 0)
        code = cuMemPoolExportToShareableHandle(descriptor, memory.pool, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
    return code != 0 ? code : (int)cuMemPoolExportPointer(&note->pointer, memory.pointer);
}

static int pool_borrow(union note *note, int descriptor)
{
    int code = cuMemPoolImportFromShareableHandle(&memory.pool, (void *)(intptr_t)descriptor,
                                                  CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
    return code != 0 ? code : (int)cuMemPoolImportPointer(&memory.pointer, memory.pool, &note->pointer);
}

static int pool_end(void)
{
    int code = cuMemFree(memory.pointer);
    return code != 0 ? code : (int)cuMemPoolDestroy(memory.pool);
}

static const struct way ways[] = {
    {"ipc", ipc_lend, ipc_borrow, pointer_free, ipc_close},
    {"vmm", vmm_lend, vmm_borrow, vmm_release, vmm_release},
    {"pool", pool_lend, pool_borrow, pool_end, pool_end},
};

/* ------------------------------------------------------------ from hand to hand */

static int at(const char *path, bool listening)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int failed = listening ? bind(socket_, (struct sockaddr *)&address, sizeof address) != 0 || listen(socket_, 8) != 0
                           : connect(socket_, (struct sockaddr *)&address, sizeof address) != 0;
    if (failed) {
        perror(path);
        exit(3);
    }
    return socket_;
}

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int))];
};

static bool send_note(int to, union note *note, int descriptor)
{
    union control control = {.room = {0}};
    struct iovec bytes = {note, sizeof *note};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    return sendmsg(to, &message, MSG_NOSIGNAL) == sizeof *note;
}

static int receive_note(int from, union note *note)
{
    union control control;
    int descriptor = -1;
    struct iovec bytes = {note, sizeof *note};
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != sizeof *note)
        exit(3);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL)
        memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
    return descriptor;
}

/* ------------------------------------------------------------ the program */

static struct {
    const struct way *way;
    bool exports;
    int listener, descriptor; /* the exporter's: memory lives as long as a descriptor of it */
    union note note;
} work = {.listener = -1, .descriptor = -1};

static int borrow(const char *path)
{
    int exporter = at(path, false), descriptor = receive_note(exporter, &work.note);
    int code = work.way->borrow(&work.note, descriptor);
    if (descriptor >= 0)
        close(descriptor);
    close(exporter);
    return code;
}

static int begin(const char *path, size_t bytes)
{
    int code = gpu_open();
    if (work.exports && work.listener < 0)
        work.listener = at(path, true);
    if (code != 0)
        return code;
    return work.exports ? work.way->lend(bytes, &work.note, &work.descriptor) : borrow(path);
}

static void lend(void)
{
    int importer = accept(work.listener, NULL, NULL);
    bool sent = importer >= 0 && send_note(importer, &work.note, work.descriptor);
    close(importer);
    say("lent code=%d", sent ? 0 : -1);
}

static void drop(void)
{
    int code = work.exports ? work.way->free() : work.way->close();
    if (work.descriptor >= 0)
        close(work.descriptor);
    work.descriptor = -1;
    say("dropped code=%d", code);
}

int main(int argc, char **argv)
{
    static void *blocks[1 << 10];
    char line[64];
    size_t held = 0, most;
    for (size_t i = 0; argc > 3 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(argv[2], ways[i].name) == 0)
            work.way = &ways[i];
    if (work.way == NULL)
        return 2;
    work.exports = strcmp(argv[1], "export") == 0;
    size_t bytes = option(argc, argv, "--size", 24 * MIB);
    say("ready code=%d", begin(argv[3], bytes));
    while (hear(line, sizeof line)) {
        int code = 0;
        if (strcmp(line, "lend") == 0) {
            lend();
        } else if (strcmp(line, "drop") == 0) {
            drop();
        } else if (strcmp(line, "again") == 0) {
            say("again code=%d", begin(argv[3], bytes));
        } else if (strcmp(line, "exec") == 0) {
            execlp("cat", "cat", (char *)NULL);
            return 3;
        } else if (strcmp(line, "less") == 0) {
            code = gpu_free_all(blocks, held);
            held = 0;
            say("held=0 refused=%d", code);
        } else if (sscanf(line, "more %zu", &most) == 1) {
            size_t room = sizeof blocks / sizeof *blocks - held;
            held += gpu_fill(blocks + held, most < room ? most : room, MIB, &code);
            say("held=%zu refused=%d", held, code);
        } else {
            fprintf(stderr, "shares: '%s' is none of 'lend', 'drop', 'again', 'more N', 'less' and 'exec'\n", line);
            return 2;
        }
    }
    return 0;
}
