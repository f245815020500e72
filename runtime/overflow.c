/* SPDX-License-Identifier: MIT */
#include "overflow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "stack.h"

/* Room for a report that walks Lua's stacks and formats text. */
#define ALT_STACK_SIZE ((size_t)64 * 1024)
/* What an application's own alternate stack must offer to be kept. */
#define ALT_STACK_ENOUGH ((size_t)32 * 1024)

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

#define SIGNALS 2
static const int signals[SIGNALS] = {SIGSEGV, SIGBUS};

struct watch {
    bool (*handle)(void *addr, void *arg);
    void *arg;
    stack_t earlier_alt; // to restore on leave
    crun__stack alt;     // ours; lo is NULL while the application's own is in use
};

/* Initial-exec: the lazy way of a dynamically loaded module may call malloc at the first access,
 * which a signal handler in a foreign thread would then do. */
static _Thread_local struct watch *own_watch __attribute__((tls_model("initial-exec")));

/* The process's part: who was there before, and how many threads watch. `earlier` is written
 * before the handler that reads it is installed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned watching;
static bool installed[SIGNALS];
static struct sigaction earlier[SIGNALS];

static int signal_index(int sig)
{
    return sig == signals[0] ? 0 : 1;
}

/*
 * Ends the process by sig. A fault of the running instruction happens again on return, which keeps
 * its place for the core dump; a signal that was sent must be sent again.
 */
static void die_of(int sig, const siginfo_t *info)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(sig, &action, NULL);
    if (info->si_code <= 0) {
        (void)raise(sig);
    }
}

static void pass_on(int sig, siginfo_t *info, void *ucontext)
{
    const struct sigaction *action = &earlier[signal_index(sig)];
    if (action->sa_flags & SA_SIGINFO) {
        action->sa_sigaction(sig, info, ucontext);
    } else if (action->sa_handler == SIG_DFL) {
        die_of(sig, info);
    } else if (action->sa_handler != SIG_IGN) {
        action->sa_handler(sig);
    } else if (info->si_code > 0) {
        die_of(sig, info); /* the kernel lets nobody ignore a fault */
    }
}

static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
    int saved_errno = errno;
    const struct watch *watch = own_watch;
    if (watch != NULL && info->si_code > 0 && watch->handle(info->si_addr, watch->arg)) {
        die_of(sig, info);
    } else {
        pass_on(sig, info, ucontext);
    }
    errno = saved_errno;
}

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_fault;
}

static int install(int i)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    (void)sigemptyset(&action.sa_mask);
    for (int k = 0; k < SIGNALS; k++) {
        (void)sigaddset(&action.sa_mask, signals[k]);
    }
    if (sigaction(signals[i], NULL, &earlier[i]) != 0 ||
        sigaction(signals[i], &action, NULL) != 0) {
        return -errno;
    }
    installed[i] = true;
    return 0;
}

/* A handler that was put on top of ours may call ours, so then ours stays for good: installing it
 * again above would make the two call each other for ever. */
static void uninstall(int i)
{
    struct sigaction now;
    if (installed[i] && sigaction(signals[i], NULL, &now) == 0 && is_ours(&now)) {
        installed[i] = sigaction(signals[i], &earlier[i], NULL) != 0;
    }
}

/* With lock held. */
static void uninstall_unused(void)
{
    for (int i = 0; i < SIGNALS && watching == 0; i++) {
        uninstall(i);
    }
}

static int watch_process(void)
{
    int error = 0;
    (void)pthread_mutex_lock(&lock);
    for (int i = 0; i < SIGNALS && error == 0; i++) {
        error = installed[i] ? 0 : install(i);
    }
    watching += error == 0;
    uninstall_unused();
    (void)pthread_mutex_unlock(&lock);
    return error;
}

static void unwatch_process(void)
{
    (void)pthread_mutex_lock(&lock);
    watching--;
    uninstall_unused();
    (void)pthread_mutex_unlock(&lock);
}

/* The kernel's signal frame grows with the processor's registers; what it takes comes on top. */
static size_t signal_frame_size(void)
{
    return (size_t)getauxval(AT_MINSIGSTKSZ);
}

static int map_alt_stack(struct watch *watch)
{
    int error = crun__stack_map(&watch->alt, ALT_STACK_SIZE + signal_frame_size());
    if (error < 0) {
        return error;
    }
    stack_t alt = {.ss_sp = watch->alt.lo, .ss_size = watch->alt.size};
    if (sigaltstack(&alt, NULL) != 0) {
        error = -errno;
        crun__stack_unmap(&watch->alt);
    }
    return error;
}

static int use_alt_stack(struct watch *watch)
{
    if (sigaltstack(NULL, &watch->earlier_alt) != 0) {
        return -errno;
    }
    bool kept = !(watch->earlier_alt.ss_flags & SS_DISABLE) &&
                watch->earlier_alt.ss_size >= ALT_STACK_ENOUGH + signal_frame_size();
    return kept ? 0 : map_alt_stack(watch);
}

/* An alternate stack that the application has set meanwhile is its own business and stays. */
static void drop_alt_stack(struct watch *watch)
{
    stack_t now;
    if (watch->alt.lo == NULL) {
        return;
    }
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == watch->alt.lo) {
        (void)sigaltstack(&watch->earlier_alt, NULL);
    }
    crun__stack_unmap(&watch->alt);
}

int crun__overflow_enter_thread(bool (*handle)(void *addr, void *arg), void *arg)
{
    if (own_watch != NULL) {
        return -EBUSY;
    }
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return -ENOMEM;
    }
    watch->handle = handle;
    watch->arg = arg;
    int error = use_alt_stack(watch);
    if (error < 0) {
        goto no_stack;
    }
    error = watch_process();
    if (error < 0) {
        goto no_handler;
    }
    own_watch = watch;
    return 0;

no_handler:
    drop_alt_stack(watch);
no_stack:
    free(watch);
    return error;
}

void crun__overflow_leave_thread(void)
{
    struct watch *watch = own_watch;
    if (watch == NULL) {
        return;
    }
    own_watch = NULL;
    unwatch_process();
    drop_alt_stack(watch);
    free(watch);
}
