/* SPDX-License-Identifier: MIT */
#include "lsite.h"

#include <stdlib.h>
#include <string.h>

#include "bind.h"

/*
 * The function is kept in the store as well, so that no other one can come to lie at its address.
 */
static void remember(lua_State *L, crun__lua *u, const void *function, crun__source *source)
{
    crun__source_drop(u->site_source);
    lua_pushvalue(L, -1);
    lua_xmove(L, u->store, 1);
    lua_replace(u->store, CRUN__STORE_SITE);
    u->site_function = function;
    u->site_source = source;
}

static crun__source *source_new(const lua_Debug *ar)
{
    crun__source *source = malloc(sizeof *source);
    if (!source)
        return NULL;
    source->references = 1;
    crun__list_push_tail(&crun__universe->sources, &source->link);
    memcpy(source->name, ar->short_src, sizeof source->name);
    return source;
}

/*
 * To ask for the name of its chunk costs as much as half a spawn, so the last function that was
 * asked for is remembered with that name.
 */
crun__site crun__site_take(lua_State *L, int level)
{
    crun__lua *u = crun__universe;
    lua_Debug ar;
    if (!lua_getstack(L, level, &ar) || !lua_getinfo(L, "lf", &ar))
        return (crun__site){NULL, 0};
    /* C functions have no lines; pcall and the like are called from one. */
    while (ar.currentline < 0 && lua_getstack(L, ++level, &ar)) {
        lua_pop(L, 1);
        lua_getinfo(L, "lf", &ar);
    }
    const void *function = lua_topointer(L, -1);
    if (function != u->site_function) {
        lua_getinfo(L, "S", &ar);
        remember(L, u, function, source_new(&ar));
    }
    lua_pop(L, 1);
    if (u->site_source)
        u->site_source->references++;
    return (crun__site){u->site_source, ar.currentline};
}

void crun__source_free(crun__source *source)
{
    crun__list_remove(&source->link);
    free(source);
}

void crun__sources_free(crun__link *sources)
{
    crun__link *link = sources->next;
    while (link != sources) {
        crun__source *source = crun__container_of(link, crun__source, link);
        link = link->next;
        free(source);
    }
    crun__list_init(sources);
}

void crun__site_push(lua_State *L, crun__site site)
{
    if (site.source)
        lua_pushfstring(L, "%s:%d", site.source->name, site.line);
    else
        lua_pushliteral(L, "?");
}

void crun__place_push(lua_State *L, const char *source, int line)
{
    if (!source)
        lua_pushliteral(L, "?");
    else if (*source == '@' || *source == '=')
        lua_pushfstring(L, "%s:%d", source + 1, line);
    else {
        lua_pushlstring(L, source, strcspn(source, "\n"));
        lua_pushfstring(L, "[string \"%s\"]:%d", lua_tostring(L, -1), line);
        lua_remove(L, -2);
    }
}
