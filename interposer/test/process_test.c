/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accounting.h"
#include "lock.h"
#include "process.h"
#include "test.h"

static void aChildStartsAfreshWhateverItsParentHeld(void)
{
    if (test_skip_emulated("does not wipe memory on fork"))
        return;
    struct process *process = process_get();
    if (!CHECK(process != NULL) || !CHECK(process_get() == process))
        return;
    uint8_t image[16];
    memcpy(image, process->image_id, sizeof image);
    uint64_t generation = process->generation;
    accounting_claim_stripe(process);
    static struct page page;
    lock_acquire(&process->lock); /* as if another thread were in the midst of a request */
    process->page = &page;
    pid_t child = fork();
    if (child == 0) {
        if (process_if_started() != NULL)
            _exit(1);
        struct process *own = process_get();
        if (own == NULL || own->page != NULL || own->page_count != 0)
            _exit(2);
        if (memcmp(own->image_id, image, sizeof image) == 0 || own->generation == generation || own->stripes != 0)
            _exit(3);
        lock_acquire(&own->lock); /* hangs if the parent's lock came along */
        lock_release(&own->lock);
        _exit(0);
    }
    lock_release(&process->lock);
    process->page = NULL;
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(status, 0);
    CHECK(memcmp(process->image_id, image, sizeof image) == 0);
}

struct counter {
    struct lock lock;
    uint64_t count;
};

static void count_up(void *context, int index)
{
    (void)index;
    struct counter *counter = context;
    for (int i = 0; i < 20000; i++) {
        lock_acquire(&counter->lock);
        counter->count++;
        lock_release(&counter->lock);
    }
}

static void theLockIsHeldByOneThreadAtATime(void)
{
    struct counter counter = {0};
    test_threads(8, count_up, &counter);
    CHECK_EQUAL(counter.count, 160000);
    CHECK_EQUAL(counter.lock.word, 0);
}

static void get_process(void *context, int index)
{
    struct process **processes = context;
    processes[index] = process_get();
}

static void threadsThatStartTogetherShareOneState(void)
{
    pid_t child = fork(); /* a fresh process, where nobody has called process_get() */
    if (child == 0) {
        struct process *processes[8];
        test_threads(8, get_process, processes);
        for (int i = 0; i < 8; i++) {
            if (processes[i] == NULL || processes[i] != processes[0] || processes[i]->phase != PROCESS_READY)
                _exit(1);
        }
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(status, 0);
}

void process_tests(void)
{
    RUN(threadsThatStartTogetherShareOneState);
    RUN(aChildStartsAfreshWhateverItsParentHeld);
    RUN(theLockIsHeldByOneThreadAtATime);
}
