/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_LUA_MEMORY_H
#define CRUN_SPEC_LUA_MEMORY_H

/* An allocator for a lua_State that counts, has a limit, and fails when it is told to. */

#include <stddef.h>
#include <stdlib.h>

struct memory {
    size_t used, most;
    size_t limit; /* 0: none */
    long fail_in; /* calls that ask for more, this one and all after it fail; 0: none */
};

static inline void *memory_allocate(void *arg, void *block, size_t old, size_t size)
{
    struct memory *m = arg;
    old = block ? old : 0;
    if (size == 0) {
        free(block);
        m->used -= old;
        return NULL;
    }
    if (size > old && m->limit && m->used - old + size > m->limit) {
        return NULL;
    }
    if (size > old && m->fail_in > 0 && --m->fail_in == 0) {
        m->fail_in = 1;
        return NULL;
    }
    void *fresh = realloc(block, size);
    if (fresh) {
        m->used = m->used - old + size;
        m->most = m->used > m->most ? m->used : m->most;
    }
    return fresh;
}

#endif
