/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A futex lock, private to the process. Not a pthread mutex: those moved from libpthread to libc in glibc 2.34, and
 * a preloaded library should need neither.
 */
#ifndef GPUSLICE_LOCK_H
#define GPUSLICE_LOCK_H

#include "state.h"

/* Both keep errno. The caller has cancellation disabled: a thread that is cancelled would leave the lock held. */
void lock_acquire(struct lock *lock);
void lock_release(struct lock *lock);

/* The same with cancellation disabled in between; `lock_enter` returns what `lock_leave` wants. */
int lock_enter(struct lock *lock);
bool lock_try_enter(struct lock *lock, int *cancel_state);
void lock_leave(struct lock *lock, int cancel_state);

#endif
