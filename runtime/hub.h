/*
 * SPDX-License-Identifier: MIT
 *
 * The hub as the runtime and the bindings see it: what the switching path touches, without libuv.
 */
#ifndef CRUN__HUB_H
#define CRUN__HUB_H

#include <crun/hub.h>

#include "cgreenlet.h"
#include "clock.h"
#include "greenlet.h"
#include "hold.h"
#include "policy.h"
#include "runner.h"
#include "task.h"
#include "timer.h"

struct crun__loop;
struct crun__monitor;

/* I/O and timers are looked at after this many switches at the latest: often enough to keep latency
 * below a few microseconds, rarely enough that an epoll_wait (about 300 ns) costs 2 ns a switch. */
enum { CRUN__POLL_BUDGET = 128 };

struct crun_hub {
    crun_task *current; /* NULL in callbacks of the loop */
    crun__link ready;
    int budget;    /* switches left before the next look at I/O and timers */
    bool ending;   /* what is spawned now is cancelled at once */
    bool shuffled; /* the policy draws who is next; else first in, first out */
    crun__policy policy;
    crun__runners runners;
    crun__timers timers;
    crun__clock clock;
    struct crun__loop *loop;
    bool writing; /* a task writes to a connection: SIGPIPE is that write's error, not our end */
    size_t stack_budget;
    size_t live;     /* tasks that have not ended, without the main one */
    size_t daemons;  /* of those */
    crun_waitq idle; /* who waits for the last task that is no daemon */
    unsigned holds;
    uint64_t next_id;
    uint64_t polls;
    uint32_t tick;                 /* the clock when it was last looked at: see CRUN__TICK_SHIFT */
    struct crun__monitor *monitor; /* NULL: nobody minds how long a task runs */
    void (*on_nudge)(crun_hub *hub);    /* NULL, or what a nudge calls: see nudge.h */
    crun__link threads;                 /* that it has started and that it still has to join */
    crun_hold *held[CRUN__HOLD_CHAINS]; /* see hold.h */
    crun__link c_tasks;                 /* live tasks of kind C */
    crun__task_type c_type;
    crun_task *main; /* the one on the thread's own stack */
    crun__greenlet_starter greenlet_starter;
    /* What the main task waited for when a deadlock was found: in words, and which task's end. */
    char stuck_in[64];
    const crun_task *stuck_on;
    /* Called inside a signal handler when the running task has overflown its C stack. */
    void (*on_overflow)(crun_hub *hub);
    crun_task own_main;               /* while no host language brings one */
    crun__cgreenlets *main_greenlets; /* of own_main */
};

/*
 * The thread's hub. Tasks never move between threads, so its address may be kept across switches.
 */
extern _Thread_local crun_hub *crun__hub;

/*
 * Which task runs, or none. In one piece, since the monitor's thread looks at it; costs what a
 * plain store does.
 */
static inline void crun__set_current(crun_hub *hub, crun_task *task)
{
    __atomic_store_n(&hub->current, task, __ATOMIC_RELAXED);
}

/*
 * Waits without a deadline note the hub's tick when they begin. A tick is about a millisecond. It
 * is at hand, and so up to one round of the hub old: reading the clock would cost as much as the
 * wait.
 */
enum { CRUN__TICK_SHIFT = 20 };

/* Grows with every switch. */
static inline uint64_t crun__hub_turn(const crun_hub *hub)
{
    return hub->polls * (CRUN__POLL_BUDGET + 2) - (uint64_t)(int64_t)hub->budget;
}

/* As crun_hub_new, on a loop made elsewhere, which is the hub's from then on. */
int crun__hub_new_on(crun_hub **out, const crun_hub_options *options, struct crun__loop *loop);

/* The clock has been set back, or is another one. */
void crun__hub_reset_tick(crun_hub *hub);

/* For how long a task has been in a wait that has no deadline, in nanoseconds. */
crun_time crun__hub_waiting_for(crun_hub *hub, const crun_task *task);

/* The deadline of the task's wait; CRUN_FOREVER: none. */
crun_time crun__hub_waiting_until(const crun_hub *hub, const crun_task *task);

/* Puts a task at the end of the ready queue. */
static inline void crun__ready(crun_hub *hub, crun_task *task)
{
    task->status = CRUN_TASK_READY;
    crun__list_push_tail(&hub->ready, &task->wait.link);
}

/*
 * The next task to run, taken from the ready queue; polls, and waits for I/O and timers when
 * nothing is ready. Runs on the stack of whoever has nothing to do. Never NULL.
 */
crun_task *crun__next(crun_hub *hub);

/*
 * Makes sure that an idle runner is there, so that the running task can leave its stack parked.
 * Returns: 0, or CRUN_ENOSTACK when no further stack can be mapped.
 */
static inline int crun__runners_reserve(crun_hub *hub)
{
    return hub->runners.idle_count > 0 ? 0 : crun__runners_add(hub);
}

/*
 * Gives the processor away on behalf of the running task, which keeps its stack; returns when the
 * task is resumed. A stack for others must be at hand: see crun__runners_reserve.
 */
void crun__switch_away(crun_hub *hub);

/*
 * Whether a wait that could yield should still keep its stack. Parking by stack is the faster way
 * as long as the parked stacks stay few; and there may be no room for another one.
 */
static inline bool crun__stack_affordable(crun_hub *hub)
{
    return hub->runners.busy <= hub->stack_budget && crun__runners_reserve(hub) == 0;
}

/* The task is counted as not, or again, keeping the program alive. */
void crun__hub_count(crun_hub *hub, crun_task *task, int by);

/*
 * Makes caller's memory the main task, in place of the one that runs now on the thread's own stack;
 * and gives the place back to the hub's own.
 */
void crun__hub_set_main(crun_hub *hub, crun_task *task, crun__task_type *type);
void crun__hub_reset_main(crun_hub *hub);

/*
 * The running task takes the main task's place, which is never resumed: its state is being
 * destroyed under it (os.exit from another task).
 */
void crun__hub_abandon_main(crun_hub *hub);

/*
 * Takes out of all queues a task that has not ended and never goes on, as its memory is about to
 * go. It counts as cancelled; tasks that join it wake.
 */
void crun__hub_abandon(crun_hub *hub, crun_task *task);

#endif
