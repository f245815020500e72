/* SPDX-License-Identifier: MIT */
#include "lpoke.h"

#include <signal.h>
#include <stdatomic.h>

enum { WHOLE_HOOK = LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, PLACES = 8 };

/* What is not done where a call is just being made. */
static const unsigned BETWEEN_INSTRUCTIONS = CRUN__POKE_PREEMPT | CRUN__POKE_INTERRUPT;

/* A debug hook that gave way to ours, until ours has run. */
struct hook {
    lua_State *L; /* NULL: a free place */
    lua_Hook fn;
    int mask, count;
};

/*
 * Mostly there is one place in use at most. More are needed when our hook was set in a coroutine in
 * the instant in which it gave way; one that never runs again leaves its place to the next.
 */
static _Thread_local struct {
    atomic_uint pending;
    volatile sig_atomic_t restoring; /* the handler must leave hooks alone */
    struct hook places[PLACES];
    unsigned next;
    uint64_t turn;   /* in which a switch was asked for */
    uint64_t random; /* after how many instructions */
} own;

static struct hook *place_of(const lua_State *L)
{
    for (int i = 0; i < PLACES; i++)
        if (own.places[i].L == L)
            return &own.places[i];
    return NULL;
}

/*
 * The coroutine that runs, innermost; NULL while none does, or tasks are just changing places. A
 * runner knows of a greenlet's; of others only where the program tracks them.
 */
static lua_State *running(void)
{
    const crun_task *task = crun__universe && crun__hub ? crun__hub->current : NULL;
    if (!task || !crun__is_ltask(task) || task->status != CRUN_TASK_RUNNING)
        return NULL;
    lua_State *innermost = task->runner ? task->runner->inner : NULL;
    return innermost ? innermost : ((const ltask *)task)->L;
}

static unsigned take_pending(void)
{
    return atomic_exchange(&own.pending, 0);
}

/* Everything that cannot raise. */
static void act(lua_State *L, unsigned what)
{
    if (what & CRUN__POKE_DUMP)
        crun__dump_now(L);
    if (what & CRUN__POKE_WATCH)
        crun__watch_now(L);
    if ((what & CRUN__POKE_SWITCH) && own.turn == crun__hub_turn(crun__hub))
        crun__preempt_now(L);
}

static void on_hook(lua_State *L, lua_Debug *ar);

/* Returns the user's hook. One that was inherited has no place, and what it stands for no owner. */
static struct hook restore(lua_State *L)
{
    own.restoring = 1;
    struct hook *place = place_of(L);
    struct hook user = place ? *place : (struct hook){0};
    if (place)
        place->L = NULL;
    lua_sethook(L, user.fn, user.mask, user.count);
    own.restoring = 0;
    return user;
}

static void forward(const struct hook *user, lua_State *L, lua_Debug *ar)
{
    if (user && (user->mask & (1 << ar->event)))
        user->fn(L, ar);
}

static struct hook *free_place(const lua_State *L)
{
    struct hook *place = place_of(L);
    if (!place)
        place = place_of(NULL);
    return place ? place : &own.places[own.next++ % PLACES];
}

/*
 * Lua notices a hook that is set from outside at the next jump or call only. Who was always stopped
 * there would be stopped at the same places of a loop for ever; so the switch comes up to 32
 * instructions later. The user's hook goes on meanwhile; for one that counts it is the next.
 */
static void delay_switch(lua_State *L)
{
    int user = lua_gethookmask(L);
    own.random = own.random * 6364136223846793005u + 1442695040888963407u;
    own.restoring = 1;
    *free_place(L) = (struct hook){L, lua_gethook(L), user, lua_gethookcount(L)};
    lua_sethook(L, on_hook, user | LUA_MASKCOUNT,
                1 + (user & LUA_MASKCOUNT ? 0 : (int)(own.random >> 59)));
    own.restoring = 0;
    own.turn = crun__hub_turn(crun__hub);
    atomic_fetch_or(&own.pending, CRUN__POKE_SWITCH);
}

/* Only counted instructions are: other events come in the middle of calls. */
static bool may_switch(const lua_Debug *ar)
{
    return ar->event == LUA_HOOKCOUNT;
}

static void on_hook(lua_State *L, lua_Debug *ar)
{
    if (atomic_load(&own.pending) == CRUN__POKE_SWITCH && !may_switch(ar)) {
        forward(place_of(L), L, ar);
        return;
    }
    struct hook user = restore(L);
    unsigned what = take_pending();
    unsigned switching = what & (CRUN__POKE_PREEMPT | CRUN__POKE_SWITCH);
    if (switching && !((what & CRUN__POKE_SWITCH) && may_switch(ar))) {
        what &= ~switching;
        delay_switch(L);
    }
    act(L, what);
    forward(&user, L, ar);
    if (what & CRUN__POKE_SIGNAL)
        crun__signal_now(L);
    if (what & CRUN__POKE_INTERRUPT)
        crun__interrupt_now(L);
}

/* lua_sethook is made to be called while its state runs. */
static void set_hook(lua_State *L, int mask)
{
    if (lua_gethook(L) == on_hook) {
        lua_sethook(L, on_hook, lua_gethookmask(L) | mask, 1);
        return;
    }
    *free_place(L) = (struct hook){L, lua_gethook(L), lua_gethookmask(L), lua_gethookcount(L)};
    lua_sethook(L, on_hook, lua_gethookmask(L) | mask, 1);
}

void crun__poke(unsigned what)
{
    atomic_fetch_or(&own.pending, what);
    lua_State *L = own.restoring ? NULL : running();
    if (L)
        set_hook(L, what & ~BETWEEN_INSTRUCTIONS ? WHOLE_HOOK : LUA_MASKCOUNT);
}

bool crun__poke_again(void)
{
    if (atomic_load(&own.pending) == 0)
        return false;
    crun__poke(0);
    return true;
}

void crun__poke_serve(void)
{
    unsigned what = take_pending();
    if (what & CRUN__POKE_DUMP)
        crun__dump_now(NULL);
    if (what & CRUN__POKE_SIGNAL)
        crun__signal_now(NULL);
}
