/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub.h"
#include "sync_impl.h"

/* Records kept for members to come: making one costs a third of starting a task. */
enum { SPARES = 1024 };

/* --- members ------------------------------------------------------------------------------ */

static void retire(crun__pool_member *m)
{
    crun_pool *pool = m->pool;
    crun__watch_end(&m->ticket);
    *m->link = m->next;
    if (m->next)
        m->next->link = m->link;
    pool->count--;
    if (pool->spares >= SPARES) {
        free(m);
        return;
    }
    m->next = pool->spare;
    pool->spare = m;
    pool->spares++;
}

static void ended(crun_wait *wait, int result)
{
    (void)result;
    crun__pool_member *m = crun__container_of(wait, crun__pool_member, watch);
    crun_pool *pool = m->pool;
    bool placed = m->placed;
    retire(m);
    if (placed)
        crun__pool_give_back(pool);
    if (pool->count == 0)
        crun__wake_all(&pool->joiners, 0);
}

static const crun_wait_type member_type = {
    .verb = "pool",
    .queue_offset = offsetof(crun_task, joiners),
    .fire = ended,
    .aside = true,
};

int crun__pool_reserve(crun_pool *pool)
{
    if (pool->spare)
        return 0;
    pool->spare = calloc(1, sizeof *pool->spare);
    if (!pool->spare)
        return CRUN_ENOMEM;
    pool->spares++;
    return 0;
}

crun__pool_member *crun__pool_member_of(const crun_pool *pool, const crun_task *task)
{
    crun_wait *first = task->joiners.first, *w = first;
    if (!first)
        return NULL;
    do {
        crun__pool_member *m = crun__container_of(w, crun__pool_member, watch);
        if (w->type == &member_type && m->pool == pool)
            return m;
        w = crun__wait_of_link(w->link.next);
    } while (w != first);
    return NULL;
}

/* --- places ------------------------------------------------------------------------------- */

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const crun_pool *pool = wait->object;
    (void)snprintf(text, size, "%s (%zu tasks in it)", wait->type->verb, pool->count);
}

static const crun_wait_type place_type = {
    .verb = "a place in a Pool",
    .queue_offset = offsetof(crun_pool, waiters),
    .describe = describe,
};

static void handed(crun_wait *wait, int result)
{
    (void)result;
    crun__pool_member *m = crun__container_of(wait, crun__pool_member, ticket);
    m->placed = true;
    if (!crun__waitq_empty(&m->owner))
        crun__wake(m->owner.first, 0);
}

static const crun_wait_type ticket_type = {
    .verb = "a place in a Pool",
    .queue_offset = offsetof(crun_pool, waiters),
    .fire = handed,
};

static void describe_owner(const crun_wait *wait, char *text, size_t size)
{
    const crun__pool_member *m = wait->object;
    (void)snprintf(text, size, "%s (%zu tasks in it)", wait->type->verb, m->pool->count);
}

static const crun_wait_type owner_type = {
    .verb = "its place in a Pool",
    .queue_offset = offsetof(crun__pool_member, owner),
    .describe = describe_owner,
};

static const crun_wait_type available_type = {
    .verb = "Pool:wait_available",
    .queue_offset = offsetof(crun_pool, watchers),
    .describe = describe,
};

static const crun_wait_type join_type = {
    .verb = "Pool:join",
    .queue_offset = offsetof(crun_pool, joiners),
    .describe = describe,
};

void crun__pool_give_back(crun_pool *pool)
{
    if (!crun__waitq_empty(&pool->waiters)) {
        crun__wake(pool->waiters.first, 0);
        return;
    }
    pool->taken--;
    crun__wake_all(&pool->watchers, 0);
}

static bool holds_place(const crun_pool *pool, const crun_task *task)
{
    const crun__pool_member *m = crun__pool_member_of(pool, task);
    return m && m->placed;
}

/*
 * Whether nobody would be left to give a place back: all others who hold one wait for one, too, and
 * no deadline will end that.
 */
static bool stuck(const crun_pool *pool, const crun_task *self)
{
    if (!holds_place(pool, self))
        return false;
    size_t waiting = 1;
    const crun_wait *first = pool->waiters.first, *w = first;
    while (w) {
        const crun_task *task = crun__task_of_wait((crun_wait *)w);
        if (!w->type->fire && !w->due.place && holds_place(pool, task))
            waiting++;
        w = crun__wait_of_link(w->link.next);
        if (w == first)
            break;
    }
    return waiting >= pool->taken;
}

int crun__pool_begin(crun_pool *pool, crun_task *self, bool forever)
{
    if (crun__pool_take(pool))
        return 1;
    if (forever && stuck(pool, self))
        return CRUN_EDEADLK;
    crun__wait_begin(self, &place_type, pool);
    return 0;
}

void crun__pool_add(crun_pool *pool, crun_task *task, crun__pool_way way)
{
    crun__pool_member *m = pool->spare;
    pool->spare = m->next;
    pool->spares--;
    m->pool = pool;
    m->placed = way == CRUN__POOL_PLACED;
    m->next = pool->members;
    m->link = &pool->members;
    if (m->next)
        m->next->link = &m->next;
    pool->members = m;
    pool->count++;
    crun__watch_begin(&m->watch, &member_type, task);
    m->ticket.type = NULL;
    if (way == CRUN__POOL_QUEUED && crun__pool_take(pool))
        m->placed = true;
    else if (way == CRUN__POOL_QUEUED)
        crun__watch_begin(&m->ticket, &ticket_type, pool);
}

int crun__pool_occupy_begin(crun__pool_member *member, crun_task *self)
{
    if (member->placed)
        return 1;
    crun__wait_begin(self, &owner_type, member);
    return 0;
}

int crun__pool_available_begin(crun_pool *pool, crun_task *self)
{
    if (!crun_pool_full(pool))
        return 1;
    crun__wait_begin(self, &available_type, pool);
    return 0;
}

int crun__pool_join_begin(crun_pool *pool, crun_task *self)
{
    if (pool->count == 0)
        return 1;
    if (crun__pool_member_of(pool, self))
        return CRUN_EDEADLK;
    crun__wait_begin(self, &join_type, pool);
    return 0;
}

/* --- the pool ----------------------------------------------------------------------------- */

void crun_pool_init(crun_pool *pool, size_t size)
{
    *pool = (crun_pool){.size = size};
}

static void free_all(crun__pool_member *m)
{
    while (m) {
        crun__pool_member *next = m->next;
        crun__watch_end(&m->watch);
        crun__watch_end(&m->ticket);
        free(m);
        m = next;
    }
}

void crun_pool_fini(crun_pool *pool)
{
    free_all(pool->members);
    free_all(pool->spare);
    crun_pool_init(pool, 0);
}

bool crun_pool_full(const crun_pool *pool)
{
    return pool->taken >= pool->size;
}

int crun_pool_spawn(crun_pool *pool, crun_task_fn *fn, void *arg, const crun_task_options *options,
                    crun_task **out, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    int begun = crun__pool_begin(pool, self, deadline == CRUN_FOREVER);
    int rc = crun__sync_finish(self, begun, deadline);
    if (rc < 0)
        return rc;
    crun_task *task;
    rc = crun__pool_reserve(pool);
    if (rc == 0)
        rc = crun_spawn(crun__hub, fn, arg, options, &task);
    if (rc < 0) {
        crun__pool_give_back(pool);
        return rc;
    }
    /* One that is spawned while all ends is over already. */
    if (crun__task_ended(task))
        crun__pool_give_back(pool);
    else
        crun__pool_add(pool, task, CRUN__POOL_PLACED);
    if (out)
        *out = task;
    else
        crun_task_release(task);
    return 0;
}

int crun_pool_wait_available(crun_pool *pool, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    return crun__sync_finish(self, crun__pool_available_begin(pool, self), deadline);
}

int crun_pool_join(crun_pool *pool, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    return crun__sync_finish(self, crun__pool_join_begin(pool, self), deadline);
}

/*
 * New members come first in the list, and a cancel can end one that has not run yet, and start
 * nothing. So the list is walked from a member to the next one; the others stay.
 */
void crun_pool_cancel(crun_pool *pool)
{
    for (crun__pool_member *m = pool->members, *next; m; m = next) {
        next = m->next;
        crun_task_cancel(m->watch.object);
    }
}
