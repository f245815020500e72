/*
 * SPDX-License-Identifier: MIT
 *
 * Claims: a board of slots in memory that a pool and one of its workers share, which tells exactly
 * whether a job has been begun.
 *
 * A job has a number from 1 on; its slot is that number modulo the number of slots. The pool offers
 * it before it sends it. The worker takes it just before it runs it, the pool may revoke it until
 * then: only one of the two succeeds. A worker that has died has begun what it has taken, and
 * nothing else.
 *
 * Laws:
 * - A slot holds one job. The pool offers another one there when the job before has been revoked,
 *   or its result has come; that one's number is higher, so a late take of the old one fails.
 * - Memory is shared with a thread, or through a descriptor with a process. Nothing that the other
 *   end writes there can do more than give a wrong answer about the jobs of this board.
 * - take, revoke and taken are atomic; all else about a board belongs to its thread.
 */
#ifndef CRUN__CLAIMS_H
#define CRUN__CLAIMS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct crun__claims {
    atomic_uint_least64_t *slots;
    uint32_t count;
    bool mapped; /* into other processes, too */
    atomic_uint refs;
} crun__claims;

/* Slots of a board at most: one page, which is what a shared board takes anyway. */
enum { CRUN__CLAIMS_MOST = 512 };

/*
 * A board of 1 to CRUN__CLAIMS_MOST slots for threads of this process; the caller owns a reference.
 * Returns: 0, CRUN_ENOMEM or CRUN_EINVAL.
 */
int crun__claims_new(uint32_t count, crun__claims **claims);

/*
 * The same in memory that a descriptor stands for, which the caller owns and gives to a process.
 * Returns: 0, or a code of the system's.
 */
int crun__claims_share(uint32_t count, crun__claims **claims, int *fd);

/*
 * The board that the descriptor stands for; closes it in any case. Returns: 0, CRUN_EINVAL when it
 * is no board, or a code of the system's.
 */
int crun__claims_open(int fd, crun__claims **claims);

/* Any thread that holds a reference. */
crun__claims *crun__claims_retain(crun__claims *claims);
void crun__claims_release(crun__claims *claims);

static inline atomic_uint_least64_t *crun__claims_slot(const crun__claims *claims, uint64_t job)
{
    return &claims->slots[job % claims->count];
}

/* The pool: the job may be begun from now on. */
static inline void crun__claims_offer(crun__claims *claims, uint64_t job)
{
    atomic_store_explicit(crun__claims_slot(claims, job), job << 1, memory_order_release);
}

/* The worker, just before it begins it: false when it has been revoked. */
static inline bool crun__claims_take(crun__claims *claims, uint64_t job)
{
    uint64_t offered = job << 1;
    return atomic_compare_exchange_strong(crun__claims_slot(claims, job), &offered, offered | 1);
}

/* The pool: whether the job has not been begun, and now never is. */
static inline bool crun__claims_revoke(crun__claims *claims, uint64_t job)
{
    uint64_t offered = job << 1;
    return atomic_compare_exchange_strong(crun__claims_slot(claims, job), &offered, 0);
}

/* The pool: whether it has been begun. */
static inline bool crun__claims_taken(const crun__claims *claims, uint64_t job)
{
    return atomic_load_explicit(crun__claims_slot(claims, job), memory_order_acquire) ==
           (job << 1 | 1);
}

#endif
