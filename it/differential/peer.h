/* SPDX-License-Identifier: Apache-2.0 */
/* The second process. It is this program again, and does one errand at a time. */
#ifndef PEER_H
#define PEER_H

#include <cuda.h>
#include <stdbool.h>
#include <stdint.h>

#define PEER_ARGUMENT "--peer"

enum { PEER_OPEN_IPC, PEER_IMPORT, PEER_IMPORT_EXTERNAL, PEER_CLOSE, PEER_ALLOCATE };

struct errand {
    int what;
    unsigned number; /* which import or block */
    uint64_t bytes;
    CUipcMemHandle ipc;
};

/* Starts the peer if there is none. `descriptor` goes along unless it is −1. A peer whose books disagree ends the test. */
CUresult peer_do(const struct errand *errand, int descriptor);
/* By SIGKILL or by a return from main. */
CUresult peer_end(bool kill);
/* What it holds and is charged for, as it said last. */
uint64_t peer_used(int device);
int peer_main(int socket);

#endif
