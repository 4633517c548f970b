/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "books.h"
#include "world.h"

struct answer {
    CUresult result;
    uint64_t used[DEVICES];
};

static struct {
    pid_t pid; /* 0: none */
    int socket;
    uint64_t used[DEVICES];
} peer;

/* ------------------------------------------------------------ the one that tells */

static void start(void)
{
    int ends[2];
    char number[16];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        abort();
    peer.socket = ends[0];
    snprintf(number, sizeof number, "%d", dup(ends[1])); /* without close-on-exec */
    peer.pid = fork();
    if (peer.pid == 0) {
        execl("/proc/self/exe", "differential-peer", PEER_ARGUMENT, number, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    close(atoi(number));
}

static void gone(const char *how)
{
    int status = 0;
    waitpid(peer.pid, &status, 0);
    fprintf(stderr, "the peer %s: wait status %#x\n", how, status);
    books_fail();
}

CUresult peer_do(const struct errand *errand, int descriptor)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec from = {(void *)(uintptr_t)errand, sizeof *errand};
    struct msghdr message = {.msg_iov = &from, .msg_iovlen = 1};
    struct answer answer;
    if (peer.pid == 0)
        start();
    if (descriptor >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    if (sendmsg(peer.socket, &message, MSG_NOSIGNAL) < 0 || recv(peer.socket, &answer, sizeof answer, 0) != sizeof answer)
        gone("ended over an errand");
    memcpy(peer.used, answer.used, sizeof peer.used);
    return answer.result;
}

CUresult peer_end(bool by_kill)
{
    int status;
    if (peer.pid == 0)
        return CUDA_ERROR_NOT_FOUND;
    if (by_kill)
        kill(peer.pid, SIGKILL);
    close(peer.socket);
    waitpid(peer.pid, &status, 0);
    if (!by_kill && status != 0) {
        fprintf(stderr, "the peer ended with wait status %#x\n", status);
        books_fail();
    }
    peer.pid = 0;
    memset(peer.used, 0, sizeof peer.used);
    return CUDA_SUCCESS;
}

uint64_t peer_used(int device)
{
    return peer.used[device];
}

/* ------------------------------------------------------------ the peer itself */

#define IMPORTS 24
#define BLOCKS 8

static struct import {
    int what; /* 0: none; else PEER_… + 1 */
    unsigned long long handle;
} imports[IMPORTS];
static CUdeviceptr blocks[BLOCKS];

static CUresult close_import(struct import *import)
{
    CUresult result = CUDA_ERROR_NOT_FOUND;
    switch (import->what - 1) {
    case PEER_OPEN_IPC: result = cuIpcCloseMemHandle(import->handle); break;
    case PEER_IMPORT: result = cuMemRelease(import->handle); break;
    case PEER_IMPORT_EXTERNAL: result = cuDestroyExternalMemory((CUexternalMemory)(uintptr_t)import->handle); break;
    }
    import->what = 0;
    return result;
}

static struct import *free_place(unsigned number)
{
    for (int i = 0; i < IMPORTS; i++)
        if (imports[i].what == 0)
            return &imports[i];
    close_import(&imports[number % IMPORTS]);
    return &imports[number % IMPORTS];
}

static CUresult import_external(CUexternalMemory *memory, int descriptor, uint64_t bytes)
{
    CUDA_EXTERNAL_MEMORY_HANDLE_DESC desc = {
        .type = CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD, .handle.fd = dup(descriptor), .size = bytes};
    CUDA_EXTERNAL_MEMORY_BUFFER_DESC buffer = {.size = bytes};
    CUdeviceptr pointer;
    CUresult result = cuImportExternalMemory(memory, &desc);
    if (result != CUDA_SUCCESS)
        close(desc.handle.fd); /* "Ownership of the file descriptor is transferred" only by a success */
    else if (cuExternalMemoryGetMappedBuffer(&pointer, *memory, &buffer) == CUDA_SUCCESS)
        cuMemFree_v2(pointer);
    return result;
}

static CUresult run(const struct errand *errand, int descriptor)
{
    CUdeviceptr *block = &blocks[errand->number % BLOCKS];
    struct import *import;
    CUresult result;
    switch (errand->what) {
    case PEER_CLOSE:
        return close_import(&imports[errand->number % IMPORTS]);
    case PEER_ALLOCATE:
        cuCtxSynchronize();
        if (*block == 0)
            return cuMemAlloc_v2(block, errand->bytes);
        result = cuMemFree_v2(*block);
        *block = 0;
        return result;
    default:
        import = free_place(errand->number);
        CUdeviceptr opened = 0;
        CUexternalMemory external = NULL;
        if (errand->what == PEER_OPEN_IPC)
            result = cuIpcOpenMemHandle_v2(&opened, errand->ipc, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
        else if (errand->what == PEER_IMPORT)
            result = cuMemImportFromShareableHandle(&opened, (void *)(intptr_t)descriptor,
                                                    CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
        else
            result = import_external(&external, descriptor, errand->bytes);
        if (result == CUDA_SUCCESS)
            *import = (struct import){errand->what + 1, external != NULL ? (uintptr_t)external : opened};
        return result;
    }
}

static bool hear(int socket, struct errand *errand, int *descriptor)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec to = {errand, sizeof *errand};
    struct msghdr message = {
        .msg_iov = &to, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    *descriptor = -1;
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != sizeof *errand)
        return false;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL)
        memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    return true;
}

int peer_main(int socket)
{
    CUcontext context;
    struct errand errand;
    int descriptor;
    if (cuInit(0) != CUDA_SUCCESS || cuDevicePrimaryCtxRetain(&context, 0) != CUDA_SUCCESS ||
        cuCtxSetCurrent(context) != CUDA_SUCCESS)
        return 3;
    while (hear(socket, &errand, &descriptor)) {
        struct answer answer = {.result = run(&errand, descriptor)};
        if (descriptor >= 0)
            close(descriptor);
        books_compare_importer();
        for (int device = 0; device < DEVICES; device++)
            answer.used[device] = books_used(device);
        if (send(socket, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
            return 3;
    }
    return 0;
}
