/* SPDX-License-Identifier: MIT */
#include "lnewstate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "../runtime/sanitizer.h"

#if CRUN__VALGRIND
#include <valgrind/valgrind.h>
#endif

/* --- memory ------------------------------------------------------------------------------- */

/* For tools that watch each block of malloc's. */
static void *watched_realloc(void *unused, void *block, size_t osize, size_t nsize)
{
    (void)unused;
    (void)osize;
    if (nsize)
        return realloc(block, nsize);
    free(block);
    return NULL;
}

static bool is_watched(void)
{
#if CRUN__VALGRIND
    if (RUNNING_ON_VALGRIND)
        return true;
#endif
    return CRUN__ASAN || CRUN__TSAN;
}

/*
 * The finalizer of an object that nothing refers to runs once a cycle of the collector; setting
 * the metatable again brings the object back, without memory. A cycle may be milliseconds after
 * the last, and what one burst of tasks has left the next one needs, so seconds are counted.
 */
static int trim(lua_State *L)
{
    crun__newstate *own = *(crun__newstate **)lua_touserdata(L, 1);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec != own->trimmed) {
        own->trimmed = now.tv_sec;
        crun__slabs_trim(&own->slabs);
    }
    lua_getmetatable(L, 1);
    lua_setmetatable(L, 1);
    return 0;
}

void crun__newstate_trim(lua_State *L, crun__newstate *own)
{
    crun__newstate **object = lua_newuserdatauv(L, sizeof(crun__newstate *), 0);
    *object = own;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, trim);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

/* --- warnings ----------------------------------------------------------------------------- */

/* A message of one piece that starts with "@" is a command. */
static void warn(void *arg, const char *piece, int more)
{
    crun__newstate *own = arg;
    bool first = !own->warnings.inside;
    own->warnings.inside = more != 0;
    if (first && !more && *piece == '@') {
        if (strcmp(piece, "@on") == 0)
            own->warnings.on = true;
        else if (strcmp(piece, "@off") == 0)
            own->warnings.on = false;
    } else if (own->warnings.on) {
        (void)fprintf(stderr, "%s%s%s", first ? "Lua warning: " : "", piece, more ? "" : "\n");
    }
}

/* --- life --------------------------------------------------------------------------------- */

/* An error outside of any protected call: the process aborts after this. */
static int panic(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    (void)fprintf(stderr, "PANIC: unprotected error in call to Lua API (%s)\n",
                  text ? text : "error object is not a string");
    return 0;
}

lua_State *crun__newstate_open(crun__newstate *own)
{
    *own = (crun__newstate){.trimmed = 0};
    crun__slabs_init(&own->slabs, NULL);
    lua_State *L = lua_newstate(is_watched() ? watched_realloc : crun__slabs_realloc, &own->slabs);
    if (!L) {
        crun__slabs_fini(&own->slabs);
        return NULL;
    }
    lua_atpanic(L, panic);
    lua_setwarnf(L, warn, own);
    return L;
}

void crun__newstate_close(lua_State *L, crun__newstate *own)
{
    lua_close(L);
    crun__slabs_fini(&own->slabs);
}
