/* SPDX-License-Identifier: MIT */
#ifndef CRUN__SWITCH_H
#define CRUN__SWITCH_H

#include <stddef.h>

#include "sanitizer.h"

#if CRUN__ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if CRUN__TSAN
#include <sanitizer/tsan_interface.h>
#endif

/*
 * A context is a C stack with a point to continue at. Laws:
 *  - A context belongs to the thread that initialized it; no other thread may switch to it
 *    (compilers keep thread-local addresses in registers across calls, and so across switches).
 *  - A context must not move in memory between init and fini.
 *  - Registers that a C function must preserve are preserved; the floating-point control state
 *    (rounding mode, exception masks) is the thread's, not the context's: a task that changes it
 *    must put it back before it waits. The price of saving it is in docs/decisions/0001.
 *  - The signal mask is the thread's as well, except in the ucontext build, where swapcontext
 *    moves it with the context (two system calls per switch).
 */

/* Other machines, and x32, whose pointers are half a stack slot, take the portable way. */
#if !defined(CRUN_SWITCH_UCONTEXT) && !(defined(__x86_64__) && defined(__LP64__)) &&               \
    !(defined(__aarch64__) && defined(__LP64__))
#define CRUN_SWITCH_UCONTEXT 1
#endif

typedef struct crun__context {
    void *sp;    // where the parked context's registers lie; stale while it runs
    char *lo;    // lowest usable byte of the stack; NULL for the thread's own
    size_t size; // bytes from lo to the top; 0 for the thread's own
#if CRUN__VALGRIND
    unsigned valgrind_id;
#endif
#if CRUN__ASAN
    void *asan_fake_stack;
    const void *asan_lo; // also known for the thread's own stack
    size_t asan_size;
    void (*asan_entry)(void *);
    void *asan_arg;
#endif
#if CRUN__TSAN
    void *tsan_fiber;
#endif
} crun__context;

/* Makes ctx stand for the calling thread's own stack, the one the thread was started on. */
void crun__context_init_thread(crun__context *ctx);

/*
 * Makes ctx a fresh context on [lo, lo+size): the first switch to it calls entry(arg), which must
 * never return. size is at least 4096 bytes, lo is 16-aligned; the memory stays the caller's. No
 * page of the stack but the topmost is touched.
 */
void crun__context_init(crun__context *ctx, char *lo, size_t size, void (*entry)(void *),
                        void *arg);

/*
 * Ends a context that is not running and never will again; its frames are dropped, not unwound.
 * The stack's memory may be unmapped or reused afterwards.
 */
void crun__context_fini(crun__context *ctx);

/*
 * The machine's part. crun__switch pushes the preserved registers, stores the stack pointer into
 * *save_sp and continues where to_sp was stored. crun__switch_prepare lays out a fresh stack from
 * lo to top, both 16-aligned, and returns the stack pointer to give to crun__switch.
 */
__attribute__((visibility("hidden"))) void crun__switch(void **save_sp, void *to_sp);
__attribute__((visibility("hidden"))) void *crun__switch_prepare(char *lo, char *top,
                                                                 void (*entry)(void *), void *arg);

/* Saves the running context into from and continues to; from and to must differ. */
static inline void crun__context_switch(crun__context *from, crun__context *to)
{
#if CRUN__ASAN
    __sanitizer_start_switch_fiber(&from->asan_fake_stack, to->asan_lo, to->asan_size);
#endif
#if CRUN__TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
    crun__switch(&from->sp, to->sp);
#if CRUN__ASAN
    __sanitizer_finish_switch_fiber(from->asan_fake_stack, NULL, NULL);
#endif
}

#endif
