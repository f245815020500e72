/* SPDX-License-Identifier: MIT */
#include "lawait.h"

#include "lfuture.h"

bool crun__awaitable_test(lua_State *L, int index)
{
    return crun__ltask_test(L, index) || crun__lfuture_test(L, index);
}

bool crun__awaitable_get(lua_State *L, int index, crun__awaitable *out)
{
    ltask *t = crun__ltask_test(L, index);
    if (t) {
        *out = (crun__awaitable){&t->base.joiners, &t->base};
        return true;
    }
    lfuture *f = crun__lfuture_test(L, index);
    if (!f)
        return false;
    crun__lfuture_look(L, index);
    *out = (crun__awaitable){&f->future.joiners, NULL};
    return true;
}

crun_task_status crun__awaitable_status(const crun__awaitable *a)
{
    if (a->task)
        return crun_task_get_status(a->task);
    return crun__container_of(a->joiners, crun_future, joiners)->status;
}

int crun__awaitable_results(lua_State *L, int index)
{
    if (crun__lfuture_test(L, index))
        return crun__lfuture_results(L, index);
    return crun__ltask_results(L, index);
}

void crun__awaitable_first_result(lua_State *L, int index)
{
    if (crun__lfuture_test(L, index))
        crun__lfuture_first_result(L, index);
    else
        crun__ltask_first_result(L, index);
}

void crun__awaitable_error(lua_State *L, int index)
{
    if (crun__lfuture_test(L, index))
        crun__lfuture_error(L, index);
    else
        crun__ltask_error(L, index);
}
