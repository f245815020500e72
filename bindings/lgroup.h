/*
 * SPDX-License-Identifier: MIT
 *
 * Groups: tasks that end together.
 *
 * A group belongs to the task that opened it, which has to close it, and waits there until every
 * task of the group has ended. The first failure cancels all the others, and the owner too where it
 * is inside the group: from the opening to the closing the owner is in a scope of the group's. A
 * cancel of the owner cancels the tasks with the same reason and origin. All errors are kept, and
 * the closing raises them as one crun.Error.
 *
 * Each task is watched until it ends. Ends are told outside of any protected call, so what needs
 * memory waits for the next call on the group; a task that returned nothing then leaves nothing
 * behind, and a group that lives as long as a server does not grow.
 */
#ifndef CRUN__LGROUP_H
#define CRUN__LGROUP_H

#include "bind.h"
#include "lscope.h"

/*
 * User values: the tasks by number, those alive or with results; the failed ones in the order of
 * their ends; the cancel error of all; where the group was opened.
 */
enum { GROUP_TASKS = 1, GROUP_FAILED, GROUP_CANCEL, GROUP_SITE, GROUP_USERVALUES = GROUP_SITE };

enum group_state { GROUP_OPEN, GROUP_CLOSING, GROUP_CLOSED };

typedef struct group {
    crun__object object;
    crun__lscope body; /* of the owner */
    crun_waitq waiter; /* the owner, until all tasks have ended */
    crun__link live;   /* members in the order of their spawns */
    crun__link ended;  /* and of their ends, until they have been looked at */
    crun__link cursor; /* of a walk over the live ones, during which some may end */
    crun__link spare;  /* members of no task, to be used again */
    size_t count;      /* live ones */
    lua_Integer spawned;
    uint64_t owner;
    enum group_state state;
    bool cancelled;
    bool failed;   /* one of its tasks */
    bool anchored; /* kept by the registry, as while tasks are alive */
    bool walking;  /* over the live ones */
    bool stuck;    /* closed by a deadlock */
} group;

/* The group at index 1; raises an argument error. */
group *crun__group_check(lua_State *L);

/* Pushes a group of the running task, which from now on is inside it. */
group *crun__group_open(lua_State *L);

/* Looks at the tasks that have ended: keeps the failed ones and those with results. */
void crun__group_reap(lua_State *L, group *g);

/* Appends what is on top, a task or false for the body, to those that failed; pops it. */
void crun__group_keep_failed(lua_State *L);

/* It is closed: whoever closed it learns of its failures. */
void crun__group_closed(lua_State *L, group *g);

/* Protected, at the program's end: reports the failures in groups that nobody has closed. */
void crun__group_report_all(lua_State *L, void *arg);

/* Cancels all for the reason, and with the origin, of the owner's error at the index. */
void crun__group_cancel_for(lua_State *L, group *g, int error);

/* group:close() and its __close, group:results([t]), group(fn, ...): see lgroup_close.c. */
int crun__l_group_close(lua_State *L);
int crun__l_group_meta_close(lua_State *L);
int crun__l_group_results(lua_State *L);
int crun__l_group(lua_State *L);

#endif
