/* SPDX-License-Identifier: MIT */
#include "hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ctask.h"
#include "loop.h"
#include "monitor.h"
#include "overflow.h"
#include "scope.h"
#include "thread.h"

_Thread_local crun_hub *crun__hub;

enum { DEFAULT_STACK_BUDGET = 1024 };

/* With the virtual clock, I/O in flight gets this much real time before the clock jumps. */
static const crun_time JUMP_PATIENCE = 10000000;

static const crun_wait_type idle_type = {
    .verb = "waiting for the other tasks to end",
    .queue_offset = offsetof(crun_hub, idle),
};

static size_t others(const crun_hub *hub)
{
    return hub->live - hub->daemons;
}

void crun__hub_count(crun_hub *hub, crun_task *task, int by)
{
    hub->live += (size_t)by;
    if (task->flags & CRUN__DAEMON)
        hub->daemons += (size_t)by;
    if (others(hub) == 0)
        crun__wake_all(&hub->idle, 0);
}

static void fire_due(crun_hub *hub, crun_time now)
{
    enum crun__due_kind kind;
    crun__due *due;
    while ((due = crun__timers_pop(&hub->timers, now, &kind))) {
        if (kind == CRUN__DUE_WAIT) {
            crun__wait_abort(crun__container_of(due, crun_wait, due), CRUN_ETIMEDOUT);
        } else {
            crun__timer *timer = crun__container_of(due, crun__timer, due);
            timer->fire(timer);
        }
    }
}

/*
 * Nothing is ready, and nothing that is alive can make anything ready. Whoever told the main task
 * what to wait for learns it there; a main task that is past waiting leaves nobody to tell.
 */
static void deadlock(crun_hub *hub)
{
    if (hub->main->status != CRUN_TASK_WAITING)
        abort();
    crun__wait_describe(&hub->main->wait, hub->stuck_in, sizeof hub->stuck_in);
    hub->stuck_on = crun__wait_awaits(hub->main);
    crun__wait_abort(&hub->main->wait, CRUN_EDEADLK);
}

/* Something other than time may make a task ready. */
static bool expectant(const crun_hub *hub)
{
    return hub->holds || crun__loop_woken(hub->loop) || crun__loop_alive(hub->loop);
}

static bool hopeless(const crun_hub *hub)
{
    return !hub->timers.count && !expectant(hub);
}

static void wait_virtual(crun_hub *hub)
{
    crun_time first = crun__timers_first(&hub->timers);
    if (expectant(hub)) {
        crun__loop_poll(hub->loop, first == CRUN_FOREVER ? CRUN_FOREVER : JUMP_PATIENCE);
        crun__loop_inbox(hub->loop);
        if (!crun__list_empty(&hub->ready) || crun__loop_woken(hub->loop))
            return;
        first = crun__timers_first(&hub->timers);
    }
    if (first != CRUN_FOREVER)
        crun__clock_jump(&hub->clock, first);
}

static crun_time time_left(crun_time deadline, crun_time now)
{
    if (deadline == CRUN_FOREVER)
        return CRUN_FOREVER;
    return deadline > now ? deadline - now : 0;
}

/* What libuv has to do, such as sending what is queued, comes first. */
static bool spin(crun_hub *hub, crun_time ns)
{
    crun__loop_poll(hub->loop, 0);
    if (!crun__list_empty(&hub->ready) || crun__loop_woken(hub->loop) || hopeless(hub))
        return true;
    if (!crun__spin_look(hub->loop, ns))
        return false;
    crun__loop_poll(hub->loop, 0);
    return true;
}

static void wait_real(crun_hub *hub)
{
    crun_time now = crun_now(hub);
    crun__runners_trim(hub, now);
    crun_time left = time_left(crun__timers_first(&hub->timers), now);
    if (left == 0 || !hub->loop->spin.pays || !spin(hub, left))
        crun__loop_poll(hub->loop, left);
}

static uint32_t tick_of(crun_time at)
{
    return (uint32_t)((uint64_t)at >> CRUN__TICK_SHIFT);
}

void crun__hub_reset_tick(crun_hub *hub)
{
    hub->tick = tick_of(crun_now(hub));
}

/*
 * libuv has read the clock if there was I/O to wait for. Where tasks only take turns it has not;
 * then it is read now and then.
 */
static void note_time(crun_hub *hub)
{
    enum { ROUNDS = 1024 };
    crun_time now = crun__loop_time(hub->loop);
    if (hub->clock.kind == CRUN_CLOCK_VIRTUAL)
        now = hub->clock.virtual_now;
    else if (hub->polls % ROUNDS == 0)
        now = crun__clock_monotonic();
    if ((int32_t)(tick_of(now) - hub->tick) > 0)
        hub->tick = tick_of(now);
}

crun_time crun__hub_waiting_for(crun_hub *hub, const crun_task *task)
{
    uint32_t ticks = tick_of(crun_now(hub)) - (uint32_t)task->wait.due.stamp;
    return (int32_t)ticks < 0 ? 0 : (crun_time)ticks << CRUN__TICK_SHIFT;
}

crun_time crun__hub_waiting_until(const crun_hub *hub, const crun_task *task)
{
    uint32_t place = task->wait.due.place;
    return place ? hub->timers.entries[place - 1].at : CRUN_FOREVER;
}

/* Looks at the inbox, I/O and timers; with nothing ready, waits for them. */
static void poll(crun_hub *hub)
{
    crun_task *current = hub->current;
    crun__set_current(hub, NULL);
    __atomic_store_n(&hub->polls, hub->polls + 1, __ATOMIC_RELAXED);
    crun__loop_inbox(hub->loop);
    if (!crun__list_empty(&hub->ready)) {
        if (crun__loop_alive(hub->loop))
            crun__loop_poll(hub->loop, 0);
    } else if (hopeless(hub)) {
        deadlock(hub);
    } else if (hub->clock.kind == CRUN_CLOCK_VIRTUAL) {
        wait_virtual(hub);
    } else {
        wait_real(hub);
    }
    crun__loop_inbox(hub->loop);
    note_time(hub);
    if (hub->timers.count)
        fire_due(hub, crun_now(hub));
    hub->budget = CRUN__POLL_BUDGET;
    crun__set_current(hub, current);
}

static crun_task *take_ready(crun_hub *hub)
{
    crun__link *link = hub->shuffled ? crun__policy_pick(&hub->policy, &hub->ready)
                                     : crun__list_pop_head(&hub->ready);
    return crun__task_of_wait(crun__wait_of_link(link));
}

static void poll_until_ready(crun_hub *hub)
{
    if (hub->budget < 0)
        poll(hub);
    while (crun__list_empty(&hub->ready))
        poll(hub);
}

static inline crun_task *next_ready(crun_hub *hub)
{
    if (--hub->budget < 0 || crun__list_empty(&hub->ready))
        poll_until_ready(hub);
    return take_ready(hub);
}

crun_task *crun__next(crun_hub *hub)
{
    return next_ready(hub);
}

void crun__switch_away(crun_hub *hub)
{
    crun_task *self = hub->current, *next = next_ready(hub);
    if (!self)
        __builtin_unreachable(); /* only who runs can give way */
    if (next != self) {
        crun__runner *from = self->runner;
        if (!next->runner)
            crun__runners_assign(hub, next);
        crun__context_switch(&from->context, &next->runner->context);
    }
    crun__set_current(hub, self);
    self->status = CRUN_TASK_RUNNING;
}

static void report_overflow(crun_hub *hub)
{
    char line[96];
    int size = snprintf(line, sizeof line, "crun: C stack overflow in task#%llu\n",
                        (unsigned long long)hub->current->id);
    if (write(STDERR_FILENO, line, (size_t)size) < 0)
        return; /* the process is about to die; there is nobody else to tell */
}

void crun__hub_set_main(crun_hub *hub, crun_task *task, crun__task_type *type)
{
    *task = (crun_task){.type = type, .id = 1, .status = CRUN_TASK_RUNNING};
    task->runner = &hub->runners.root;
    hub->runners.root.task = task;
    hub->main = task;
    crun__set_current(hub, task);
}

void crun__hub_reset_main(crun_hub *hub)
{
    if (hub->main)
        crun__holds_desert(hub->main);
    crun__hub_set_main(hub, &hub->own_main, &hub->c_type);
    hub->on_overflow = report_overflow;
}

/* Out of the queue it stands in; what it holds and is inside of no longer knows it. */
static void uproot(crun_task *task)
{
    if (task->status == CRUN_TASK_WAITING)
        crun__wait_withdraw(task, CRUN_ECANCELED);
    else
        crun__list_remove(&task->wait.link);
    task->status = CRUN_TASK_CANCELLED;
    crun__holds_desert(task);
    while (task->scope)
        crun__scope_leave(task->scope);
}

void crun__hub_abandon_main(crun_hub *hub)
{
    if (hub->main == hub->current)
        return;
    uproot(hub->main);
    hub->main = hub->current;
}

/* Of the watches among the joiners none is told: what they would wake may be gone, too. */
static void release_joiners(crun_task *task)
{
    crun_wait *w = task->joiners.first, *next;
    for (size_t n = crun__waitq_count(&task->joiners); n > 0; n--, w = next) {
        next = crun__wait_of_link(w->link.next);
        if (!w->type->fire)
            crun__wake(w, 0);
    }
}

void crun__hub_abandon(crun_hub *hub, crun_task *task)
{
    uproot(task);
    release_joiners(task);
    crun__hub_count(hub, task, -1);
}

/* Stacks that could be done without leave half of a limited address space (ulimit -v) to others. */
static size_t default_budget(size_t stack_size)
{
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) < 0 || space.rlim_cur == RLIM_INFINITY)
        return DEFAULT_STACK_BUDGET;
    size_t room = space.rlim_cur / 2 / (stack_size ? stack_size : CRUN_STACK_SIZE);
    return room < DEFAULT_STACK_BUDGET ? room : DEFAULT_STACK_BUDGET;
}

static void hub_init(crun_hub *hub, const crun_hub_options *options)
{
    size_t stack_size = options ? options->stack_size : 0;
    size_t budget = options ? options->stack_budget : 0;
    crun__list_init(&hub->ready);
    crun__list_init(&hub->threads);
    crun__timers_init(&hub->timers);
    crun__ctask_type_init(hub);
    crun__greenlet_starter_init(hub);
    crun__runners_init(hub, stack_size);
    hub->stack_budget = budget ? budget : default_budget(stack_size);
    hub->budget = CRUN__POLL_BUDGET;
    hub->next_id = 1;
    crun__hub_reset_tick(hub);
    crun__hub_reset_main(hub);
}

/* Runs inside a signal handler. */
static bool on_fault(void *addr, void *arg)
{
    crun_hub *hub = arg;
    const crun_task *task = hub->current;
    if (!task || !task->runner || task->runner == &hub->runners.root ||
        !crun__stack_guards(&task->runner->stack, addr))
        return false;
    hub->on_overflow(hub);
    return true;
}

int crun__hub_new_on(crun_hub **out, const crun_hub_options *options, crun__loop *loop)
{
    crun_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return CRUN_ENOMEM;
    int rc = crun__overflow_enter_thread(on_fault, hub);
    if (rc < 0) {
        free(hub);
        return rc;
    }
    hub->loop = loop;
    hub_init(hub, options);
    crun__hub = *out = hub;
    return 0;
}

int crun_hub_new(crun_hub **out, const crun_hub_options *options)
{
    crun__loop *loop;
    if (crun__hub)
        return CRUN_EALREADY;
    int rc = crun__loop_new(&loop);
    if (rc < 0)
        return rc;
    rc = crun__hub_new_on(out, options, loop);
    if (rc < 0)
        crun__loop_free(loop);
    return rc;
}

static void end(crun_task *task, void *arg)
{
    (void)arg;
    crun_task_set_daemon(task, false);
    crun_task_cancel(task);
}

static void call_posts(crun_hub *hub)
{
    crun_task *current = hub->current;
    crun__set_current(hub, NULL);
    crun__loop_inbox(hub->loop);
    crun__set_current(hub, current);
}

/* Live tasks, without a caller that was spawned itself and ends the hub in the main task's place.
 */
static size_t besides_caller(const crun_hub *hub)
{
    return hub->live - (hub->current->id > 1);
}

/*
 * A cancelled main task waits for the others all the same. What waits inside a shield for what
 * nothing can bring is left behind.
 */
static void end_tasks(crun_hub *hub)
{
    int rc;
    crun__scope shield;
    hub->ending = true;
    crun__scope_enter(&shield, hub->current, true, CRUN_FOREVER);
    crun__ctask_each(hub, end, NULL);
    do {
        call_posts(hub);
        rc = crun_hub_run(hub);
    } while (rc == 0 && (besides_caller(hub) > 0 || crun__loop_woken(hub->loop)));
    crun__threads_end(hub);
    crun__scope_leave(&shield);
}

void crun_hub_free(crun_hub *hub)
{
    crun__cgreenlets_end(&hub->own_main);
    end_tasks(hub);
    crun__monitor_stop(hub);
    crun__holds_desert(hub->main);
    crun__overflow_leave_thread();
    crun__loop_free(hub->loop);
    crun__timers_fini(&hub->timers);
    crun__runners_fini(hub);
    crun__hub = NULL;
    free(hub);
}

crun_hub *crun_hub_current(void)
{
    return crun__hub;
}

int crun_hub_run(crun_hub *hub)
{
    int rc = 0;
    /* Between the waking and the turn somebody may have spawned. */
    while (rc == 0 && others(hub) > 0) {
        crun__wait_begin(hub->current, &idle_type, hub);
        rc = crun__wait_park(hub->current, CRUN_FOREVER);
    }
    return rc;
}

void crun_hub_hold(crun_hub *hub)
{
    hub->holds++;
}

void crun_hub_release(crun_hub *hub)
{
    hub->holds--;
}

void crun_hub_set_schedule(crun_hub *hub, uint64_t seed)
{
    hub->shuffled = seed != CRUN_SCHEDULE_FIFO;
    crun__policy_init(&hub->policy, seed);
}

size_t crun_hub_set_stack_budget(crun_hub *hub, size_t stacks)
{
    size_t old = hub->stack_budget;
    hub->stack_budget = stacks;
    return old;
}

void crun_hub_stats_get(crun_hub *hub, crun_hub_stats *out)
{
    const crun__runners *rs = &hub->runners;
    out->tasks = hub->live;
    out->daemons = hub->daemons;
    out->stacks = rs->busy + rs->idle_count;
    out->stacks_idle = rs->idle_count;
    out->timers = hub->timers.count;
    out->handles = crun__loop_handles(hub->loop);
    out->switches = hub->polls * CRUN__POLL_BUDGET;
}
