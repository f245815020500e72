/* SPDX-License-Identifier: MIT */
#include "bind.h"
#include "prog.h"

/*
 * The linker puts this in the place of lua_resume for everything that is linked into the program,
 * Lua's own coroutine library included. So a signal handler can find the coroutine that runs, which
 * Lua itself does not tell.
 */
int __real_lua_resume(lua_State *L, lua_State *from, int nargs, int *nresults);
int __wrap_lua_resume(lua_State *L, lua_State *from, int nargs, int *nresults);

/* A task that waits in between keeps its runner: this frame lies on its stack. */
int __wrap_lua_resume(lua_State *L, lua_State *from, int nargs, int *nresults)
{
    crun_task *self = crun__hub ? crun__hub->current : NULL;
    if (!self)
        return __real_lua_resume(L, from, nargs, nresults);
    crun__runner *runner = self->runner;
    void *outer = runner->inner;
    runner->inner = L;
    int status = __real_lua_resume(L, from, nargs, nresults);
    runner->inner = outer;
    return status;
}

void crun__prog_track(void)
{
    crun__universe->resume = __real_lua_resume;
}
