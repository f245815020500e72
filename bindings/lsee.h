/*
 * SPDX-License-Identifier: MIT
 *
 * What the dump and the deadlock report share: the tasks in order, texts made of lines.
 */
#ifndef CRUN__LSEE_H
#define CRUN__LSEE_H

#include "bind.h"

/*
 * Pushes two values, a list of all live Lua tasks and an array of them in the order of their ids,
 * which is good as long as both are on the stack; count receives how many there are.
 */
ltask **crun__see_tasks(lua_State *L, size_t *count);

/* Pushes "main", "task#3 'name'"; for a task of C "task#3". */
void crun__see_name(lua_State *L, const crun_task *task);

/* Pops the text on top and appends it to the list at the index, which must be absolute. */
void crun__lines_add(lua_State *L, int lines);

/* Pushes all of the list, each text followed by a newline. */
void crun__lines_join(lua_State *L, int lines);

#endif
