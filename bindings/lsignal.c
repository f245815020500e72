/* SPDX-License-Identifier: MIT */
#include "lsignal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"

enum { WHOLE_HOOK = LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, KINDS = 3 };

static const int kinds[KINDS] = {SIGINT, SIGTERM, SIGPIPE};

/* A debug hook that gave way to ours, until ours has run. */
struct hook {
    lua_Hook fn;
    int mask, count;
};

/* Process-wide, since signals are. Written by the owner's thread and by handlers on that thread. */
static struct {
    crun_hub *hub; /* NULL: nobody has taken the signals */
    pthread_t thread;
    crun__signals_act *act;
    volatile sig_atomic_t first;   /* the first signal that came */
    volatile sig_atomic_t pending; /* it has not been acted upon */
    struct hook hook;
    bool taken[KINDS];
    struct sigaction before[KINDS];
} own;

static atomic_flag owned = ATOMIC_FLAG_INIT;

/* Acts on the signal, once: whichever of hub and hook gets there first. */
static bool act(void)
{
    int signo = own.pending;
    own.pending = 0;
    if (!signo)
        return false;
    if (own.act)
        own.act(signo);
    else
        crun_lua_interrupt(crun__signals_name());
    return true;
}

static void on_wake(void *arg)
{
    (void)arg;
    act();
}

static void on_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lua_sethook(L, own.hook.fn, own.hook.mask, own.hook.count);
    crun_task *self = crun__hub->current;
    if (act() && self && (self->flags & CRUN__DOOMED))
        crun__lua_raise(L, self, CRUN_ECANCELED);
}

/*
 * In the handler. Stops the Lua code that runs at its next instruction: lua_sethook is made to be
 * called while its state runs. The state may also be that of a task that waits in the hub; its hook
 * then finds nothing left to do.
 */
static void set_hook(void)
{
    lua_State *L = crun_lua_running();
    if (!L || lua_gethook(L) == on_hook)
        return;
    own.hook = (struct hook){lua_gethook(L), lua_gethookmask(L), lua_gethookcount(L)};
    lua_sethook(L, on_hook, WHOLE_HOOK, 1);
}

static void on_end(int signo)
{
    int saved = errno;
    if (!pthread_equal(pthread_self(), own.thread)) {
        pthread_kill(own.thread, signo);
    } else if (own.first) {
        _exit(128 + signo);
    } else {
        own.first = own.pending = signo;
        set_hook();
        crun_hub_wake(own.hub);
    }
    errno = saved;
}

/*
 * libuv writes without MSG_NOSIGNAL, so the signal comes for connections too. A handler and not
 * SIG_IGN, which a script in a pipe would not notice (print looks at no result: `script | head`
 * would never end), and which child processes would inherit.
 */
static void on_pipe(int signo)
{
    const crun_hub *hub = crun__hub;
    if (hub && (!hub->current || hub->writing))
        return;
    struct sigaction die = {.sa_handler = SIG_DFL};
    sigaction(signo, &die, NULL);
    (void)raise(signo);
}

static void take(int i, bool even_if_ignored)
{
    struct sigaction *before = &own.before[i];
    sigaction(kinds[i], NULL, before);
    if (!(before->sa_flags & SA_SIGINFO) && before->sa_handler == SIG_IGN && !even_if_ignored)
        return;
    struct sigaction mine = {.sa_handler = kinds[i] == SIGPIPE ? on_pipe : on_end};
    sigemptyset(&mine.sa_mask);
    sigaddset(&mine.sa_mask, SIGINT);
    sigaddset(&mine.sa_mask, SIGTERM);
    own.taken[i] = sigaction(kinds[i], &mine, NULL) == 0;
}

bool crun__signals_take(crun_hub *hub, bool program)
{
    if (getpid() != gettid() || atomic_flag_test_and_set(&owned))
        return false;
    memset(&own, 0, sizeof own);
    own.hub = hub;
    own.thread = pthread_self();
    crun_hub_on_wake(hub, on_wake, NULL);
    for (int i = 0; i < KINDS; i++)
        take(i, program && kinds[i] == SIGINT);
    return true;
}

static bool is_mine(const struct sigaction *action)
{
    return !(action->sa_flags & SA_SIGINFO) &&
           (action->sa_handler == on_end || action->sa_handler == on_pipe);
}

void crun__signals_give_back(const crun_hub *hub)
{
    if (!own.hub || own.hub != hub)
        return;
    for (int i = 0; i < KINDS; i++) {
        struct sigaction now;
        if (own.taken[i] && sigaction(kinds[i], NULL, &now) == 0 && is_mine(&now))
            sigaction(kinds[i], &own.before[i], NULL);
    }
    crun_hub_on_wake(own.hub, NULL, NULL);
    own.hub = NULL;
    atomic_flag_clear(&owned);
}

void crun__signals_set_act(crun__signals_act *new_act)
{
    own.act = new_act;
}

int crun__signals_taken(void)
{
    return own.first;
}

const char *crun__signals_name(void)
{
    return own.first == SIGTERM ? "SIGTERM" : "SIGINT";
}

void crun__signals_forget(void)
{
    own.first = 0;
}
