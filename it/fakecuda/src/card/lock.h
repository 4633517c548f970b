/* SPDX-License-Identifier: Apache-2.0 */
/* A spin lock in shared memory whose word names its owner. The critical sections are a dozen stores, so a waiter spins,
 * and yields when the owner seems to have lost its CPU. */
#ifndef LOCK_H
#define LOCK_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

static inline bool lock_try(uint64_t *lock, uint64_t expected, uint64_t owner)
{
    return __atomic_compare_exchange_n(lock, &expected, owner, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void lock_release(uint64_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

static inline void lock_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Longer with each round, so that waiters leave the owner its cache line and a thread that comes back soon finds the
 * lock in its own. */
static inline void lock_relax(unsigned round)
{
    for (unsigned i = 0; i < 1u << (round < 6 ? round : 6); i++)
        lock_pause();
    if (round % 16 == 0)
        sched_yield();
}

#endif
