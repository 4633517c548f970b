/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static void futex(struct lock *lock, int operation, uint32_t value)
{
    int saved = errno;
    syscall(SYS_futex, &lock->word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
    errno = saved;
}

void lock_acquire(struct lock *lock)
{
    uint32_t seen = 0;
    /* acquire pairs with the release below: what the former holder wrote is seen. */
    if (atomic_compare_exchange_strong_explicit(&lock->word, &seen, 1, memory_order_acquire, memory_order_relaxed))
        return;
    while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0)
        futex(lock, FUTEX_WAIT, 2); /* EINTR and spurious wake-ups only mean another look */
}

void lock_release(struct lock *lock)
{
    if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
        futex(lock, FUTEX_WAKE, 1);
}

int lock_enter(struct lock *lock)
{
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    lock_acquire(lock);
    return cancel_state;
}

bool lock_try_enter(struct lock *lock, int *cancel_state)
{
    uint32_t seen = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, cancel_state);
    if (atomic_compare_exchange_strong_explicit(&lock->word, &seen, 1, memory_order_acquire, memory_order_relaxed))
        return true;
    pthread_setcancelstate(*cancel_state, NULL);
    return false;
}

void lock_leave(struct lock *lock, int cancel_state)
{
    lock_release(lock);
    pthread_setcancelstate(cancel_state, NULL);
}
