/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>

#include "port_impl.h"

/*
 * Ports in memory. What is sent lies in the other end's box, guarded by one lock for both, until
 * that end's hub fetches it: all at once, so the lock is taken once for many messages. Another
 * thread is woken only if a task there waits for what has happened.
 */
typedef struct mailbox mailbox;

struct crun_port_end {
    mailbox *whole;
    crun__chain mail; /* sent to it, not yet fetched */
    size_t load;      /* bytes sent to it that are still in memory */
    crun_port *port;  /* NULL: detached or closed. Its hub's alone, but for being there */
    crun_hub *hub;
    bool wants_mail, wants_room; /* a task waits for it */
    bool closed;
    bool posted; /* the hub is going to look at it */
    crun__post post;
};

struct mailbox {
    pthread_mutex_t lock;
    unsigned references; /* of ends that are not closed, and of posts */
    crun_port_end ends[2];
};

static crun_port_end *other(crun_port_end *e)
{
    return &e->whole->ends[e == e->whole->ends];
}

static void lock(crun_port_end *e)
{
    pthread_mutex_lock(&e->whole->lock);
}

static void unlock(crun_port_end *e)
{
    pthread_mutex_unlock(&e->whole->lock);
}

/* Unlocks it, too. */
static void unref(crun_port_end *e)
{
    mailbox *m = e->whole;
    bool last = --m->references == 0;
    unlock(e);
    if (!last)
        return;
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* Its hub is to look at it. Locked. */
static void poke(crun_port_end *e)
{
    if (!e->hub || e->posted)
        return;
    e->posted = true;
    e->whole->references++;
    crun__loop_post(e->hub, &e->post);
}

static void look(crun_port *p);

/* It may have got to another hub since it was poked. */
static void on_post(void *arg)
{
    crun_port_end *e = arg;
    crun__spin_heard(&crun__hub->loop->spin);
    lock(e);
    e->posted = false;
    crun_port *p = e->hub == crun__hub ? e->port : NULL;
    if (!p)
        poke(e);
    unref(e);
    if (p)
        look(p);
}

/* --- as a kind of port -------------------------------------------------------------------- */

static void ended(crun_port *p)
{
    crun__port_end_in(p, CRUN_ECLOSED, "the other end is closed");
    crun__port_end_out(p, CRUN_ECLOSED);
}

static void memory_fetch(crun_port *p)
{
    crun_port_end *e = p->end;
    lock(e);
    crun__chain_join(&p->in, &e->mail);
    bool over = other(e)->closed;
    unlock(e);
    if (over)
        ended(p);
}

static int memory_expect_mail(crun_port *p)
{
    crun_port_end *e = p->end;
    lock(e);
    bool there = e->mail.first || other(e)->closed;
    e->wants_mail = !there;
    unlock(e);
    if (there)
        memory_fetch(p);
    return there;
}

/* Who is woken fetches what is there by then; who still waits is to be told of the next one. */
static void look(crun_port *p)
{
    memory_fetch(p);
    if (crun__frame_there(p))
        crun__port_arrived(p);
    if (p->in_end == 0 && !crun__waitq_empty(&p->receivers))
        (void)memory_expect_mail(p);
    crun__port_emptied(p);
}

/* The port of the other end, if it is one of this hub's. Locked. */
static crun_port *neighbour(crun_port_end *e)
{
    return other(e)->hub == crun__hub ? other(e)->port : NULL;
}

static void memory_flush(crun_port *p)
{
    crun_port_end *e = p->end, *to = other(e);
    crun_port *woken = NULL;
    lock(e);
    if (to->closed) {
        unlock(e);
        ended(p);
        return;
    }
    p->out_last = p->out.size;
    to->load += p->out.size;
    crun__chain_join(&to->mail, &p->out);
    if (to->wants_mail && p->out_last > 0) {
        to->wants_mail = false;
        woken = neighbour(e);
        if (!woken)
            poke(to);
    }
    unlock(e);
    if (woken)
        look(woken);
    crun__port_emptied(p);
}

static size_t memory_underway(crun_port *p)
{
    lock(p->end);
    size_t load = other(p->end)->load;
    unlock(p->end);
    return load;
}

static int memory_expect_room(crun_port *p)
{
    crun_port_end *e = p->end;
    lock(e);
    bool there = !p->parcels && p->out.size + other(e)->load <= CRUN__PORT_ROOM;
    e->wants_room = !there;
    unlock(e);
    return there;
}

static void memory_freed(crun_port *p, size_t size)
{
    crun_port_end *e = p->end;
    if (!e)
        return;
    lock(e);
    e->load -= size;
    if (other(e)->wants_room && e->load <= CRUN__PORT_ROOM) {
        other(e)->wants_room = false;
        poke(other(e));
    }
    unlock(e);
}

static bool memory_outside(crun_port *p)
{
    if (!p->end)
        return false;
    lock(p->end);
    bool outside = other(p->end)->hub != p->hub && !other(p->end)->closed;
    unlock(p->end);
    return outside;
}

/* The end is where it was, or gone: whoever waits at the other one may wait for the outside now. */
static void recount_neighbour(crun_port_end *e)
{
    lock(e);
    crun_port *p = neighbour(e);
    unlock(e);
    if (p)
        crun__port_recount(p);
}

static void close_end(crun_port_end *e)
{
    lock(e);
    crun__chain mail = e->mail;
    e->mail = (crun__chain){NULL, NULL, 0};
    e->port = NULL;
    e->hub = NULL;
    e->closed = true;
    poke(other(e));
    unref(e);
    crun__chain_free(&mail, NULL, NULL);
}

static void memory_close(crun_port *p)
{
    crun_port_end *e = p->end;
    crun__list_remove(&p->link);
    p->end = NULL;
    if (e)
        close_end(e);
}

const crun__port_type crun__port_memory = {
    .flush = memory_flush,
    .underway = memory_underway,
    .fetch = memory_fetch,
    .expect_mail = memory_expect_mail,
    .expect_room = memory_expect_room,
    .freed = memory_freed,
    .outside = memory_outside,
    .close = memory_close,
};

/* --- making, moving ----------------------------------------------------------------------- */

static mailbox *mailbox_new(void)
{
    mailbox *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    if (pthread_mutex_init(&m->lock, NULL) != 0) {
        free(m);
        return NULL;
    }
    m->references = 2;
    for (int i = 0; i < 2; i++) {
        m->ends[i].whole = m;
        m->ends[i].post = (crun__post){.fn = on_post, .arg = &m->ends[i], .kept = true};
    }
    return m;
}

int crun_port_attach(crun_hub *hub, crun_port_end *e, crun_port **out)
{
    crun_port *p = crun__port_new(hub, &crun__port_memory);
    if (!p)
        return CRUN_ENOMEM;
    p->end = e;
    lock(e);
    e->port = p;
    e->hub = hub;
    unlock(e);
    recount_neighbour(e);
    *out = p;
    return 0;
}

int crun_port_pair(crun_hub *hub, crun_port **a, crun_port **b)
{
    mailbox *m = mailbox_new();
    if (!m)
        return CRUN_ENOMEM;
    crun_port *first, *second;
    if (crun_port_attach(hub, &m->ends[0], &first) == 0) {
        if (crun_port_attach(hub, &m->ends[1], &second) == 0) {
            *a = first;
            *b = second;
            return 0;
        }
        crun_port_release(first);
    } else {
        close_end(&m->ends[0]);
    }
    close_end(&m->ends[1]);
    return CRUN_ENOMEM;
}

void crun_port_end_drop(crun_port_end *e)
{
    close_end(e);
}

/* What a task is reading just now stays behind; the rest of that segment has to be copied. */
static int unpin(crun_port *p)
{
    crun__segment *s = p->in.first;
    while (s && s->pins > 0 && crun__segment_size(s) == 0)
        s = s->next;
    if (!s || s->pins == 0)
        return 0;
    size_t size = crun__segment_size(s);
    crun__segment *copy = crun__segment_new(size);
    if (!copy)
        return CRUN_ENOMEM;
    for (size_t i = 0; i < size; i++)
        copy->data[i] = s->data[s->head + i];
    copy->tail = size;
    s->tail -= size;
    copy->next = s->next;
    s->next = copy;
    if (p->in.last == s)
        p->in.last = copy;
    return 0;
}

/* Takes what is unread out of the port. What stays behind no longer counts as under way. */
static crun__chain unread(crun_port *p, size_t *behind)
{
    crun__chain pinned = {NULL, NULL, 0}, rest = {NULL, NULL, 0};
    *behind = 0;
    while (p->in.first) {
        crun__segment *s = crun__chain_pop(&p->in);
        bool stays = s->pins > 0 && crun__segment_size(s) == 0;
        *behind += stays ? s->tail : 0;
        crun__chain_push(stays ? &pinned : &rest, s);
    }
    p->in = pinned;
    return rest;
}

int crun_port_detach(crun_port *p, crun_port_end **out)
{
    if (p->closed)
        return CRUN_ECLOSED;
    if (p->type != &crun__port_memory)
        return CRUN_EINVAL;
    int rc = unpin(p);
    if (rc < 0)
        return rc;
    crun__port_hand_over(p);
    crun_port_end *e = p->end;
    size_t behind;
    crun__chain mail = unread(p, &behind);
    lock(e);
    e->load -= behind;
    crun__chain_join(&mail, &e->mail);
    e->mail = mail;
    e->port = NULL;
    e->hub = NULL;
    e->wants_mail = e->wants_room = false;
    unlock(e);
    p->end = NULL;
    recount_neighbour(e);
    crun_port_close(p);
    *out = e;
    return 0;
}
