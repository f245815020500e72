/* SPDX-License-Identifier: MIT */
#include "greenlet.h"

#include "hub.h"

void crun__greenlets_init(crun__greenlets *of, crun__greenlet *root, crun_task *task)
{
    *root = (crun__greenlet){.of = of, .state = CRUN__GREENLET_ACTIVE};
    *of = (crun__greenlets){.task = task, .root = root, .active = root};
    crun__list_init(&of->started);
    crun__list_init(&root->link);
}

void crun__greenlets_fini(crun__greenlets *of)
{
    assert(crun__list_empty(&of->started));
    of->task = NULL;
    of->root->state = CRUN__GREENLET_DEAD;
}

void crun__greenlet_init(crun__greenlet *g, crun__greenlet *parent,
                         crun__greenlet *(*run)(crun__greenlet *self))
{
    *g = (crun__greenlet){.of = parent->of, .parent = parent, .run = run};
    crun__list_init(&g->link);
}

bool crun__greenlet_descends(const crun__greenlet *g, const crun__greenlet *other)
{
    while (g && g != other)
        g = g->parent;
    return g;
}

int crun__greenlet_reserve(crun__greenlet *g)
{
    return g->state == CRUN__GREENLET_NEW ? crun__runners_reserve(crun__task_hub(g->of->task)) : 0;
}

/* --- starting and ending ------------------------------------------------------------------ */

static void begin(crun__greenlet_starter *s, crun__greenlet *g)
{
    crun__greenlets *of = g->of;
    g->state = CRUN__GREENLET_ACTIVE;
    of->active = g;
    crun__list_push_tail(&of->started, &g->link);
    s->started++;
}

static void end(crun__greenlet_starter *s, crun__greenlet *g)
{
    g->state = CRUN__GREENLET_DEAD;
    crun__list_remove(&g->link);
    s->started--;
}

/* Makes a suspended one the active one; returns the stack to switch to. */
static crun__runner *resume(crun__greenlet *g)
{
    crun__greenlets *of = g->of;
    assert(g->state == CRUN__GREENLET_SUSPENDED);
    g->state = CRUN__GREENLET_ACTIVE;
    of->active = g;
    of->task->runner = g->runner;
    return g->runner;
}

/*
 * The step of the task that a runner finds itself assigned to. One greenlet after the other runs
 * here as long as the next one is new.
 */
static crun__step start(crun_task *task)
{
    crun_hub *hub = task->type->hub;
    crun__greenlet_starter *s = &hub->greenlet_starter;
    crun__greenlet *g = s->entering;
    crun__runner *self = g->runner;
    self->task = g->of->task;
    crun__set_current(hub, self->task);
    for (;;) {
        crun__greenlet *next = g->run(g);
        end(s, g);
        g = next;
        if (g->state != CRUN__GREENLET_NEW)
            break;
        g->runner = self;
        begin(s, g);
    }
    crun__runner *to = resume(g);
    crun__runners_put(hub, self);
    crun__context_switch(&self->context, &to->context);
    return CRUN__STEP_LEFT;
}

void crun__greenlet_starter_init(crun_hub *hub)
{
    crun__greenlet_starter *s = &hub->greenlet_starter;
    s->type = (crun__task_type){.hub = hub, .step = start};
    s->task = (crun_task){.type = &s->type};
}

static crun__runner *enter(crun_hub *hub, crun__greenlet *g)
{
    crun__greenlet_starter *s = &hub->greenlet_starter;
    begin(s, g);
    s->entering = g;
    s->task.status = CRUN_TASK_READY;
    crun__runners_assign(hub, &s->task);
    g->runner = g->of->task->runner = s->task.runner;
    return g->runner;
}

/* --- switching ---------------------------------------------------------------------------- */

void crun__greenlet_switch(crun__greenlet *to)
{
    crun__greenlets *of = to->of;
    crun__greenlet *self = of->active;
    crun_hub *hub = crun__task_hub(of->task);
    assert(hub->current == of->task && self != to);
    crun__runner *from = of->task->runner;
    self->state = CRUN__GREENLET_SUSPENDED;
    self->runner = from;
    crun__runner *next = to->state == CRUN__GREENLET_NEW ? enter(hub, to) : resume(to);
    crun__context_switch(&from->context, &next->context);
}

crun__greenlet *crun__greenlets_newest(const crun__greenlets *of)
{
    for (crun__link *link = of->started.prev; link != &of->started; link = link->prev) {
        crun__greenlet *g = crun__container_of(link, crun__greenlet, link);
        if (g->state == CRUN__GREENLET_SUSPENDED)
            return g;
    }
    return NULL;
}

/* A task that is not running is parked in its active greenlet; one that runs is on its stack. */
void crun__greenlets_drop(crun__greenlets *of)
{
    crun_hub *hub = crun__task_hub(of->task);
    crun__greenlet *g = of->active;
    if (of->task != hub->current && !crun__greenlet_is_root(g)) {
        g->runner = of->task->runner;
        g->state = CRUN__GREENLET_SUSPENDED;
    }
    while ((g = crun__greenlets_newest(of))) {
        end(&hub->greenlet_starter, g);
        crun__runners_drop(hub, g->runner);
    }
}
