/* SPDX-License-Identifier: Apache-2.0 */
/* Cancels a thread in the midst of an allocation: "ready"; told "go", starts the thread and cancels it at once, and says
 * "cancelling"; when it has ended, "ended"; told "again", allocates by itself: "again code=C". */
#define GUEST_OF_DRIVER
#include "guest.h"

#include <pthread.h>

static CUcontext context;

static void *allocate(void *asynchronous)
{
    CUdeviceptr block;
    pthread_setcanceltype(asynchronous != NULL ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED, NULL);
    cuCtxSetCurrent(context);
    cuMemAlloc(&block, MIB);
    pthread_testcancel();
    return NULL;
}

int main(void)
{
    char line[16];
    pthread_t thread;
    CUdeviceptr block;
    if (gpu_open() != 0 || cuCtxGetCurrent(&context) != 0 || cuMemAlloc(&block, MIB) != 0)
        return 1;
    say("ready");
    while (hear(line, sizeof line) && strcmp(line, "go") == 0) {
        if (pthread_create(&thread, NULL, allocate, NULL) != 0)
            return 1;
        pthread_cancel(thread);
        say("cancelling");
        pthread_join(thread, NULL);
        say("ended");
    }
    say("again code=%d", cuMemAlloc(&block, MIB));
    until_told_to_end();
    return 0;
}
