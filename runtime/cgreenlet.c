/*
 * SPDX-License-Identifier: MIT
 *
 * Greenlets of C tasks.
 */
#include <crun/greenlet.h>

#include <stdlib.h>

#include "cgreenlet.h"
#include "ctask.h"
#include "hub.h"

struct crun_greenlet {
    crun__greenlet base; /* first */
    crun_greenlet_fn *fn;
    void *value; /* handed over to it */
    int code;
    crun_greenlet *reaper; /* it is being unwound: who goes on when it has ended */
    size_t references;     /* the owner's, and one for each greenlet whose parent it is */
};

/* The greenlets of a C task, kept until the task and all of them are gone. */
struct crun__cgreenlets {
    crun__greenlets of; /* first */
    crun_greenlet root; /* has a reference of the task's as well, and one for each greenlet */
};

static crun_greenlet *of_base(crun__greenlet *g)
{
    return (crun_greenlet *)g;
}

/* A greenlet keeps its parent, and so all of them what they share. */
static void release(crun_greenlet *g)
{
    while (--g->references == 0) {
        crun_greenlet *parent = of_base(g->base.parent);
        if (!parent) {
            free(g->base.of);
            return;
        }
        free(g);
        g = parent;
    }
}

/* --- the task's --------------------------------------------------------------------------- */

static crun__cgreenlets *greenlets_of(crun_task *task)
{
    crun__cgreenlets **place = crun__ctask_greenlets(task);
    if (*place)
        return *place;
    crun__cgreenlets *all = malloc(sizeof *all);
    if (!all)
        return NULL;
    *all = (crun__cgreenlets){.root = {.references = 1}};
    crun__greenlets_init(&all->of, &all->root.base, task);
    crun__flag_set(task, CRUN__EXTRA);
    *place = all;
    return all;
}

/* Of a C task only. */
static crun_task *own_task(void)
{
    crun_task *task = crun_task_current();
    return task && task->type == &crun__hub->c_type ? task : NULL;
}

crun_greenlet *crun_greenlet_current(void)
{
    crun_task *task = own_task();
    crun__cgreenlets *all = task ? greenlets_of(task) : NULL;
    return all ? of_base(all->of.active) : NULL;
}

/* --- switching ---------------------------------------------------------------------------- */

static int arrive(const crun_greenlet *self, void **out)
{
    if (out)
        *out = self->value;
    return self->code;
}

static void hand_over(crun_greenlet *to, void *value, int code)
{
    to->value = value;
    to->code = code;
}

/* An error does not start a new one, but ends it. */
static crun_greenlet *destination(crun__greenlet *g, int code)
{
    g = crun__greenlet_alive(g);
    while (code < 0 && g->state == CRUN__GREENLET_NEW) {
        g->state = CRUN__GREENLET_DEAD;
        g = crun__greenlet_alive(g);
    }
    return of_base(g);
}

static crun__greenlet *run(crun__greenlet *base)
{
    crun_greenlet *g = of_base(base);
    void *result = NULL;
    int code = g->fn(g->value, &result);
    crun_greenlet *to = g->reaper;
    if (to) {
        hand_over(to, NULL, 0);
    } else {
        to = destination(base->parent, code);
        hand_over(to, result, code < 0 ? code : 0);
    }
    return &to->base;
}

static int go(crun_greenlet *g, void *value, int code, void **out)
{
    crun_greenlet *self = crun_greenlet_current();
    if (!self || g->base.of != self->base.of)
        return CRUN_EPERM;
    if (self->reaper)
        return CRUN_ECANCELED;
    crun_greenlet *to = destination(&g->base, code);
    int rc = to == self ? 0 : crun__greenlet_reserve(&to->base);
    if (rc < 0)
        return rc;
    hand_over(to, value, code);
    if (to != self)
        crun__greenlet_switch(&to->base);
    return arrive(self, out);
}

int crun_greenlet_switch(crun_greenlet *g, void *value, void **out)
{
    return go(g, value, 0, out);
}

int crun_greenlet_throw(crun_greenlet *g, int code, void **out)
{
    return go(g, NULL, code < 0 ? code : CRUN_EINVAL, out);
}

/* --- the end ------------------------------------------------------------------------------ */

/* Ends a suspended one on behalf of the active greenlet. */
static void reap(crun_greenlet *g)
{
    g->reaper = of_base(g->base.of->active);
    hand_over(g, NULL, CRUN_ECANCELED);
    crun__greenlet_switch(&g->base);
}

void crun__cgreenlets_unwind(crun_task *task)
{
    crun__cgreenlets *all = *crun__ctask_greenlets(task);
    crun__greenlet *g;
    while (all && (g = crun__greenlets_newest(&all->of)))
        reap(of_base(g));
}

void crun__cgreenlets_end(crun_task *task)
{
    crun__cgreenlets **place = crun__ctask_greenlets(task);
    if (!*place)
        return;
    crun__cgreenlets_unwind(task);
    crun__greenlets_fini(&(*place)->of);
    release(&(*place)->root);
    *place = NULL;
}

/* --- the object --------------------------------------------------------------------------- */

int crun_greenlet_new(crun_greenlet_fn *fn, crun_greenlet **out)
{
    crun_greenlet *parent = crun_greenlet_current();
    if (!parent)
        return own_task() ? CRUN_ENOMEM : CRUN_EPERM;
    crun_greenlet *g = malloc(sizeof *g);
    if (!g)
        return CRUN_ENOMEM;
    *g = (crun_greenlet){.fn = fn, .references = 1};
    crun__greenlet_init(&g->base, &parent->base, run);
    parent->references++;
    *out = g;
    return 0;
}

int crun_greenlet_free(crun_greenlet *g)
{
    bool over = crun__greenlet_dead(&g->base) || g->base.state == CRUN__GREENLET_NEW;
    if (!over) {
        crun_task *task = own_task();
        if (g->base.of->task != task || g->base.state == CRUN__GREENLET_ACTIVE ||
            crun__greenlet_is_root(&g->base))
            return CRUN_EPERM;
        reap(g);
    }
    release(g);
    return 0;
}

crun_greenlet *crun_greenlet_parent(const crun_greenlet *g)
{
    return of_base(g->base.parent);
}

bool crun_greenlet_dead(const crun_greenlet *g)
{
    return crun__greenlet_dead(&g->base);
}
