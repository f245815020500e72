/*
 * SPDX-License-Identifier: MIT
 *
 * Scopes from Lua: with_timeout and shield.
 */
#ifndef CRUN__LSCOPE_H
#define CRUN__LSCOPE_H

#include "../runtime/scope.h"
#include "bind.h"

/* The number by which a scope's cancel error is recognised; never used again. */
lua_Integer crun__lscope_id(const crun__scope *scope);

#endif
