/*
 * SPDX-License-Identifier: MIT
 *
 * Places in Lua code, such as that where a task was spawned.
 */
#ifndef CRUN__LSITE_H
#define CRUN__LSITE_H

#include <stddef.h>

#include <lua.h>

#include "../runtime/list.h"

/*
 * The name of a chunk as Lua shortens it for messages. It is counted by those who refer to it,
 * since Lua's own belongs to functions, which need not live as long.
 */
typedef struct crun__source {
    crun__link link; /* among all of the state, at whose end there may still be references */
    size_t references;
    char name[LUA_IDSIZE];
} crun__source;

typedef struct crun__site {
    crun__source *source; /* NULL: unknown */
    int line;
} crun__site;

/* Where the function at that level is now, with a reference. Never raises. */
crun__site crun__site_take(lua_State *L, int level);

/* Nobody refers to it any more. */
void crun__source_free(crun__source *source);

/* The state ends: frees all that are left. */
void crun__sources_free(crun__link *sources);

/* Gives up a reference; NULL: none. */
static inline void crun__source_drop(crun__source *source)
{
    if (source && --source->references == 0)
        crun__source_free(source);
}

/* Pushes "file.lua:12"; "?" for one that is unknown. */
void crun__site_push(lua_State *L, crun__site site);

/* The same for a chunk's name as lua_Debug has it in `source`; NULL: unknown. */
void crun__place_push(lua_State *L, const char *source, int line);

#endif
