/* SPDX-License-Identifier: MIT */
#include "lport.h"

/* In the registry: what the bytes belong to that a socket has not taken yet, by references. */
static const char anchors_key;

static void push_anchors(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &anchors_key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &anchors_key);
}

/* Keeps the value at the index; never NULL. */
static void *anchor(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    push_anchors(L);
    lua_pushvalue(L, index);
    int reference = luaL_ref(L, -2);
    lua_pop(L, 1);
    return (void *)(intptr_t)reference;
}

/* Needs no memory: the entry is there. Behind the state's end there is nothing to let go of. */
static void let_go(void *owner)
{
    if (!crun__universe)
        return;
    lua_State *L = crun__universe->aux;
    push_anchors(L);
    luaL_unref(L, -1, (int)(intptr_t)owner);
    lua_pop(L, 1);
}

/* --- letters ------------------------------------------------------------------------------ */

static bool message_piece(void *source, size_t number, const char **data, size_t *size)
{
    return crun__message_piece(source, number, data, size);
}

typedef struct text {
    const char *data;
    size_t size;
} text;

static bool text_piece(void *source, size_t number, const char **data, size_t *size)
{
    const text *t = source;
    *data = t->data;
    *size = t->size;
    return number == 0;
}

static int send_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    if (rc < 0)
        return crun__lport_fail(L, lua_touserdata(L, 1), rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int not_begun(const crun__letter *letter, int code)
{
    if (letter->owner)
        let_go(letter->owner);
    return code;
}

/* What is anchored stays so unless it fails. */
static int begin(const lport *p, crun_task *self, const crun__letter *letter, bool anyway)
{
    crun__port_on_written(p->port, let_go);
    int rc = crun__send_begin(p->port, self, letter, anyway);
    return rc < 0 ? not_begun(letter, rc) : rc;
}

static int finish(lua_State *L, const lport *p, crun_task *self, int rc)
{
    if (rc < 0)
        return crun__lport_fail(L, p, rc);
    if (rc == 0)
        return crun__lua_park(L, self, CRUN_FOREVER, 0, send_finish);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- values ------------------------------------------------------------------------------- */

static bool has_long_piece(crun__message *m)
{
    const char *data;
    size_t size;
    return crun__message_piece(m, 1, &data, &size);
}

/* What they refer to is left on the stack. */
static crun__clone push_options(lua_State *L, crun__carry *carry)
{
    crun__clone options = {.refer = crun__lport_refer, .context = carry};
    if (carry->hooked) {
        if (lua_getiuservalue(L, 1, LPORT_TO) == LUA_TSTRING)
            options.to = lua_tostring(L, -1);
        if (lua_getiuservalue(L, 1, LPORT_KNOWN) == LUA_TTABLE)
            options.known = lua_gettop(L);
    }
    return options;
}

/* Values without parts are written at once. Returns: the size of their message, or 0. */
static size_t write_flat(lua_State *L, int first, int count, char *bytes)
{
    return count <= CRUN__PORT_FLAT ? crun__clone_flat(L, first, count, bytes, CRUN__PORT_FLAT) : 0;
}

static int send_values(lua_State *L, lport *p, crun__letter letter, int first, bool anyway)
{
    crun_task *self = crun__hub->current;
    int count = lua_gettop(L) - first + 1;
    crun__carry carry;
    crun__carry_init(&carry, p);
    const crun__clone options = push_options(L, &carry);
    crun__message *m = crun__clone_encode(L, first, count, &options);
    letter.piece = message_piece;
    letter.source = m;
    /* This may raise, so it comes before there are descriptors to close. */
    if (crun__port_is_socket(p->port) && has_long_piece(m))
        letter.owner = anchor(L, -1);
    int rc = crun__carry_pack(&carry, &letter.fds);
    rc = rc < 0 ? not_begun(&letter, rc) : begin(p, self, &letter, anyway);
    /* One that waits may be dropped, and with it what later ones would count on. */
    if (rc <= 0)
        crun__message_unsent(L, lua_gettop(L), options.known);
    if (rc < 0 || !letter.owner)
        crun__message_release(L, -1);
    return finish(L, p, self, rc);
}

int crun__lport_send(lua_State *L, crun__frame frame, int first, bool anyway)
{
    char bytes[CRUN__PORT_FLAT];
    text t = {bytes, 0};
    lport *p = lua_touserdata(L, 1);
    crun_task *self = crun__lua_self(L);
    crun__letter letter = {.frame = frame, .piece = text_piece, .source = &t};
    if (!p->port)
        return crun__lport_fail(L, p, CRUN_ECLOSED);
    int count = lua_gettop(L) - first + 1;
    if (count > 0 && (t.size = write_flat(L, first, count, bytes)) == 0)
        return send_values(L, p, letter, first, anyway);
    return finish(L, p, self, begin(p, self, &letter, anyway));
}

int crun__lport_post_encoded(lua_State *L, crun__frame frame, int index)
{
    const lport *p = lua_touserdata(L, 1);
    crun_task *self = crun__lua_self(L);
    if (!p->port)
        return crun__lport_fail(L, p, CRUN_ECLOSED);
    text t;
    t.data = luaL_checklstring(L, index, &t.size);
    crun__letter letter = {.frame = frame, .piece = text_piece, .source = &t};
    if (t.size >= CRUN__FRAME_LONG && crun__port_is_socket(p->port))
        letter.owner = anchor(L, index);
    return finish(L, p, self, begin(p, self, &letter, true));
}
