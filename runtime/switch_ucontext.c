/* SPDX-License-Identifier: MIT */
#include "switch.h"

/*
 * The portable switch, for machines without an assembly one and for processes that run under a
 * hardware shadow stack, which the C library's swapcontext knows how to change. It costs two
 * system calls for the signal mask. The saved stack pointer is that of a ucontext_t which lies on
 * the parked stack itself, so that the contract is the same as the assembly's.
 */

#ifdef CRUN_SWITCH_UCONTEXT

#include <stdint.h>
#include <string.h>
#include <ucontext.h>

struct fresh {
    ucontext_t context;
    void (*entry)(void *);
    void *arg;
};

/* makecontext passes ints; a pointer goes through as two halves. */
static void start(unsigned high, unsigned low)
{
    struct fresh *fresh = (void *)(uintptr_t)(((uint64_t)high << 32) | low);
    fresh->entry(fresh->arg);
}

/* swapcontext fails only for want of room on a stack, which for two live contexts cannot be. ASan
 * looks at uc_stack, which the C library leaves as it was. */
void crun__switch(void **save_sp, void *to_sp)
{
    ucontext_t here;
    here.uc_stack = (stack_t){0};
    *save_sp = &here;
    (void)swapcontext(&here, to_sp);
}

/* getcontext fails for no reason that could apply. */
void *crun__switch_prepare(char *lo, char *top, void (*entry)(void *), void *arg)
{
    struct fresh *fresh = (void *)(((uintptr_t)top - sizeof *fresh) & ~(uintptr_t)63);
    uint64_t pointer = (uintptr_t)fresh;
    memset(fresh, 0, sizeof *fresh);
    (void)getcontext(&fresh->context);
    fresh->entry = entry;
    fresh->arg = arg;
    fresh->context.uc_stack.ss_sp = lo;
    fresh->context.uc_stack.ss_size = (size_t)((char *)fresh - lo);
    makecontext(&fresh->context, (void (*)(void))start, 2, (unsigned)(pointer >> 32),
                (unsigned)pointer);
    return fresh;
}

#endif
