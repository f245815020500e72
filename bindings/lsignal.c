/* SPDX-License-Identifier: MIT */
#include "lsignal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lmonitor.h"
#include "lpoke.h"

enum { KINDS = 4 };

static const int kinds[KINDS] = {SIGINT, SIGTERM, SIGPIPE, SIGQUIT};

/* How soon, in nanoseconds, a signal asks again when it has not been acted upon; then ever less. */
enum { FIRST_REMINDER = 20000000, LAST_REMINDER = 640000000 };

/* Process-wide, since signals are. Written by the owner's thread and by handlers on that thread. */
static struct {
    crun_hub *hub; /* NULL: nobody has taken the signals */
    pthread_t thread;
    crun__signals_act *act;
    volatile sig_atomic_t first;   /* the first signal that came */
    volatile sig_atomic_t pending; /* it has not been acted upon */
    volatile sig_atomic_t asked;   /* it was crun__signals_ask */
    bool taken[KINDS];
    struct sigaction before[KINDS];
    timer_t timer;
    bool reminds; /* there is that timer */
    volatile long reminder;
} own;

static atomic_flag owned = ATOMIC_FLAG_INIT;
static pid_t parent; /* whose worker the process is; 0: nobody's */

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
    crun__poke_serve();
    act();
}

/*
 * When the signal has been acted upon before, this is a reminder: for a task that was cancelled
 * while it waited, got what it waited for, and computes since.
 */
void crun__signal_now(lua_State *L)
{
    crun_task *self = crun__hub->current;
    bool first = act();
    if (!L || !self || !(self->flags & CRUN__DOOMED))
        return;
    if (first || (own.first && !(self->flags & CRUN__TOLD) && !crun__monitor_spares(L)))
        crun__lua_raise(L, self, CRUN_ECANCELED);
}

/* --- in the handlers ---------------------------------------------------------------------- */

static void remind(long ns)
{
    struct itimerspec once = {.it_value = {.tv_nsec = ns}};
    own.reminder = ns;
    if (own.reminds)
        timer_settime(own.timer, 0, &once, NULL);
}

/*
 * The timer's signal is one of those that are taken, and carries its origin. A worker, which nobody
 * at a terminal could stop, is reminded for about a second, also after the signal was acted upon.
 */
static void on_reminder(void)
{
    if (!own.hub)
        return;
    bool again = crun__poke_again();
    if (parent && own.first && own.reminder < LAST_REMINDER) {
        crun__poke(CRUN__POKE_SIGNAL);
        again = true;
    }
    if (again)
        remind(own.reminder < LAST_REMINDER ? own.reminder * 2 : LAST_REMINDER);
}

static void ask(unsigned what)
{
    crun__poke(what);
    crun_hub_wake(own.hub);
    remind(FIRST_REMINDER);
}

void crun__signals_die(int signo)
{
    struct sigaction end = {.sa_handler = SIG_DFL};
    sigset_t set;
    sigaction(signo, &end, NULL);
    sigemptyset(&set);
    sigaddset(&set, signo);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(signo);
    _exit(128 + signo);
}

static void on_end(int signo)
{
    if (own.first && parent)
        crun__signals_die(signo);
    if (own.first)
        _exit(128 + signo);
    own.first = own.pending = signo;
    ask(CRUN__POKE_SIGNAL);
}

static bool is_ask(const siginfo_t *info)
{
    return info->si_code == SI_QUEUE && info->si_value.sival_ptr == &own;
}

/* What the parent wants it may have wanted before, and the terminal have told to both. */
static bool is_parents(int signo, const siginfo_t *info)
{
    return parent && signo == SIGTERM && info->si_code == SI_USER && info->si_pid == parent;
}

static void on_end_once(int signo, bool asked)
{
    if (own.first)
        return;
    own.asked = asked;
    on_end(signo);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    int saved = errno;
    (void)context;
    if (!pthread_equal(pthread_self(), own.thread))
        pthread_kill(own.thread, signo);
    else if (info->si_code == SI_TIMER)
        on_reminder();
    else if (is_ask(info) || is_parents(signo, info))
        on_end_once(signo, is_ask(info));
    else if (signo == SIGQUIT)
        ask(CRUN__POKE_DUMP);
    else
        on_end(signo);
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
    struct sigaction mine = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    if (kinds[i] == SIGPIPE)
        mine = (struct sigaction){.sa_handler = on_pipe};
    sigemptyset(&mine.sa_mask);
    for (int k = 0; k < KINDS; k++)
        if (kinds[k] != SIGPIPE)
            sigaddset(&mine.sa_mask, kinds[k]);
    sigaddset(&mine.sa_mask, SIGURG);
    own.taken[i] = sigaction(kinds[i], &mine, NULL) == 0;
}

/* Without a timer all is well but for a signal in the wrong microsecond. */
static void make_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL};
    for (int i = 0; i < KINDS; i++)
        if (own.taken[i] && kinds[i] != SIGPIPE)
            event.sigev_signo = kinds[i];
    own.reminds = event.sigev_signo && timer_create(CLOCK_MONOTONIC, &event, &own.timer) == 0;
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
        if (program || kinds[i] != SIGQUIT)
            take(i, program && kinds[i] == SIGINT);
    make_timer();
    return true;
}

static bool is_mine(const struct sigaction *action)
{
    if (action->sa_flags & SA_SIGINFO)
        return action->sa_sigaction == on_signal;
    return action->sa_handler == on_pipe;
}

void crun__signals_give_back(const crun_hub *hub)
{
    if (!own.hub || own.hub != hub)
        return;
    if (own.reminds)
        timer_delete(own.timer);
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

void crun__signals_ask(void)
{
    (void)sigqueue(getpid(), SIGTERM, (union sigval){.sival_ptr = &own});
}

bool crun__signals_asked(void)
{
    return own.asked;
}

void crun__signals_set_parent(int id)
{
    parent = id;
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
    own.first = own.pending;
}
