/*
 * SPDX-License-Identifier: MIT
 *
 * PriorityQueue: a Queue from which the smallest item comes first, and of equal ones the one whose
 * put got its place first.
 *
 * Items are compared by those who put, never by those who get; so a comparison's error is the
 * error of the put that brought what cannot be compared, and getting needs no Lua code. A
 * comparison may wait and use the queue, this one too: while it lasts, its item is a candidate with
 * a place (see ranks.h), and a guard gives both up if it fails.
 */
#include "lqueue.h"

static const char guard_name[] = "crun.PriorityQueue.guard";

static inline lqueue *check(lua_State *L)
{
    return crun__queue_check(L, &crun__queue_priority);
}

/* --- the guard ---------------------------------------------------------------------------- */

/*
 * One for each queue: to be closed on the stack of every put that compares by Lua code. It knows
 * whose put has failed, by the coroutine; of several there, one inside of the other, it is the
 * newest. A put that comes to its end has no candidate when the guard closes, but that of a put
 * around it is not to be touched: hence `passing`.
 */
typedef struct guard {
    bool passing;
} guard;

/* The candidate of the queue at index 1 is gone, its item is not needed any more. */
static void withdraw(lua_State *L, crun__ranked *candidate)
{
    if (candidate->value.type == CRUN_HOST)
        crun__queue_unanchor(L, (int)candidate->value.as.integer, false);
    crun__ranks_withdraw(&check(L)->chan->ranks, candidate);
}

static int guard_close(lua_State *L)
{
    guard *g = lua_touserdata(L, 1);
    if (g->passing) {
        g->passing = false;
        return 0;
    }
    lua_getiuservalue(L, 1, 1);
    lua_replace(L, 1);
    crun_chan *chan = check(L)->chan;
    withdraw(L, crun__ranks_candidate(&chan->ranks, L));
    crun__chan_forfeit(chan);
    return 0;
}

/* The queue at index 1 gets one. */
static void make_guard(lua_State *L)
{
    guard *g = lua_newuserdatauv(L, sizeof *g, 1);
    g->passing = false;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, guard_name);
    lua_setiuservalue(L, 1, CRUN__QUEUE_GUARD);
}

/* The stack of a put: queue, item, and once Lua code may be called, the guard. */
enum { ITEM = 2, GUARD = 3 };

static void arm(lua_State *L)
{
    if (lua_gettop(L) >= GUARD)
        return;
    lua_getiuservalue(L, 1, CRUN__QUEUE_GUARD);
    lua_toclose(L, GUARD);
}

/*
 * Not by lua_settop alone: in Lua 5.4.4 that goes on with the old stack when closing has moved it.
 */
static void disarm(lua_State *L)
{
    if (lua_gettop(L) < GUARD)
        return;
    guard *g = lua_touserdata(L, GUARD);
    g->passing = true;
    lua_closeslot(L, GUARD);
    lua_settop(L, ITEM);
}

/* --- comparing ---------------------------------------------------------------------------- */

static bool is_number(const crun_value *value)
{
    return value->type == CRUN_INTEGER || value->type == CRUN_NUMBER;
}

/* An item stays inside while it is compared. */
static void push_item(lua_State *L, const crun_value *value)
{
    if (crun__value_push(L, value))
        return;
    lua_getiuservalue(L, 1, CRUN__QUEUE_ANCHORS);
    lua_rawgeti(L, -1, value->as.integer);
    lua_remove(L, -2);
}

static bool has_order(lua_State *L, int index)
{
    if (luaL_getmetafield(L, index, "__lt") == LUA_TNIL)
        return false;
    lua_pop(L, 1);
    return true;
}

/* Raises that the two on top cannot be compared, at the place of who called the method. */
static void refuse(lua_State *L)
{
    const char *a = luaL_typename(L, -2), *b = luaL_typename(L, -1);
    luaL_where(L, 1);
    if (lua_rawlen(L, -1) == 0)
        luaL_where(L, 2);
    lua_pushfstring(L, "%sattempt to compare %s with %s", lua_tostring(L, -1), a, b);
    lua_error(L);
}

/* By Lua's own order of the two on top. */
static bool less_by_nature(lua_State *L)
{
    int type = lua_type(L, -1);
    bool alike = type == lua_type(L, -2) && (type == LUA_TNUMBER || type == LUA_TSTRING);
    if (!alike && !has_order(L, -2) && !has_order(L, -1))
        refuse(L);
    bool less = lua_compare(L, -2, -1, LUA_OPLT);
    lua_pop(L, 2);
    return less;
}

static bool less_by_function(lua_State *L)
{
    lua_call(L, 2, 1);
    bool less = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return less;
}

static bool less(lua_State *L, bool natural, const crun_value *a, const crun_value *b)
{
    if (natural && a->type == CRUN_INTEGER && b->type == CRUN_INTEGER)
        return a->as.integer < b->as.integer;
    if (!natural)
        lua_getiuservalue(L, 1, CRUN__QUEUE_LESS);
    push_item(L, a);
    push_item(L, b);
    return natural ? less_by_nature(L) : less_by_function(L);
}

/* One comparison says it: of two that are equal, the one whose turn is earlier goes first. */
static bool goes_before(lua_State *L, bool natural, const crun__ranked *candidate,
                        const crun__ranked *other)
{
    if (candidate->turn < other->turn)
        return !less(L, natural, &other->value, &candidate->value);
    return less(L, natural, &candidate->value, &other->value);
}

static void find_rank(lua_State *L, const crun__ranks *ranks, crun__ranked *candidate)
{
    bool natural = lua_getiuservalue(L, 1, CRUN__QUEUE_LESS) == LUA_TNIL;
    lua_settop(L, ITEM);
    if (!crun__value_read(L, ITEM, &candidate->value)) {
        arm(L);
        lua_Integer key = crun__queue_anchor(L);
        candidate->value = (crun_value){.type = CRUN_HOST, .as.integer = key};
    }
    const crun__ranked *probe;
    while ((probe = crun__ranks_probe(ranks, candidate))) {
        if (!natural || !is_number(&candidate->value) || !is_number(&probe->value))
            arm(L);
        crun__ranks_narrow(candidate, goes_before(L, natural, candidate, probe));
    }
    disarm(L);
}

/* The same as a function: (queue, item, candidate). */
static int find_rank_alone(lua_State *L)
{
    crun__ranked *candidate = lua_touserdata(L, 3);
    lua_settop(L, ITEM);
    find_rank(L, &check(L)->chan->ranks, candidate);
    return 0;
}

/*
 * Whether an error closes what is to be closed in L. It does in a task's own coroutine, and its
 * traceback is then taken from the stack as it was; in a coroutine that just dies it does not.
 */
static bool unwinds(lua_State *L)
{
    const crun_task *self = crun__universe ? crun__hub->current : NULL;
    return self && crun__is_ltask(self) && ((const ltask *)self)->L == L;
}

static void compare(lua_State *L, const crun__ranks *ranks, crun__ranked *candidate)
{
    if (unwinds(L)) {
        find_rank(L, ranks, candidate);
        return;
    }
    lua_pushcfunction(L, find_rank_alone);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, ITEM);
    lua_pushlightuserdata(L, candidate);
    if (lua_pcall(L, 3, 0, 0) != LUA_OK)
        lua_error(L);
}

/* --- put ---------------------------------------------------------------------------------- */

/* The item's rank is known: it goes inside, or to who waits for one by now. */
static int settle(lua_State *L, lqueue *q, crun__ranked *candidate)
{
    crun_chan *chan = q->chan;
    if (chan->closed) {
        withdraw(L, candidate);
        crun__chan_forfeit(chan);
        return crun__lua_fail(L, CRUN_ECLOSED);
    }
    if (crun__waitq_empty(&chan->getters)) {
        crun__chan_enter(chan, candidate);
    } else {
        withdraw(L, candidate);
        crun__queue_hand(L, chan);
        crun__chan_forfeit(chan);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* The put has a place. */
static int insert(lua_State *L, lqueue *q, uint64_t turn)
{
    crun__ranks *ranks = &q->chan->ranks;
    crun__ranked *candidate = crun__ranks_apply(ranks, L, turn);
    if (!candidate) {
        crun__chan_forfeit(q->chan);
        return luaL_error(L, "not enough memory");
    }
    compare(L, ranks, candidate);
    return settle(L, q, candidate);
}

int crun__queue_put_promised(lua_State *L, lqueue *q, int result)
{
    return insert(L, q, crun__chan_promised_turn(q->chan, result));
}

static int put_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    int rc = crun__lua_result(L);
    return rc < 0 ? crun__lua_fail(L, rc) : crun__queue_put_promised(L, check(L), rc);
}

/* Puts the item at once. Returns: how many results, or CRUN_EAGAIN when it has to wait. */
static int put_now(lua_State *L, lqueue *q)
{
    crun_chan *chan = q->chan;
    if (chan->closed)
        return crun__lua_fail(L, CRUN_ECLOSED);
    if (!crun__chan_can_put(chan))
        return CRUN_EAGAIN;
    if (crun__waitq_empty(&chan->getters))
        return insert(L, q, crun__chan_promise(chan));
    crun__queue_hand(L, chan);
    lua_pushboolean(L, 1);
    return 1;
}

int crun__queue_put_ranked(lua_State *L, lqueue *q)
{
    int results = put_now(L, q);
    return results == CRUN_EAGAIN ? crun__lua_fail(L, CRUN_EAGAIN) : results;
}

/*
 * queue:put(item [, seconds]) -> true | nil, message, "ETIMEDOUT" | "ECLOSED". May wait, and calls
 * `less`; the seconds are those for which it waits for a place.
 */
static int l_put(lua_State *L)
{
    lqueue *q = check(L);
    crun_time deadline = crun__lua_last_deadline(L, 3);
    int results = put_now(L, q);
    if (results != CRUN_EAGAIN)
        return results;
    crun_task *self = crun__lua_self(L);
    crun__wait_begin(self, &crun__queue_priority.put, q->chan);
    return crun__lua_park(L, self, deadline, 0, put_finish);
}

/* queue:put_nowait(item) -> true | nil, message, "EAGAIN" | "ECLOSED". Calls `less`. */
static int l_put_nowait(lua_State *L)
{
    lqueue *q = check(L);
    lua_settop(L, ITEM);
    return crun__queue_put_ranked(L, q);
}

/* --- the class ---------------------------------------------------------------------------- */

/*
 * PriorityQueue([less] [, maxsize]) -> PriorityQueue. less(a, b): whether a comes out before b; if
 * absent, a < b. Without maxsize, or with 0, it is unbounded.
 */
static int l_priority_queue(lua_State *L)
{
    bool alone = lua_type(L, 1) == LUA_TNUMBER;
    if (alone)
        luaL_argcheck(L, lua_isnoneornil(L, 2), 1, "a function expected before the maxsize");
    else if (!lua_isnoneornil(L, 1))
        crun__lua_checkcallable(L, 1);
    size_t capacity = crun__queue_maxsize(L, alone ? 1 : 2);
    crun__queue_new(L, &crun__queue_priority, capacity, CRUN__RANKED);
    lua_insert(L, 1);
    if (!alone) {
        lua_settop(L, 2);
        lua_setiuservalue(L, 1, CRUN__QUEUE_LESS);
    }
    make_guard(L);
    lua_settop(L, 1);
    return 1;
}

static const luaL_Reg methods[] = {
    {"put", l_put},
    {"get", crun__queue_l_get},
    {"put_nowait", l_put_nowait},
    {"get_nowait", crun__queue_l_get_nowait},
    CRUN__QUEUE_METHODS,
};

const crun__queue_kind crun__queue_priority = {
    .class = {"crun.PriorityQueue", methods, crun__queue_metamethods, sizeof(lqueue), 3},
    CRUN__QUEUE_WAITS("PriorityQueue", "get", "put"),
};

void crun__open_priority_queue(lua_State *L)
{
    static const luaL_Reg functions[] = {{"PriorityQueue", l_priority_queue}, {NULL, NULL}};
    luaL_newmetatable(L, guard_name);
    lua_pushcfunction(L, guard_close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    crun__queue_open(L, &crun__queue_priority);
    crun__open_functions(L, functions);
}
