/* SPDX-License-Identifier: MIT */
#include "select.h"

#include <stdio.h>
#include <string.h>

#include "hub.h"

/* --- describing --------------------------------------------------------------------------- */

/* Text that ends with dots where it does not fit. */
typedef struct line {
    char *text;
    size_t size;
    size_t length;
} line;

static void add(line *to, const char *text)
{
    static const char dots[] = " ...";
    size_t length = strlen(text);
    if (to->length + length < to->size) {
        memcpy(to->text + to->length, text, length + 1);
        to->length += length;
    } else if (to->size > sizeof dots) {
        size_t at = to->length < to->size - sizeof dots ? to->length : to->size - sizeof dots;
        memcpy(to->text + at, dots, sizeof dots);
        to->length = to->size;
    }
}

static void describe_case(const crun__case *c, line *to)
{
    char text[64];
    if (c->type->wait.describe && c->watch.type) {
        c->type->wait.describe(&c->watch, text, sizeof text);
        add(to, text);
    } else {
        add(to, c->type->wait.verb);
    }
}

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const crun__select *s = wait->object;
    line to = {text, size, 0};
    text[0] = '\0';
    add(&to, "select of ");
    for (size_t i = 0; i < s->count; i++) {
        if (i > 0)
            add(&to, ", ");
        describe_case(&s->cases[i], &to);
    }
    if (s->count == 0)
        add(&to, "nothing");
}

/* --- waiting ------------------------------------------------------------------------------ */

void crun__select_leave(crun__select *s)
{
    s->task = NULL;
    for (size_t i = 0; i < s->count; i++) {
        crun__case *c = &s->cases[i];
        if (!c->watch.type)
            continue;
        crun__watch_end(&c->watch);
        if (c->type->leave)
            c->type->leave(c);
    }
}

static void abort_select(crun_wait *wait)
{
    crun__select_leave(wait->object);
}

const crun_wait_type crun__select_type = {
    .verb = "select",
    .queue_offset = CRUN__NO_QUEUE,
    .abort = abort_select,
    .describe = describe,
};

void crun__case_fire(crun_wait *wait, int result)
{
    crun__case *c = (crun__case *)wait;
    crun__select *s = c->select;
    crun_task *task = s->task;
    c->result = result;
    s->chosen = (size_t)(c - s->cases);
    crun__select_leave(s);
    crun__wake(&task->wait, 0);
}

/* Whether one in `n` hits: the high half of a product, which costs less than a division. */
static bool hit(uint64_t n)
{
    uint64_t drawn = crun__policy_draw(&crun__hub->policy) >> 32;
    return drawn * n >> 32 == 0;
}

/*
 * The first of those that are ready is taken with probability 1, the second takes its place with
 * 1/2, the third with 1/3, and so on: in the end each has the same chance.
 */
int crun__select_pick(crun__select *s)
{
    uint64_t found = 0;
    for (size_t i = 0; i < s->count; i++) {
        const crun__case *c = &s->cases[i];
        int rc = c->type->ready(c);
        if (rc == 0)
            continue;
        if (rc < 0 || ++found == 1 || hit(found))
            s->chosen = i;
        if (rc < 0)
            return rc;
    }
    return found > 0;
}

static int enter(crun__case *c)
{
    if (c->type->enter) {
        int rc = c->type->enter(c);
        if (rc < 0)
            return rc;
    }
    if (c->type->wait.queue_offset != CRUN__NO_QUEUE)
        crun__watch_begin(&c->watch, &c->type->wait, c->object);
    return 0;
}

/*
 * Beginning with any of them: of two cases on one object the first in line gets what comes. Who
 * does not wait, but asks whether it was cancelled, enters no line.
 */
int crun__select_begin(crun__select *s, crun_task *self)
{
    s->task = self;
    crun__wait_begin(self, &crun__select_type, s);
    if (s->deadline == CRUN_NOWAIT || s->count == 0)
        return 0;
    size_t first = crun__policy_draw(&crun__hub->policy) % s->count;
    for (size_t i = 0; i < s->count; i++) {
        size_t place = first + i < s->count ? first + i : first + i - s->count;
        int rc = enter(&s->cases[place]);
        if (rc < 0) {
            s->chosen = place;
            return crun__wait_withdraw(self, rc);
        }
    }
    return 0;
}

/* A timer that is due at the same time as the deadline counts. */
int crun__select_end(crun__select *s, int result)
{
    if (result != CRUN_ETIMEDOUT || s->due > s->deadline || s->due == CRUN_FOREVER)
        return result;
    for (size_t i = 0; i < s->count; i++) {
        const crun__case *c = &s->cases[i];
        if (c->type == &crun__case_timer && c->at == s->due) {
            s->chosen = i;
            return 0;
        }
    }
    return result;
}
