/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "port_impl.h"

crun_port *crun__port_new(crun_hub *hub, const crun__port_type *type)
{
    crun_port *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->hub = hub;
    p->type = type;
    p->references = 1;
    p->fd = -1;
    p->name = "Port";
    p->parcels_end = &p->parcels;
    p->fds_end = &p->fds;
    crun__list_init(&p->link);
    crun__list_init(&p->dirty);
    if (crun__ports_add(p) < 0) {
        free(p);
        return NULL;
    }
    return p;
}

void crun__port_unref(crun_port *p)
{
    if (--p->references > 0)
        return;
    crun__deliveries_drop(p);
    while (p->in.first) {
        crun__segment *s = crun__chain_pop(&p->in);
        crun__segment_free(s);
    }
    free(p);
}

void crun__port_end_in(crun_port *p, int code, const char *reason)
{
    if (p->in_end < 0)
        return;
    p->in_end = (int16_t)code;
    p->reason = reason;
    crun__port_arrived(p);
}

void crun__port_hand_over(crun_port *p)
{
    while (p->out.size > 0 && !p->blocked)
        p->type->flush(p);
}

void crun_port_close(crun_port *p)
{
    if (p->closed)
        return;
    crun__port_hand_over(p);
    p->closed = true;
    p->reason = "closed";
    crun__port_wake_all(p, CRUN_ECLOSED);
    crun__frames_drop(p);
    crun__list_remove(&p->dirty);
    p->type->close(p);
}

void crun__port_abandon(crun_port *p)
{
    crun__list_remove(&p->link);
    crun__port_end_out(p, CRUN_ECLOSED);
    if (p->closed)
        p->type->close(p);
    else
        crun_port_close(p);
}

bool crun_port_closed(const crun_port *p)
{
    return p->closed;
}

crun_port *crun_port_retain(crun_port *p)
{
    p->references++;
    return p;
}

void crun_port_release(crun_port *p)
{
    /* A socket's handle has a reference, too, until it is closed. */
    if (!p->closed && p->references == (p->type == &crun__port_socket ? 2 : 1))
        crun_port_close(p);
    crun__port_unref(p);
}

const char *crun__port_reason(const crun_port *p)
{
    return p->reason;
}

void crun__port_set_name(crun_port *p, const char *name)
{
    p->name = name;
}

void crun__port_on_written(crun_port *p, void (*fn)(void *owner))
{
    p->written = fn;
}

bool crun__port_is_socket(const crun_port *p)
{
    return p->type == &crun__port_socket;
}

/* --- for tasks in C ----------------------------------------------------------------------- */

static bool whole(void *source, size_t number, const char **data, size_t *size)
{
    const crun_message *m = source;
    *data = m->data;
    *size = m->size;
    return number == 0;
}

static int wait(crun_task *task, int begun, crun_time deadline)
{
    return begun == 0 ? crun__wait_park(task, deadline) : begun;
}

int crun_port_send(crun_port *p, const crun_message *m, crun_time deadline)
{
    if (m->kind < 1 || m->kind > CRUN__FRAME_KINDS)
        return CRUN_EINVAL;
    crun_task *self = p->hub->current;
    crun__letter letter = {
        .frame = {.id = m->id, .aux = m->aux, .kind = m->kind},
        .piece = whole,
        .source = (void *)m,
    };
    int rc = wait(self, crun__send_begin(p, self, &letter, false), deadline);
    return rc < 0 ? rc : 0;
}

int crun_port_recv(crun_port *p, crun_message *out, crun_time deadline)
{
    crun_task *self = p->hub->current;
    int rc;
    if (deadline == CRUN_NOWAIT)
        crun__port_look(p);
    while ((rc = crun__recv_begin(p, self)) == 0)
        if ((rc = crun__wait_park(self, deadline)) < 0)
            return rc;
    crun__mail mail;
    if (rc < 0)
        return rc;
    crun__port_take(p, self, &mail);
    *out = (crun_message){.id = mail.frame.id,
                          .aux = mail.frame.aux,
                          .kind = mail.frame.kind,
                          .data = mail.data,
                          .size = (size_t)mail.frame.size,
                          .held = mail.segment};
    crun__fds_free(mail.fds);
    return 0;
}

void crun_port_done(crun_port *p, crun_message *m)
{
    crun__mail mail = {.segment = m->held};
    crun__port_give_back(p, &mail);
    m->held = NULL;
}

static int repeat(crun_port *p, int (*begin)(crun_port *, crun_task *), crun_time deadline)
{
    crun_task *self = p->hub->current;
    int rc;
    while ((rc = begin(p, self)) == 0)
        if ((rc = crun__wait_park(self, deadline)) < 0)
            return rc;
    return rc < 0 ? rc : 0;
}

int crun_port_poll(crun_port *p, crun_time deadline)
{
    if (deadline == CRUN_NOWAIT)
        crun__port_look(p);
    return repeat(p, crun__poll_begin, deadline);
}

int crun_port_flush(crun_port *p, crun_time deadline)
{
    return repeat(p, crun__flush_begin, deadline);
}
