/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "port_impl.h"

/* --- putting ------------------------------------------------------------------------------ */

enum { LEAST_ROOM = 512 - sizeof(crun__segment) };

/* As much as was sent last, or is queued by now, is likely to come again. */
static size_t guess_room(const crun_port *p, const crun__chain *chain, size_t need)
{
    size_t room = chain->size > p->out_last ? chain->size : p->out_last;
    if (room < LEAST_ROOM)
        room = LEAST_ROOM;
    if (room > CRUN__SEGMENT_ROOM)
        room = CRUN__SEGMENT_ROOM;
    return room > need ? room : need;
}

/* Room for so many bytes in one piece, at the end of the chain; or NULL. */
static char *reserve(const crun_port *p, crun__chain *chain, size_t need, bool apart)
{
    crun__segment *s = chain->last;
    if (!s || apart || !crun__segment_owns(s) || s->room - s->tail < need) {
        s = crun__segment_new(guess_room(p, chain, need));
        if (!s)
            return NULL;
        crun__chain_push(chain, s);
    }
    char *at = s->data + s->tail;
    s->tail += need;
    chain->size += need;
    return at;
}

static char *append(char *to, const void *data, size_t size)
{
    if (size > 0)
        memcpy(to, data, size);
    return to + size;
}

static crun__frame frame_of(const crun__letter *letter, size_t size)
{
    crun__frame frame = letter->frame;
    frame.size = size;
    frame.mark = CRUN__FRAME_MARK;
    frame.fds = (uint8_t)(letter->fds ? letter->fds->count : 0);
    return frame;
}

/* All bytes copied into one piece. */
static int put_copy(const crun_port *p, crun__chain *chain, const crun__letter *letter, size_t size)
{
    crun__frame frame = frame_of(letter, size);
    char *to = reserve(p, chain, CRUN__FRAME + size, letter->fds);
    if (!to)
        return CRUN_ENOMEM;
    to = append(to, &frame, CRUN__FRAME);
    const char *data;
    for (size_t i = 0; letter->piece(letter->source, i, &data, &size); i++)
        to = append(to, data, size);
    chain->last->fds = letter->fds ? letter->fds : chain->last->fds;
    return 0;
}

static bool put_piece(const crun_port *p, crun__chain *chain, const char *data, size_t size)
{
    if (size < CRUN__FRAME_LONG) {
        char *to = reserve(p, chain, size, false);
        return to && append(to, data, size);
    }
    crun__segment *s = crun__segment_of(data, size);
    if (s)
        crun__chain_push(chain, s);
    return s;
}

/* Whose long pieces have been put has to know when the last of them is written. */
static void own(crun__chain *chain, void *owner)
{
    crun__segment *last = chain->first;
    for (crun__segment *s = last; s; s = s->next)
        if (!crun__segment_owns(s))
            last = s;
    last->owner = owner;
}

/* Long pieces stay where they are. */
static int put_pieces(const crun_port *p, crun__chain *out, const crun__letter *letter, size_t size)
{
    crun__chain chain = {NULL, NULL, 0};
    crun__frame frame = frame_of(letter, size);
    char *to = reserve(p, &chain, CRUN__FRAME, true);
    bool put = to && append(to, &frame, CRUN__FRAME);
    const char *data;
    for (size_t i = 0; put && letter->piece(letter->source, i, &data, &size); i++)
        put = put_piece(p, &chain, data, size);
    if (!put) {
        crun__chain_free(&chain, NULL, NULL);
        return CRUN_ENOMEM;
    }
    chain.first->fds = letter->fds;
    own(&chain, letter->owner);
    crun__chain_join(out, &chain);
    return 0;
}

static size_t measure(const crun__letter *letter, size_t *longest)
{
    size_t sum = 0, size;
    const char *data;
    for (size_t i = 0; letter->piece(letter->source, i, &data, &size); i++) {
        sum += size;
        if (size > *longest)
            *longest = size;
    }
    return sum;
}

int crun__frame_put(crun_port *p, crun__chain *chain, const crun__letter *letter)
{
    size_t longest = 0, size = measure(letter, &longest);
    if (letter->owner && longest >= CRUN__FRAME_LONG)
        return put_pieces(p, chain, letter, size);
    int rc = put_copy(p, chain, letter, size);
    if (rc == 0 && letter->owner)
        p->written(letter->owner);
    return rc;
}

static void tell(void *arg, void *owner)
{
    ((crun_port *)arg)->written(owner);
}

void crun__chain_drop(crun_port *p, crun__chain *chain)
{
    crun__chain_free(chain, tell, p);
}

void crun__segment_drop(crun_port *p, crun__segment *s)
{
    if (s->owner)
        p->written(s->owner);
    crun__segment_free(s);
}

/* --- taking ------------------------------------------------------------------------------- */

/* Takes the segment at *at out of what has come. */
static void unlink_segment(crun_port *p, crun__segment **at, crun__segment *before)
{
    crun__segment *s = *at;
    *at = s->next;
    if (p->in.last == s)
        p->in.last = before;
    size_t size = s->tail;
    crun__segment_free(s);
    if (p->type->freed)
        p->type->freed(p, size);
}

/* The first segment in which there is something; those that are done with are freed on the way. */
static crun__segment *first(crun_port *p)
{
    crun__segment **at = &p->in.first, *before = NULL;
    while (*at && crun__segment_size(*at) == 0) {
        if ((*at)->pins == 0) {
            unlink_segment(p, at, before);
        } else {
            before = *at;
            at = &before->next;
        }
    }
    return *at;
}

static bool sound(const crun__frame *frame)
{
    return frame->mark == CRUN__FRAME_MARK && frame->kind >= 1 &&
           frame->kind <= CRUN__FRAME_KINDS && frame->fds <= CRUN__FRAME_FDS &&
           frame->size <= SIZE_MAX / 2;
}

bool crun__frame_there(crun_port *p)
{
    crun__segment *s = first(p);
    crun__frame frame;
    if (!s || crun__segment_size(s) < CRUN__FRAME)
        return false;
    memcpy(&frame, s->data + s->head, CRUN__FRAME);
    if (sound(&frame))
        return crun__segment_size(s) - CRUN__FRAME >= frame.size;
    crun__port_end_in(p, CRUN_ECLOSED, "the other end sent what is no message");
    crun__port_end_out(p, CRUN_ECLOSED);
    crun__frames_drop(p);
    return false;
}

/* Of those that came by the socket, the ones of the message that starts at `at`. */
static crun__fds *find_fds(crun_port *p, uint64_t at)
{
    crun__fds *fds;
    while ((fds = p->fds) && fds->from <= at) {
        p->fds = fds->next;
        if (!p->fds)
            p->fds_end = &p->fds;
        if (at < fds->to)
            return fds;
        crun__fds_free(fds);
    }
    return NULL;
}

/* Fewer may have come than were sent; then it has none. */
static crun__fds *take_fds(crun_port *p, crun__segment *s, unsigned count)
{
    crun__fds *fds = s->fds ? s->fds : find_fds(p, p->consumed);
    s->fds = NULL;
    if (!fds || fds->count == count)
        return fds;
    crun__fds_free(fds);
    return NULL;
}

void crun__frame_take(crun_port *p, crun__mail *mail)
{
    crun__segment *s = first(p);
    memcpy(&mail->frame, s->data + s->head, CRUN__FRAME);
    mail->data = s->data + s->head + CRUN__FRAME;
    mail->fds = mail->frame.fds > 0 ? take_fds(p, s, mail->frame.fds) : NULL;
    mail->segment = s;
    s->pins++;
    s->head += CRUN__FRAME + (size_t)mail->frame.size;
    p->consumed += CRUN__FRAME + mail->frame.size;
}

void crun__frame_give_back(crun_port *p, crun__mail *mail)
{
    crun__fds_free(mail->fds);
    mail->fds = NULL;
    if (--mail->segment->pins == 0 && crun__segment_size(mail->segment) == 0)
        (void)first(p);
}

void crun__frames_drop(crun_port *p)
{
    for (crun__segment *s = p->in.first; s; s = s->next)
        s->head = s->tail;
    (void)first(p);
    while (p->fds) {
        crun__fds *fds = p->fds;
        p->fds = fds->next;
        crun__fds_free(fds);
    }
    p->fds_end = &p->fds;
}
