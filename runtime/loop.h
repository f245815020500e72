/*
 * SPDX-License-Identifier: MIT
 *
 * The hub's libuv loop: waiting for I/O, waking from other threads, the inbox.
 */
#ifndef CRUN__LOOP_H
#define CRUN__LOOP_H

#include <stdatomic.h>
#include <stdbool.h>

#include <uv.h>

#include "block.h"
#include "drain.h"
#include "hub.h"
#include "spin.h"

struct crun__ports;

/* Something to be called on the hub's thread. */
typedef struct crun__post {
    struct crun__post *next;
    void (*fn)(void *arg);
    void *arg;
    bool kept; /* its memory is the poster's, and may go, or be posted again, once fn is called */
} crun__post;

/*
 * Counts the operations on connections that were done without any other task having run. What never
 * has to wait must step back now and then, or a fast peer would keep the other tasks from running.
 */
typedef struct crun__streak {
    uint64_t turn;
    unsigned count;
} crun__streak;

typedef struct crun__loop {
    uv_loop_t uv;
    uv_timer_t timer;     /* runs only during a wait, for the earliest deadline */
    uv_poll_t bell;       /* ends a wait from another thread or a signal handler */
    int bell_fd;          /* an eventfd */
    atomic_bool woken;    /* since the inbox was last looked at */
    atomic_bool sleeping; /* waits, or is about to: then the bell has to be rung */
    uv_mutex_t lock;      /* guards the inbox */
    crun__post *first, **last;
    crun__blocks blocks;
    crun__streak streak;
    crun__drain drain;
    crun__spin spin;
    struct crun__ports *ports; /* NULL: there has been none; see port_impl.h */
    size_t awaited; /* waits on handles that are unreferenced, so that libuv does not count them */
    void (*on_wake)(void *arg); /* NULL, or called on the hub's thread after crun_hub_wake */
    void *on_wake_arg;
} crun__loop;

/*
 * What closes a handle in the way of its owner when the loop ends before it was closed: the value
 * of the handle's `data`, NULL for uv_close alone.
 */
typedef void crun__handle_close(uv_handle_t *handle);

static inline void crun__handle_set_close(uv_handle_t *handle, crun__handle_close *close)
{
    handle->data = (void *)close;
}

/* Returns: 0 and the loop, or a code. */
int crun__loop_new(crun__loop **out);

/* All handles must have been closed, or be about to be. */
void crun__loop_free(crun__loop *loop);

/* Whether handles or requests of tasks could bring something to somebody. */
bool crun__loop_alive(const crun__loop *loop);

/* The number of handles that tasks have open. */
size_t crun__loop_handles(crun__loop *loop);

/* Runs callbacks of what has happened, after waiting at most `ns` for the first of them. */
void crun__loop_poll(crun__loop *loop, crun_time ns);

/* CLOCK_MONOTONIC, in nanoseconds, when the loop last looked at it. */
static inline crun_time crun__loop_time(const crun__loop *loop)
{
    return (crun_time)uv_now(&loop->uv) * 1000000;
}

/* Calls what was posted and the wake handler. Cheap when there is nothing. */
void crun__loop_inbox(crun__loop *loop);

/*
 * A call for crun_hub_post made beforehand, so that posting it needs no memory; NULL without
 * memory. Posting it hands it over: it is freed once it has been called.
 */
crun__post *crun__post_new(void (*fn)(void *arg), void *arg);
void crun__loop_post(crun_hub *hub, crun__post *post);

/* Whether there is something for crun__loop_inbox to call. */
static inline bool crun__loop_woken(const crun__loop *loop)
{
    return atomic_load_explicit(&loop->woken, memory_order_relaxed);
}

/* A wait on a handle begins, or ends. */
static inline void crun__awaited_more(void)
{
    crun__hub->loop->awaited++;
}

static inline void crun__awaited_less(void)
{
    crun__hub->loop->awaited--;
}

#endif
