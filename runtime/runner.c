/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include "hub.h"

enum {
    /*
     * Idle stacks beyond this many are unmapped when they have not been needed for a trim period.
     */
    IDLE_KEPT = 32,
    /*
     * What a runner that waits for a task has in use at the top of its stack, with room to spare.
     */
    KEEP_BYTES = 4096
};

static const crun_time TRIM_PERIOD = 1000000000;

/* Room for a signal handler of the host's beside the task's own frames. */
static const size_t SMALLEST_STACK = 32 * (size_t)1024;

static crun__runner *idle_pop(crun__runners *rs)
{
    crun__runner *r = crun__container_of(crun__list_pop_head(&rs->idle), crun__runner, link);
    rs->idle_count--;
    rs->busy++;
    r->used = true;
    return r;
}

static void idle_push(crun__runners *rs, crun__runner *r)
{
    crun__list_push_head(&rs->idle, &r->link);
    rs->idle_count++;
    rs->busy--;
}

static void assign(crun__runner *r, crun_task *task)
{
    r->task = task;
    r->inner = NULL;
    task->runner = r;
}

static crun__step step(crun_hub *hub, crun_task *task)
{
    assert(task->status == CRUN_TASK_NEW || task->status == CRUN_TASK_READY);
    task->status = CRUN_TASK_RUNNING;
    crun__set_current(hub, task);
    crun__step done = task->type->step(task);
    crun__set_current(hub, NULL);
    /* An ended task's memory may be gone. */
    if (done == CRUN__STEP_PARKED)
        task->runner = NULL;
    return done;
}

static void run_for_ever(void *arg)
{
    crun__runner *self = arg;
    crun_hub *hub = self->hub;
    for (;;) {
        if (step(hub, self->task) == CRUN__STEP_LEFT)
            continue;
        crun_task *next = crun__next(hub);
        if (!next->runner) {
            assign(self, next);
            continue;
        }
        idle_push(&hub->runners, self);
        crun__context_switch(&self->context, &next->runner->context);
    }
}

/* The runner itself lies at the top of its stack: one page serves both. */
static crun__runner *runner_map(crun_hub *hub)
{
    crun__stack stack;
    if (crun__stack_map(&stack, hub->runners.stack_size) < 0)
        return NULL;
    size_t room = (sizeof(crun__runner) + 63) & ~(size_t)63;
    crun__runner *r = (crun__runner *)(void *)(stack.lo + stack.size - room);
    *r = (crun__runner){.hub = hub, .stack = stack, .used = true};
    crun__context_init(&r->context, stack.lo, stack.size - room, run_for_ever, r);
    return r;
}

static void runner_unmap(crun__runner *r)
{
    crun__stack stack = r->stack;
    crun__context_fini(&r->context);
    crun__stack_unmap(&stack);
}

void crun__runners_init(crun_hub *hub, size_t stack_size)
{
    crun__runners *rs = &hub->runners;
    if (stack_size > 0 && stack_size < SMALLEST_STACK)
        stack_size = SMALLEST_STACK;
    *rs = (crun__runners){.stack_size = stack_size, .root = {.hub = hub}};
    crun__list_init(&rs->idle);
    crun__context_init_thread(&rs->root.context);
}

void crun__runners_fini(crun_hub *hub)
{
    crun__runners *rs = &hub->runners;
    while (!crun__list_empty(&rs->idle)) {
        crun__runner *r = idle_pop(rs);
        rs->busy--;
        runner_unmap(r);
    }
    crun__context_fini(&rs->root.context);
}

int crun__runners_add(crun_hub *hub)
{
    crun__runners *rs = &hub->runners;
    crun__runner *r = runner_map(hub);
    if (!r)
        return CRUN_ENOSTACK;
    rs->busy++;
    idle_push(rs, r);
    return 0;
}

void crun__runners_assign(crun_hub *hub, crun_task *task)
{
    assign(idle_pop(&hub->runners), task);
}

void crun__runners_put(crun_hub *hub, crun__runner *r)
{
    idle_push(&hub->runners, r);
}

void crun__runners_drop(crun_hub *hub, crun__runner *r)
{
    hub->runners.busy--;
    runner_unmap(r);
}

/* Beyond the number kept an idle stack goes whole, else all of it but the page in use. */
static void trim_one(crun__runners *rs, crun__runner *r)
{
    if (rs->idle_count > IDLE_KEPT) {
        crun__list_remove(&r->link);
        rs->idle_count--;
        runner_unmap(r);
    } else if (r->used) {
        crun__stack_trim(&r->stack, KEEP_BYTES);
        r->used = false;
    }
}

void crun__runners_trim(crun_hub *hub, crun_time now)
{
    crun__runners *rs = &hub->runners;
    if (now < rs->trim_due)
        return;
    rs->trim_due = now + TRIM_PERIOD;
    /* The least recently used stand last. */
    for (crun__link *link = rs->idle.prev, *prev; link != &rs->idle; link = prev) {
        prev = link->prev;
        trim_one(rs, crun__container_of(link, crun__runner, link));
    }
}
