/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that another process of the same session has opened too: it is the exporter's, and must be counted once. */
#include "driver.h"
#include "scenario.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    bool open; /* else it closes `address` */
    CUdeviceptr address;
    CUipcMemHandle handle;
};
struct answer {
    int code;
    CUdeviceptr address;
};

static int importer; /* the socket to it */

static void import_until_told_to_end(int socket)
{
    struct request request;
    int opened = driver_open();
    while (recv(socket, &request, sizeof request, 0) == (ssize_t)sizeof request) {
        struct answer answer = {.code = opened};
        if (opened == 0)
            answer.code = request.open ? driver.cuIpcOpenMemHandle(&answer.address, request.handle,
                                                                   CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS)
                                       : driver.cuIpcCloseMemHandle(request.address);
        if (send(socket, &answer, sizeof answer, MSG_NOSIGNAL) != (ssize_t)sizeof answer)
            break;
    }
    _exit(0);
}

/* Forked before CUDA is touched, which a fork does not carry over. */
static int prepare(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return errno;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        import_until_told_to_end(pair[1]);
    }
    close(pair[1]);
    importer = pair[0];
    return pid < 0 ? errno : 0;
}

static int ask(const struct request *request, CUdeviceptr *address)
{
    struct answer answer;
    if (send(importer, request, sizeof *request, MSG_NOSIGNAL) != (ssize_t)sizeof *request ||
        recv(importer, &answer, sizeof answer, 0) != (ssize_t)sizeof answer)
        return CUDA_ERROR_OPERATING_SYSTEM;
    *address = answer.address;
    return answer.code;
}

static int take(struct block *block, size_t bytes)
{
    struct request request = {.open = true};
    CUdeviceptr there;
    block->bytes = bytes;
    int code = driver.cuMemAlloc(&block->address, bytes);
    if (code != 0)
        return code;
    if ((code = driver.cuIpcGetMemHandle(&request.handle, block->address)) != 0 || (code = ask(&request, &there)) != 0)
        driver.cuMemFree(block->address);
    block->object = (void *)there;
    return code;
}

static int give(struct block *block)
{
    struct request request = {.address = (CUdeviceptr)block->object};
    int closed = ask(&request, &request.address), freed = driver.cuMemFree(block->address);
    return closed != 0 ? closed : freed;
}

const struct family ipc_family = {.name = "ipc", .prepare = prepare, .take = take, .give = give};
