/*
 * SPDX-License-Identifier: MIT
 *
 * Scopes of Lua code: with_timeout and shield, and what an interactive program wraps each statement
 * in.
 */
#ifndef CRUN__LSCOPE_H
#define CRUN__LSCOPE_H

#include "../runtime/scope.h"
#include "bind.h"

/*
 * Every scope of a Lua task, and of the main one, is part of one of these. The cancel error of one
 * that its reason does not tell enough of is in the registry, at the address of the scope.
 */
typedef struct crun__lscope {
    crun__scope scope;
    lua_Integer id;     /* by which its cancel error is recognised, never used again; 0: by none */
    const char *reason; /* of its cancel, unless it expires */
} crun__lscope;

static inline crun__lscope *crun__lscope_of(crun__scope *scope)
{
    return crun__container_of(scope, crun__lscope, scope);
}

/*
 * Pushes "file:12", where with_timeout was called that made the scope of the running task; nil if
 * that is too far up, or in a coroutine that has resumed the one in which the task waits.
 */
void crun__lscope_origin(lua_State *L, const crun__lscope *s);

#endif
