/* SPDX-License-Identifier: MIT */
#include "ctask.h"

#include <stdlib.h>

#include "hub.h"

typedef struct c_task {
    crun_task base;  /* first */
    crun__link link; /* among the hub's live C tasks */
    crun_task_fn *fn;
    void *arg;
    const char *name;
    crun__cgreenlets *greenlets;
    int result;
    unsigned references; /* the hub's until it has ended, and those of whoever retained it */
} c_task;

static c_task *of(crun_task *task)
{
    return (c_task *)task;
}

static crun__step step(crun_task *task)
{
    c_task *t = of(task);
    t->result = t->fn(t->arg);
    crun_task_status status = CRUN_TASK_RETURNED;
    if (t->result == CRUN_ECANCELED && (task->flags & CRUN__CANCEL))
        status = CRUN_TASK_CANCELLED;
    else if (t->result < 0)
        status = CRUN_TASK_FAILED;
    crun__task_unload(task);
    crun__task_end(task, status);
    return CRUN__STEP_ENDED;
}

static void ended(crun_task *task)
{
    if (task->status == CRUN_TASK_CANCELLED)
        of(task)->result = CRUN_ECANCELED;
    crun__list_remove(&of(task)->link);
    crun_task_release(task);
}

crun__cgreenlets **crun__ctask_greenlets(crun_task *task)
{
    crun_hub *hub = crun__task_hub(task);
    return task == &hub->own_main ? &hub->main_greenlets : &of(task)->greenlets;
}

void crun__ctask_type_init(crun_hub *hub)
{
    hub->c_type =
        (crun__task_type){.hub = hub, .step = step, .ended = ended, .unload = crun__cgreenlets_end};
    crun__list_init(&hub->c_tasks);
}

void crun__ctask_each(crun_hub *hub, void (*fn)(crun_task *task, void *arg), void *arg)
{
    crun__link *next;
    for (crun__link *link = hub->c_tasks.next; link != &hub->c_tasks; link = next) {
        next = link->next;
        fn(&crun__container_of(link, c_task, link)->base, arg);
    }
}

const char *crun__ctask_name(const crun_task *task)
{
    return ((const c_task *)task)->name;
}

int crun_spawn(crun_hub *hub, crun_task_fn *fn, void *arg, const crun_task_options *options,
               crun_task **out)
{
    c_task *t = malloc(sizeof *t);
    if (!t)
        return CRUN_ENOMEM;
    *t = (c_task){.fn = fn, .arg = arg, .references = out ? 2 : 1};
    if (options)
        t->name = options->name;
    crun__list_push_tail(&hub->c_tasks, &t->link);
    crun__task_start(&t->base, &hub->c_type, options && options->daemon);
    if (out)
        *out = &t->base;
    if (hub->ending)
        crun_task_cancel(&t->base);
    return 0;
}

void crun_task_retain(crun_task *task)
{
    of(task)->references++;
}

void crun_task_release(crun_task *task)
{
    if (--of(task)->references == 0)
        free(task);
}

int crun_task_result(const crun_task *task)
{
    return ((const c_task *)task)->result;
}
