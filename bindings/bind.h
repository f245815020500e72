/*
 * SPDX-License-Identifier: MIT
 *
 * What every binding needs: the state's universe, classes of userdata, timeouts, failures, parking.
 *
 * A blocking function has two phases. It checks its arguments, and either is done at once or
 * registers the task's wait (crun__wait_begin) and returns crun__lua_park(...). The finish function
 * it names there runs when the wait is over: right away after a switch of stacks, or as the
 * continuation of lua_yieldk; it cannot tell which. It starts with crun__lua_result.
 */
#ifndef CRUN__BIND_H
#define CRUN__BIND_H

#include <lauxlib.h>
#include <lua.h>

#include <crun/lua.h>

#include "../runtime/hub.h"

/* --- the universe ------------------------------------------------------------------------- */

/* Upvalues that all functions of the module share; values at the bottom of the store's stack. */
enum { CRUN__UP_ANCHORS = 1, CRUN__UP_IDLE, CRUN__UP_TASK_META, CRUN__UP_COUNT = 3 };

/*
 * Further up in the store: the function that spawned last; a table of weak values with the cycle
 * marker; the errors of a task whose coroutine somebody else has closed, and of one for which there
 * was no memory; false; what some tasks keep beside themselves.
 */
enum {
    CRUN__STORE_SITE = CRUN__UP_COUNT + 1,
    CRUN__STORE_MARKER,
    CRUN__STORE_CLOSED,
    CRUN__STORE_MEMORY,
    CRUN__STORE_NOTHING,
    CRUN__STORE_GREENLETS, /* and what follows: see lextra.h */
    CRUN__STORE_LOCALS,
    CRUN__STORE_CONTEXTS,
    CRUN__STORE_SIZE = CRUN__STORE_CONTEXTS
};

/*
 * What crun knows of one Lua state. It is a userdata in the registry; its finalizer, run when the
 * state closes, ends all tasks.
 *
 * A live task's userdata is anchored in the array `anchors`, and it anchors, as user values, what
 * it is to call and from its start its coroutine. A coroutine whose task has returned waits for the
 * next task in the array `idle`: making one costs ten times as much as using it again.
 */
typedef struct crun__lua {
    crun__task_type type; /* of this state's tasks */
    lua_State *L;         /* the main thread */
    lua_State *store;     /* its stack holds what the functions' upvalues are; nothing runs there */
    lua_State *aux;       /* for protected calls outside of any task; never parked */
    struct ltask *main;
    const void *site_function; /* that spawned last, and its chunk's name */
    struct crun__source *site_source;
    crun__link sources; /* see lsite.h */
    int core;           /* the module's table, a reference into the registry */
    void *sentinel;     /* see lstate.c */
    int sentinel_ref;
    uint64_t sentinel_polls; /* of the hub, when it was last made after a wait */
    uint32_t *free_slots;    /* of anchors */
    uint32_t free_count, slot_count, slot_capacity;
    uint32_t idle_count, idle_room;
    uint32_t idle_high;   /* entries up to here may refer to coroutines */
    uint32_t idle_least;  /* lowest idle_count of this cycle of the collector */
    lua_State *idle_last; /* taken last, from that place */
    uint32_t idle_last_place;
    uint32_t idle_dropped; /* coroutines dropped for want of room */
    lua_Hook hook;         /* a coroutine's own, while a stray yield of its is being refused */
    int hook_mask, hook_count;
    crun__link calls; /* that wait for their time, see lcall.c */
    size_t failures;
    const char *interrupt; /* reason of the last crun_lua_interrupt */
    lua_Integer next_scope;
    size_t greenlets_most; /* so many may be started before abandoned ones are looked for */
    unsigned unusual;      /* why spawning takes more than making a task: enum spawning */
    const char *faces;     /* how the names of crun's own Lua chunks begin */
    size_t faces_size;
    /* lua_resume, without what the program has the linker put around it; see prog_resume.c. */
    int (*resume)(lua_State *L, lua_State *from, int nargs, int *nresults);
    bool owns_hub;
    bool hosted;   /* the host calls crun_lua_finish */
    bool finished; /* nothing may be spawned any more */
    bool closing;  /* the state is being closed: everything runs inside a finalizer */
} crun__lua;

/* The thread's; NULL before attaching and after the state's end. */
extern _Thread_local crun__lua *crun__universe;

/* --- tasks -------------------------------------------------------------------------------- */

/* A Lua task: the payload of its userdata, which carries no class since each byte counts. */
typedef struct ltask {
    crun_task base; /* first */
    lua_State *L;   /* its coroutine; NULL before its start, and once it has given it back */
    struct crun__source *source; /* of where it was spawned; NULL: unknown, or over */
    int line;
    uint32_t slot : 28; /* in anchors */
    uint32_t nargs : 4; /* among its user values, before its start */
} ltask;

enum { CRUN__MOST_SLOTS = (1 << 28) - 1 };

enum ltask_flag {
    LTASK_BOX = CRUN__KIND_1,   /* the user value is a table with LTASK_* fields */
    LTASK_MULTI = CRUN__KIND_2, /* its results, if not one, are on its coroutine's stack */
    LTASK_VOID = CRUN__KIND_3   /* it returned nothing */
};

/* Fields of a box; all exist from the start, so that storing into one needs no memory. */
enum {
    LTASK_VALUE = 1, /* the function, then the coroutine, later the result or error */
    LTASK_NAME,
    LTASK_CALLBACKS,
    LTASK_CANCELLED, /* its cancel error */
    LTASK_THROWN,
    LTASK_TRACEBACK,
    LTASK_PREEMPT, /* 1: may be interrupted, 0: may not; false: as crun.preempt says */
    LTASK_FIELDS = LTASK_PREEMPT
};

/* The task at the index, or NULL. */
static inline ltask *crun__ltask_test(lua_State *L, int index)
{
    ltask *t = lua_touserdata(L, index);
    if (t && lua_rawlen(L, index) == sizeof *t && t->base.type == &crun__universe->type)
        return t;
    return NULL;
}

/* The same; raises an argument error. */
ltask *crun__ltask_check(lua_State *L, int index);

/* Whether a task is a Lua task. */
static inline bool crun__is_ltask(const crun_task *task)
{
    return crun__universe && task->type == &crun__universe->type;
}

/* Pushes a live Lua task's userdata. Needs no memory. */
void crun__ltask_push(lua_State *L, const ltask *task);

/* Pushes the box of the task at the index, making it if need be. */
void crun__ltask_box(lua_State *L, int index);

/* Pushes a field of its box, nil without box. Needs no memory. Returns the type. */
int crun__ltask_field(lua_State *L, int index, int field);

/* Pops the value on top into that field of the task at the index. */
void crun__ltask_set_field(lua_State *L, int index, int field);

/* Pushes the first result of the task at the index; nil if it left none. */
void crun__ltask_first_result(lua_State *L, int index);

/* Pushes all its results; none unless it has returned. Returns: how many. */
int crun__ltask_results(lua_State *L, int index);

/* Pushes its error, or cancel error, once it failed or was cancelled. */
void crun__ltask_error(lua_State *L, int index);

/* Pushes its name. */
void crun__ltask_name(lua_State *L, int index);

/* Appends "main", "task#3" or "task#3 'name'" of the task at the index. */
void crun__ltask_describe(lua_State *L, int index);

/*
 * Pushes the traceback of a live task through the coroutines that are inside of each other, the
 * innermost first. `where` is the coroutine that runs, with so many levels of it left out; NULL:
 * the task does not run.
 */
void crun__task_traceback(lua_State *L, ltask *task, lua_State *where, int level);

/* Starts a task of the function and nargs arguments on top; pops them, pushes the Task. */
void crun__ltask_spawn(lua_State *L, int nargs);

/* The lua_State in which a Lua task waits: a coroutine inside of it, or its own. */
static inline lua_State *crun__ltask_where(crun_task *task)
{
    return task->runner ? task->runner->host : ((ltask *)task)->L;
}

/* --- userdata ----------------------------------------------------------------------------- */

typedef struct crun__class {
    const char *name;            /* "crun.Queue" */
    const luaL_Reg *methods;     /* of __index */
    const luaL_Reg *metamethods; /* may hold __index, then methods are none */
    size_t size;                 /* of the payload */
    int uservalues;
} crun__class;

/* Every payload but a task's starts with this. */
typedef struct crun__object {
    const crun__class *class;
} crun__object;

/* Makes the class's metatable; `up` shared upvalues lie on the stack's top and are popped. */
void crun__class_open(lua_State *L, const crun__class *class, int up);

/* Pushes a zeroed object of an opened class. */
void *crun__object_new(lua_State *L, const crun__class *class);

/* The same for a class without finalizer, with another number of user values than the class's. */
void *crun__object_new_with(lua_State *L, const crun__class *class, int uservalues);

/*
 * The object's payload, or NULL. Comparing the pointer inside is several times faster than
 * comparing metatables; the size is looked at first, so that nothing foreign is read.
 */
static inline void *crun__object_test(lua_State *L, int index, const crun__class *class)
{
    crun__object *o = lua_touserdata(L, index);
    if (o && lua_rawlen(L, index) == class->size && o->class == class)
        return o;
    return NULL;
}

/* The same; raises an argument error. */
void *crun__object_check(lua_State *L, int index, const crun__class *class);

/* --- arguments and results ---------------------------------------------------------------- */

/*
 * A timeout in seconds as a deadline; absent or nil is for ever. Raises for anything else and NaN.
 */
crun_time crun__lua_deadline(lua_State *L, int index);

/* The same for a last argument, quick where it is absent; the stack then ends below it. */
static inline crun_time crun__lua_last_deadline(lua_State *L, int index)
{
    int top = lua_gettop(L);
    if (top == index - 1)
        return CRUN_FOREVER;
    crun_time deadline = top < index ? CRUN_FOREVER : crun__lua_deadline(L, index);
    lua_settop(L, index - 1);
    return deadline;
}

/* Pushes a table that is weak as `mode` says: "k", "v" or both. */
void crun__weak_table_push(lua_State *L, const char *mode);

/* Pushes nil, "ECODE: text", "ECODE". Returns 3. */
int crun__lua_fail(lua_State *L, int code);

/* Raises "bad argument #index to 'fn' (what expected, got value)". */
int crun__lua_badarg(lua_State *L, int index, const char *expected);

/* Raises unless the value at the index can be called. */
void crun__lua_checkcallable(lua_State *L, int index);

/* Raises when the option table at the index has a key that is not in the NULL-terminated list. */
void crun__lua_checkoptions(lua_State *L, int index, const char *const *known);

/* --- parking ------------------------------------------------------------------------------ */

/* Raises that there is no task. */
_Noreturn void crun__lua_no_task(lua_State *L);

/* The running task. Raises where there is none. */
static inline crun_task *crun__lua_self(lua_State *L)
{
    if (!crun__universe || !crun__hub->current)
        crun__lua_no_task(L);
    return crun__hub->current;
}

/*
 * Parks the running task, whose wait has been registered, and returns what finish returns. Must be
 * the last thing its caller does: `return crun__lua_park(...)`. Not inline, so that all parked
 * stacks look alike from here on: a processor predicts a return from the call that came last, which
 * was another task's, and is right when both have the same way back.
 */
int crun__lua_park(lua_State *L, crun_task *self, crun_time deadline, lua_KContext context,
                   lua_KFunction finish);

/*
 * Lets every other ready task run once, if that is possible here, and returns what finish returns.
 * A cancel that comes meanwhile is not looked at. Must be the last thing its caller does, too.
 */
int crun__lua_give_way(lua_State *L, crun_task *self, lua_KFunction finish);

/*
 * Whether L is the running task's own coroutine with no C frame in the way: only from there does a
 * yield reach the runner, and nowhere there runs a finalizer.
 */
static inline bool crun__lua_can_yield(lua_State *L, crun_task *self)
{
    return crun__is_ltask(self) && ((ltask *)self)->L == L && lua_isyieldable(L);
}

/*
 * Whether L runs a finalizer, in which nothing may wait: there the collector answers -1 (since Lua
 * 5.4.4). Once the state is closing, everything runs inside one.
 */
static inline bool crun__lua_in_finalizer(lua_State *L)
{
    return lua_gc(L, LUA_GCCOUNT) < 0 && !crun__universe->closing;
}

/* Raises in a coroutine that was resumed by somebody else than its task's runner. */
_Noreturn void crun__lua_foreign(lua_State *L);

/*
 * The running task, whose wait in L has just ended. Raises when it is another one's: the coroutine
 * of a task that is parked by yield can be resumed by anyone who has got hold of it.
 */
static inline crun_task *crun__lua_waiter(lua_State *L)
{
    crun_task *self = crun__hub->current;
    if (self->runner->host != L && !(crun__is_ltask(self) && ((ltask *)self)->L == L))
        crun__lua_foreign(L);
    return self;
}

/* The same as crun__lua_result without raising for what the code says. */
static inline int crun__lua_code(lua_State *L)
{
    return crun__lua_waiter(L)->wait.result;
}

/* Raises for a code for which crun__lua_result would; returns any other. */
int crun__lua_raise(lua_State *L, crun_task *self, int code);

/*
 * How the running task's wait ended: >= 0 or a code. Raises the cancel error, a thrown error, the
 * deadlock error, or that it could not wait here; who has something to give back first looks at
 * crun__lua_code.
 */
static inline int crun__lua_result(lua_State *L)
{
    crun_task *self = crun__lua_waiter(L);
    int code = self->wait.result;
    return code >= 0 ? code : crun__lua_raise(L, self, code);
}

/* Finishes a wait that has nothing to give but true, or a failure. */
int crun__lua_finish_true(lua_State *L, int status, lua_KContext context);

/* --- protected calls outside of tasks ----------------------------------------------------- */

/* Runs fn(L, arg) protected on a state where nothing else runs. Returns a Lua status. */
int crun__lua_protected(lua_State *L, void (*fn)(lua_State *L, void *arg), void *arg);

/* --- parts of the module, one opener per file --------------------------------------------- */

void crun__open_task(lua_State *L);
void crun__open_callbacks(lua_State *L);
void crun__open_calls(lua_State *L);
void crun__open_queue(lua_State *L);
void crun__open_priority_queue(lua_State *L);
void crun__open_channel(lua_State *L);
void crun__open_scope(lua_State *L);
void crun__open_wait(lua_State *L);
void crun__open_future(lua_State *L);
void crun__open_gather(lua_State *L);
void crun__open_watch(lua_State *L);
void crun__open_group(lua_State *L);
void crun__open_net(lua_State *L);
void crun__open_lock(lua_State *L);
void crun__open_semaphore(lua_State *L);
void crun__open_event(lua_State *L);
void crun__open_condition(lua_State *L);
void crun__open_barrier(lua_State *L);
void crun__open_rwlock(lua_State *L);
void crun__open_waitgroup(lua_State *L);
void crun__open_pool(lua_State *L);
void crun__open_window(lua_State *L);
void crun__open_select(lua_State *L);
void crun__open_greenlet(lua_State *L);
void crun__open_local(lua_State *L);
void crun__open_context(lua_State *L);
void crun__open_monitor(lua_State *L);
void crun__open_dump(lua_State *L);
void crun__open_clone(lua_State *L);
void crun__open_thread(lua_State *L);
void crun__open_port(lua_State *L);
void crun__open_pipe(lua_State *L);
void crun__open_descriptors(lua_State *L);
void crun__open_claims(lua_State *L);
void crun__open_remote(lua_State *L);
void crun__open_tally(lua_State *L);
void crun__open_process(lua_State *L);
void crun__open_worker(lua_State *L);
void crun__open_drain(lua_State *L);
void crun__open_sigwatch(lua_State *L);

/* Adds functions with the shared upvalues to the table on top. */
void crun__open_functions(lua_State *L, const luaL_Reg *functions);

#endif
