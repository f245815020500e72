/*
 * SPDX-License-Identifier: MIT
 *
 * Error objects: the cancel error, the deadlock error; and the report of a failure nobody watches.
 */
#ifndef CRUN__LERROR_H
#define CRUN__LERROR_H

#include "bind.h"

/* The metatable of errors made of several; it is crun.Error, and its methods are Lua's. */
#define CRUN__ERROR "crun.Error"

/*
 * Pushes a cancel error. The reason is the value at the index `reason` (0: nil); level names the
 * function whose position becomes the origin (as crun__origin_push; < 0: none); scope: the id of
 * the scope that it belongs to, 0: a task's.
 */
void crun__cancelled_push(lua_State *L, int reason, int level, lua_Integer scope);

/* Pushes "file:12" of the innermost Lua function from that level on, or nil. */
void crun__origin_push(lua_State *L, int level);

/* A cancel error with reason and origin from the values at two indices. */
void crun__cancelled_make(lua_State *L, int reason, int origin, lua_Integer scope);

/* Whether the value at the index is a cancel error; scope receives the id of its scope. */
bool crun__cancelled_test(lua_State *L, int index, lua_Integer *scope);

/*
 * Pushes what ended the running task's wait: a thrown error, which is then taken, or its cancel
 * error.
 */
void crun__cancelled_take(lua_State *L, crun_task *self);

/* The same, and raises it. */
int crun__cancelled_raise(lua_State *L, crun_task *self);

/* Pushes the cancel error of the Lua task at the index, making it if nobody has given a reason. */
void crun__cancelled_of(lua_State *L, int index);

/* Pushes, or raises, the deadlock error, which lists who waits for what. */
void crun__deadlock_push(lua_State *L);
int crun__deadlock_raise(lua_State *L);

/* Pushes the text of that error. */
void crun__deadlock_text(lua_State *L);

/* The name of its class; its __tostring. */
#define CRUN__DEADLOCK "crun.Deadlock"
int crun__deadlock_tostring(lua_State *L);

/* Pushes the text for people of an error value, as the stand-alone interpreter words it. */
void crun__error_text(lua_State *L, int index);

/* Pushes "file:12", where a live task was spawned, or "?". */
void crun__spawn_site(lua_State *L, const ltask *task);

/*
 * Reports the failure of the Task or Future at index 1, with the error at index 2 and the traceback
 * (or nil) at index 3, to crun.on_error or on stderr. Raises nothing but memory errors and what
 * on_error raises.
 */
void crun__report(lua_State *L);

void crun__open_errors(lua_State *L);

#endif
