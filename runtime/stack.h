/* SPDX-License-Identifier: MIT */
#ifndef CRUN__STACK_H
#define CRUN__STACK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Memory for C stacks: reserved whole, backed page by page as it is touched, with a guard below
 * that turns an overflow into SIGSEGV. Every function may be called from any thread; a
 * crun__stack belongs to one caller at a time. Why these sizes and this guard: docs/decisions/0001.
 */

/* Lua's own limit of about 200 nested C calls takes up to 418 KB of C stack (recursive gsub), so
 * a smaller stack dies before Lua can raise its error. */
#ifndef CRUN_STACK_SIZE
#define CRUN_STACK_SIZE ((size_t)1024 * 1024)
#endif

typedef struct crun__stack {
    char *lo;     // lowest usable byte, page-aligned
    size_t size;  // usable bytes, [lo, lo+size)
    bool guarded; // touching what is just below lo faults
} crun__stack;

/*
 * Maps a stack of size usable bytes, rounded up to whole pages; 0 means CRUN_STACK_SIZE. When the
 * process has no mapping left for the guard (vm.max_map_count), the stack comes without one.
 * Returns 0, or -ENOMEM when there is no address space, mapping or memory left, or another
 * negative errno if the system forbids such a mapping; out is untouched on failure.
 */
int crun__stack_map(crun__stack *out, size_t size);

/* Gives the stack and its guard back. Nothing may run on it. */
void crun__stack_unmap(crun__stack *s);

/* Frees the pages of all but the topmost keep bytes (rounded up to pages); what was there reads as
 * zero afterwards. Not for the stack one runs on, unless keep covers all that is in use. */
void crun__stack_trim(crun__stack *s, size_t keep);

/* The process's mapping limit (vm.max_map_count) for error texts; -1 if unknown. */
long crun__stack_map_limit(void);

/* Whether addr lies in the stack's guard. Async-signal-safe. */
bool crun__stack_guards(const crun__stack *s, const void *addr);

#endif
