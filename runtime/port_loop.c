/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "port_impl.h"

/* The ports of a loop, and the handle that sends what is queued in them. */
struct crun__ports {
    uv_prepare_t prepare; /* first; runs only while a port is in `dirty` */
    crun__link all;
    crun__link dirty;
};

bool crun__ports_own(const crun__loop *loop, const uv_handle_t *handle)
{
    return loop->ports && handle == (const uv_handle_t *)&loop->ports->prepare;
}

static void flush_dirty(struct crun__ports *ports)
{
    while (!crun__list_empty(&ports->dirty)) {
        crun_port *p = crun__container_of(ports->dirty.next, crun_port, dirty);
        crun__list_remove(&p->dirty);
        crun_port_retain(p);
        p->type->flush(p);
        if (!crun__waitq_empty(&p->receivers))
            crun__port_arrived(p);
        crun__port_unref(p);
    }
}

/*
 * Nothing may be left to wait for, now that this handle no longer counts; or what was sent within
 * this hub has made a task ready. Then libuv must not wait.
 */
static void on_prepare(uv_prepare_t *prepare)
{
    crun_hub *hub = crun__hub;
    flush_dirty(hub->loop->ports);
    uv_prepare_stop(prepare);
    if (hub->loop->awaited == 0 || !crun__list_empty(&hub->ready))
        uv_stop(prepare->loop);
}

void crun__port_look(crun_port *p)
{
    flush_dirty(p->hub->loop->ports);
    (void)crun__port_ready(p);
}

static int open_ports(crun__loop *loop)
{
    struct crun__ports *ports = malloc(sizeof *ports);
    if (!ports)
        return CRUN_ENOMEM;
    int rc = uv_prepare_init(&loop->uv, &ports->prepare);
    if (rc < 0) {
        free(ports);
        return rc;
    }
    crun__handle_set_close((uv_handle_t *)&ports->prepare, NULL);
    crun__list_init(&ports->all);
    crun__list_init(&ports->dirty);
    loop->ports = ports;
    return 0;
}

int crun__ports_add(crun_port *p)
{
    crun__loop *loop = p->hub->loop;
    int rc = loop->ports ? 0 : open_ports(loop);
    if (rc == 0)
        crun__list_push_tail(&loop->ports->all, &p->link);
    return rc;
}

void crun__ports_dirty(crun_port *p)
{
    struct crun__ports *ports = p->hub->loop->ports;
    if (!crun__list_empty(&p->dirty))
        return;
    if (crun__list_empty(&ports->dirty))
        uv_prepare_start(&ports->prepare, on_prepare);
    crun__list_push_tail(&ports->dirty, &p->dirty);
}

void crun__ports_close(crun__loop *loop)
{
    if (!loop->ports)
        return;
    flush_dirty(loop->ports);
    while (!crun__list_empty(&loop->ports->all))
        crun__port_abandon(crun__container_of(loop->ports->all.next, crun_port, link));
}

static bool refers(const crun__chain *chain)
{
    bool found = false;
    for (crun__segment *s = chain->first; s && !found; s = s->next)
        found = s->owner;
    return found;
}

static bool port_refers(const crun_port *p)
{
    bool found = refers(&p->out);
    for (const crun__parcel *parcel = p->parcels; parcel && !found; parcel = parcel->next)
        found = refers(&parcel->chain);
    return found;
}

void crun__ports_disown(crun_hub *hub)
{
    struct crun__ports *ports = hub->loop->ports;
    for (crun__link *link = ports ? ports->all.next : NULL, *next; link && link != &ports->all;
         link = next) {
        crun_port *p = crun__container_of(link, crun_port, link);
        next = link->next;
        if (port_refers(p))
            crun__port_abandon(p);
    }
}

void crun__ports_free(crun__loop *loop)
{
    free(loop->ports);
}
