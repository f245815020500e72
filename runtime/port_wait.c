/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "port_impl.h"
#include "select.h"

static void waits_more(crun_port *p)
{
    p->waiting++;
    crun__port_recount(p);
}

static void waits_less(crun_port *p)
{
    p->waiting--;
    crun__port_recount(p);
}

static void wake(crun_wait *wait, int result)
{
    waits_less(wait->object);
    crun__wake(wait, result);
}

static void abort_wait(crun_wait *wait)
{
    waits_less(wait->object);
}

/* The message that waits with it is dropped. */
static void abort_send(crun_wait *wait)
{
    crun_port *p = wait->object;
    crun__parcel **at = &p->parcels;
    while ((*at)->wait != wait)
        at = &(*at)->next;
    crun__parcel *parcel = *at;
    *at = parcel->next;
    if (!*at)
        p->parcels_end = at;
    crun__chain_drop(p, &parcel->chain);
    free(parcel);
    waits_less(p);
}

static void describe(const crun_wait *wait, const char *verb, char *text, size_t size)
{
    (void)snprintf(text, size, "%s:%s", ((const crun_port *)wait->object)->name, verb);
}

static void describe_recv(const crun_wait *wait, char *text, size_t size)
{
    describe(wait, "recv", text, size);
}

static void describe_poll(const crun_wait *wait, char *text, size_t size)
{
    describe(wait, "poll", text, size);
}

static void describe_send(const crun_wait *wait, char *text, size_t size)
{
    describe(wait, "send", text, size);
}

static void describe_flush(const crun_wait *wait, char *text, size_t size)
{
    describe(wait, "flush", text, size);
}

static const crun_wait_type recv_type = {
    .verb = "Port:recv",
    .queue_offset = offsetof(crun_port, receivers),
    .abort = abort_wait,
    .describe = describe_recv,
};

static const crun_wait_type poll_type = {
    .verb = "Port:poll",
    .queue_offset = offsetof(crun_port, receivers),
    .abort = abort_wait,
    .describe = describe_poll,
};

static const crun_wait_type send_type = {
    .verb = "Port:send",
    .queue_offset = offsetof(crun_port, senders),
    .abort = abort_send,
    .describe = describe_send,
};

static const crun_wait_type flush_type = {
    .verb = "Port:flush",
    .queue_offset = offsetof(crun_port, flushers),
    .abort = abort_wait,
    .describe = describe_flush,
};

/* --- receiving ---------------------------------------------------------------------------- */

bool crun__port_ready(crun_port *p)
{
    if (p->closed || crun__frame_there(p))
        return true;
    if (p->in_end == 0)
        p->type->fetch(p);
    return crun__frame_there(p) || p->in_end < 0;
}

/* Takes the message that is there for a wait. Returns: whether there was memory for that. */
static bool deliver(crun_port *p, const crun_wait *wait)
{
    crun__delivery *d = p->spare ? p->spare : malloc(sizeof *d);
    if (!d)
        return false;
    p->spare = NULL;
    d->wait = wait;
    d->next = p->deliveries;
    p->deliveries = d;
    crun__frame_take(p, &d->mail);
    return true;
}

void crun__port_arrived(crun_port *p)
{
    while (!crun__waitq_empty(&p->receivers)) {
        crun_wait *w = p->receivers.first;
        bool there = crun__frame_there(p);
        if (!there && p->in_end == 0)
            break;
        /* Nobody may be left here: frames that are none end all waits. */
        if (crun__waitq_empty(&p->receivers))
            break;
        bool taken = !there || w->type != &recv_type || deliver(p, w);
        wake(w, taken ? 0 : CRUN_ENOMEM);
    }
}

static crun__delivery **find_delivery(crun_port *p, const crun_task *task)
{
    crun__delivery **at = &p->deliveries;
    while (*at && (*at)->wait != &task->wait)
        at = &(*at)->next;
    return at;
}

static void discard(crun_port *p, crun__delivery *d)
{
    if (p->spare)
        free(d);
    else
        p->spare = d;
}

void crun__deliveries_drop(crun_port *p)
{
    while (p->deliveries) {
        crun__delivery *d = p->deliveries;
        p->deliveries = d->next;
        crun__frame_give_back(p, &d->mail);
        free(d);
    }
    free(p->spare);
}

static int wait_for_mail(crun_port *p, crun_task *task, const crun_wait_type *type)
{
    int rc = p->type->expect_mail(p);
    if (rc != 0)
        return rc;
    crun__wait_begin(task, type, p);
    waits_more(p);
    return 0;
}

int crun__recv_begin(crun_port *p, crun_task *task)
{
    if (p->deliveries && *find_delivery(p, task))
        return 1;
    for (;;) {
        if (p->closed)
            return CRUN_ECLOSED;
        if (crun__frame_there(p))
            return 1;
        if (p->in_end < 0)
            return p->in_end;
        if (p->brimming) {
            p->type->fetch(p);
            if (p->in_end < 0 || crun__frame_there(p))
                continue;
        }
        int rc = wait_for_mail(p, task, &recv_type);
        if (rc <= 0)
            return rc;
    }
}

int crun__poll_begin(crun_port *p, crun_task *task)
{
    for (;;) {
        if (crun__port_ready(p))
            return 1;
        int rc = wait_for_mail(p, task, &poll_type);
        if (rc <= 0)
            return rc;
    }
}

/* --- in a select: that a recv would not wait is all; nothing is taken ---------------------- */

static int case_ready(const crun__case *c)
{
    return crun__port_ready(c->object);
}

static int case_take(crun__case *c)
{
    (void)c;
    return 0;
}

/* What has come since it was asked for is told when the hub looks at I/O, which it does at once. */
static int case_enter(crun__case *c)
{
    crun_port *p = c->object;
    if (p->type->expect_mail(p) != 0)
        crun__ports_dirty(p);
    waits_more(p);
    return 0;
}

static void case_leave(crun__case *c)
{
    waits_less(c->object);
}

const crun__case_type crun__case_port = {
    .wait = {.verb = "Port:poll",
             .queue_offset = offsetof(crun_port, receivers),
             .fire = crun__case_fire,
             .describe = describe_poll},
    .ready = case_ready,
    .take = case_take,
    .enter = case_enter,
    .leave = case_leave,
};

/* --- taking ------------------------------------------------------------------------------- */

void crun__port_take(crun_port *p, const crun_task *task, crun__mail *mail)
{
    crun__delivery **at = find_delivery(p, task), *d = *at;
    if (!d) {
        crun__frame_take(p, mail);
        return;
    }
    *at = d->next;
    *mail = d->mail;
    discard(p, d);
}

void crun__port_give_back(crun_port *p, crun__mail *mail)
{
    crun__frame_give_back(p, mail);
}

/* --- sending ------------------------------------------------------------------------------ */

size_t crun__port_queued(crun_port *p)
{
    return p->out.size + p->type->underway(p);
}

static bool has_room(crun_port *p)
{
    return p->out.size <= CRUN__PORT_ROOM && crun__port_queued(p) <= CRUN__PORT_ROOM;
}

bool crun__port_has_room(crun_port *p)
{
    return p->closed || (!p->parcels && has_room(p));
}

/* Something has been queued. */
static void queued(crun_port *p)
{
    if (p->blocked)
        return;
    if (p->out.size >= CRUN__SEGMENT)
        p->type->flush(p);
    else
        crun__ports_dirty(p);
}

static int put_aside(crun_port *p, crun_task *task, const crun__letter *letter)
{
    crun__parcel *parcel = malloc(sizeof *parcel);
    if (!parcel)
        return CRUN_ENOMEM;
    *parcel = (crun__parcel){.wait = &task->wait};
    int rc = crun__frame_put(p, &parcel->chain, letter);
    if (rc < 0) {
        free(parcel);
        return rc;
    }
    *p->parcels_end = parcel;
    p->parcels_end = &parcel->next;
    crun__wait_begin(task, &send_type, p);
    waits_more(p);
    return 0;
}

static int begin(crun_port *p, crun_task *task, const crun__letter *letter, bool anyway)
{
    if (p->closed)
        return CRUN_ECLOSED;
    if (p->out_end < 0)
        return p->out_end;
    if (!anyway && !crun__port_has_room(p)) {
        int rc = p->type->expect_room(p);
        if (rc < 0)
            return rc;
        if (rc == 0)
            return put_aside(p, task, letter);
    }
    int rc = crun__frame_put(p, &p->out, letter);
    if (rc < 0)
        return rc;
    queued(p);
    return 1;
}

int crun__send_begin(crun_port *p, crun_task *task, const crun__letter *letter, bool anyway)
{
    int rc = begin(p, task, letter, anyway);
    if (rc < 0)
        crun__fds_free(letter->fds);
    return rc;
}

/* Sends what has waited for room. */
static void send_parcels(crun_port *p)
{
    while (p->parcels && has_room(p)) {
        crun__parcel *parcel = p->parcels;
        p->parcels = parcel->next;
        if (!p->parcels)
            p->parcels_end = &p->parcels;
        crun__chain_join(&p->out, &parcel->chain);
        wake(parcel->wait, 0);
        free(parcel);
        queued(p);
    }
}

void crun__port_emptied(crun_port *p)
{
    if (p->parcels)
        send_parcels(p);
    while (p->out.size == 0 && !crun__waitq_empty(&p->flushers))
        wake(p->flushers.first, 0);
}

int crun__flush_begin(crun_port *p, crun_task *task)
{
    if (p->closed)
        return CRUN_ECLOSED;
    if (p->out_end < 0)
        return p->out_end;
    if (p->out.size > 0 && !p->blocked)
        p->type->flush(p);
    if (p->out_end < 0)
        return p->out_end;
    if (p->out.size == 0 && !p->parcels)
        return 1;
    crun__wait_begin(task, &flush_type, p);
    waits_more(p);
    return 0;
}

/* --- ends --------------------------------------------------------------------------------- */

static void wake_senders(crun_port *p, int code)
{
    while (p->parcels) {
        crun__parcel *parcel = p->parcels;
        p->parcels = parcel->next;
        crun__chain_drop(p, &parcel->chain);
        wake(parcel->wait, code);
        free(parcel);
    }
    p->parcels_end = &p->parcels;
    while (!crun__waitq_empty(&p->flushers))
        wake(p->flushers.first, code);
}

void crun__port_end_out(crun_port *p, int code)
{
    if (p->out_end < 0)
        return;
    p->out_end = (int16_t)code;
    crun__chain_drop(p, &p->out);
    wake_senders(p, code);
}

void crun__port_wake_all(crun_port *p, int code)
{
    wake_senders(p, code);
    while (!crun__waitq_empty(&p->receivers))
        wake(p->receivers.first, code);
}

void crun__port_recount(crun_port *p)
{
    unsigned count = p->waiting > 0 && p->type->outside(p) ? p->waiting : 0;
    p->hub->loop->awaited += count;
    p->hub->loop->awaited -= p->counted;
    p->counted = count;
}
