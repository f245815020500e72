/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lport.h"

/* So many messages may be received in a row, before other tasks get their turn. */
enum { IN_A_ROW = 128 };

static bool in_a_row(lport *p)
{
    uint64_t turn = crun__hub_turn(crun__hub);
    if (p->turn != turn) {
        p->turn = turn;
        p->streak = 0;
    }
    return ++p->streak > IN_A_ROW;
}

int crun__lport_wait(lua_State *L, lport *p, crun_time deadline, lua_KFunction taken,
                     lua_KFunction again)
{
    crun_task *self = crun__lua_self(L);
    if (deadline == CRUN_NOWAIT && p->port)
        crun__port_look(p->port);
    int rc = p->port ? crun__recv_begin(p->port, self) : CRUN_ECLOSED;
    if (rc == 0)
        return crun__lua_park(L, self, deadline, LPORT_WAITED, again);
    if (rc > 0 && in_a_row(p)) {
        p->streak = 0;
        return crun__lua_give_way(L, self, again);
    }
    return taken(L, rc, 0);
}

int crun__lport_waited(lua_State *L, lua_KContext how)
{
    if (how == LPORT_WAITED)
        return crun__lua_result(L);
    (void)crun__lua_waiter(L);
    return 0;
}

/* --- taking ------------------------------------------------------------------------------- */

typedef struct reading {
    crun__mail mail;
    crun__carry carry;
} reading;

/* A function of its own, for an error in it is the receiver's to look at. */
static int decode(lua_State *L)
{
    reading *r = lua_touserdata(L, 1);
    const crun__clone options = {.resolve = crun__lport_resolve, .context = &r->carry};
    return crun__clone_decode(L, r->mail.data, (size_t)r->mail.frame.size, &options);
}

static bool decode_protected(lua_State *L, const lport *p, reading *r)
{
    crun__carry_init(&r->carry, p);
    r->carry.fds = r->mail.fds;
    lua_pushcfunction(L, decode);
    lua_pushlightuserdata(L, r);
    lua_pushvalue(L, 1);
    return lua_pcall(L, 2, LUA_MULTRET, 0) == LUA_OK;
}

/* What is to be read is small: it is copied, so that the port has it back before that can fail. */
static bool take_small(lua_State *L, const lport *p, reading *r)
{
    char bytes[CRUN__PORT_FLAT];
    crun__mail *mail = &r->mail;
    crun__fds *fds = mail->fds;
    size_t size = (size_t)mail->frame.size;
    memcpy(bytes, mail->data, size);
    mail->fds = NULL;
    crun__port_give_back(p->port, mail);
    if (!fds && (size == 0 || crun__clone_push_flat(L, bytes, size) >= 0))
        return true;
    mail->fds = fds;
    mail->data = bytes;
    bool made = decode_protected(L, p, r);
    crun__fds_free(fds);
    return made;
}

/* The object is at index 1, and keeps the port. */
bool crun__lport_take(lua_State *L, lport *p, bool with_head)
{
    reading r;
    crun__port_take(p->port, crun__hub->current, &r.mail);
    const crun__frame *frame = &r.mail.frame;
    if (with_head) {
        lua_pushinteger(L, frame->kind);
        lua_pushinteger(L, (lua_Integer)frame->id);
        lua_pushinteger(L, frame->aux);
    }
    if (frame->size <= CRUN__PORT_FLAT)
        return take_small(L, p, &r);
    bool made = decode_protected(L, p, &r);
    crun__port_give_back(p->port, &r.mail);
    return made;
}

/* --- recv --------------------------------------------------------------------------------- */

static int received(lua_State *L, int rc, lua_KContext context)
{
    (void)context;
    lport *p = lua_touserdata(L, 1);
    if (rc < 0)
        return crun__lport_fail(L, p, rc);
    bool with_head = p->object.class == &crun__port_class;
    int top = lua_gettop(L);
    if (!crun__lport_take(L, p, with_head)) {
        if (!with_head)
            return lua_error(L);
        lua_pushinteger(L, -lua_tointeger(L, top + 1));
        lua_replace(L, top + 1);
    }
    return lua_gettop(L) - top;
}

static int recv_again(lua_State *L, int status, lua_KContext how)
{
    (void)status;
    int rc = crun__lport_waited(L, how);
    if (rc < 0)
        return received(L, rc, 0);
    return crun__lport_wait(L, lua_touserdata(L, 1), lua_tointeger(L, 2), received, recv_again);
}

int crun__lport_recv(lua_State *L, lport *p)
{
    crun_time deadline = crun__lua_deadline(L, 2);
    lua_settop(L, 1);
    lua_pushinteger(L, deadline);
    return crun__lport_wait(L, p, deadline, received, recv_again);
}
