/*
 * SPDX-License-Identifier: MIT
 *
 * Claims: which jobs of a worker have been begun; what lua/crun/executor stands on. Not part of the
 * API. See runtime/claims.h.
 */
#include <limits.h>

#include "../runtime/claims.h"
#include "bind.h"

typedef struct lclaims {
    crun__object object;
    crun__claims *claims; /* NULL while it is being made */
} lclaims;

static const crun__class claims_class;

static inline crun__claims *check(lua_State *L)
{
    return ((lclaims *)crun__object_check(L, 1, &claims_class))->claims;
}

static uint64_t check_job(lua_State *L)
{
    lua_Integer job = luaL_checkinteger(L, 2);
    luaL_argcheck(L, job >= 1, 2, "the number of a job expected");
    return (uint64_t)job;
}

/* claims:offer(job): it may be begun from now on. Switches: never. */
static int l_offer(lua_State *L)
{
    crun__claims *claims = check(L);
    crun__claims_offer(claims, check_job(L));
    return 0;
}

/* claims:take(job) -> whether to begin it; false when it has been revoked. Switches: never. */
static int l_take(lua_State *L)
{
    crun__claims *claims = check(L);
    lua_pushboolean(L, crun__claims_take(claims, check_job(L)));
    return 1;
}

/* claims:revoke(job) -> whether it has not been begun, and never is. Switches: never. */
static int l_revoke(lua_State *L)
{
    crun__claims *claims = check(L);
    lua_pushboolean(L, crun__claims_revoke(claims, check_job(L)));
    return 1;
}

/* claims:taken(job) -> whether it has been begun. Switches: never. */
static int l_taken(lua_State *L)
{
    crun__claims *claims = check(L);
    lua_pushboolean(L, crun__claims_taken(claims, check_job(L)));
    return 1;
}

/*
 * claims:address() -> an integer for claims_at in another thread, as long as the board lives here.
 */
static int l_address(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)(uintptr_t)check(L));
    return 1;
}

/* #claims -> how many slots. */
static int l_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check(L)->count);
    return 1;
}

static int l_gc(lua_State *L)
{
    lclaims *c = crun__object_check(L, 1, &claims_class);
    if (c->claims)
        crun__claims_release(c->claims);
    c->claims = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"offer", l_offer}, {"take", l_take},       {"revoke", l_revoke},
    {"taken", l_taken}, {"address", l_address}, {NULL, NULL},
};

static const luaL_Reg metamethods[] = {{"__len", l_len}, {"__gc", l_gc}, {NULL, NULL}};

static const crun__class claims_class = {"crun.Claims", methods, metamethods, sizeof(lclaims), 0};

static lua_Integer check_count(lua_State *L)
{
    lua_Integer count = luaL_checkinteger(L, 1);
    luaL_argcheck(L, count >= 1 && count <= CRUN__CLAIMS_MOST, 1, "a number of slots expected");
    return count;
}

static crun__claims **new_claims(lua_State *L)
{
    return &((lclaims *)crun__object_new(L, &claims_class))->claims;
}

/* claims(slots) -> a board for threads of this process | nil, message, code. */
static int l_claims(lua_State *L)
{
    lua_Integer count = check_count(L);
    int rc = crun__claims_new((uint32_t)count, new_claims(L));
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

/* claims_share(slots) -> a board, a descriptor for a process's claims_open | nil, message, code. */
static int l_claims_share(lua_State *L)
{
    int fd;
    lua_Integer count = check_count(L);
    int rc = crun__claims_share((uint32_t)count, new_claims(L), &fd);
    if (rc < 0)
        return crun__lua_fail(L, rc);
    lua_pushinteger(L, fd);
    return 2;
}

/* claims_open(fd) -> its board; takes the descriptor | nil, message, code. */
static int l_claims_open(lua_State *L)
{
    lua_Integer fd = luaL_checkinteger(L, 1);
    luaL_argcheck(L, fd >= 0 && fd <= INT_MAX, 1, "a descriptor expected");
    int rc = crun__claims_open((int)fd, new_claims(L));
    return rc < 0 ? crun__lua_fail(L, rc) : 1;
}

/* claims_at(address) -> the board that has it, in another thread. */
static int l_claims_at(lua_State *L)
{
    lua_Integer address = luaL_checkinteger(L, 1);
    crun__claims **claims = new_claims(L);
    *claims = crun__claims_retain((crun__claims *)(uintptr_t)address);
    return 1;
}

void crun__open_claims(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"claims", l_claims},
        {"claims_share", l_claims_share},
        {"claims_open", l_claims_open},
        {"claims_at", l_claims_at},
        {NULL, NULL},
    };
    crun__class_open(L, &claims_class, 0);
    crun__open_functions(L, functions);
}
