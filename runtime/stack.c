/* SPDX-License-Identifier: MIT */
#include "stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sanitizer.h"

#if CRUN__ASAN
#include <sanitizer/asan_interface.h>
#endif

/*
 * Address space below each stack that faults when touched. More than a page, because foreign C code
 * compiled without stack probes can step over one with a single large local array, and because
 * with MADV_GUARD_INSTALL more costs next to nothing. An odd number of 4 KiB pages, so that equal
 * stacks do not all start on the same lines of the caches.
 */
#ifndef CRUN_STACK_GUARD
#define CRUN_STACK_GUARD ((size_t)68 * 1024)
#endif

/* Linux 6.13 and 5.14; the C library's headers may be older than the running kernel. */
#define ADVICE_GUARD_INSTALL 102
#define ADVICE_POPULATE_READ 22

/* Whether the kernel has guards that need no mapping of their own. Learnt at the first stack; a
 * race only makes two threads learn the same. */
enum { LIGHT_UNKNOWN, LIGHT_YES, LIGHT_NO };
static atomic_int light_guards = LIGHT_UNKNOWN;

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static size_t guard_size(void)
{
    return round_up(CRUN_STACK_GUARD, page_size());
}

/* Emulated systems answer 0 to advice they do not know, so a guard is only believed in when the
 * kernel itself cannot read it. */
static bool guard_holds(char *lo, size_t size)
{
    return madvise(lo, size, ADVICE_POPULATE_READ) == -1 && errno == EFAULT;
}

static bool install_light_guard(char *lo, size_t size)
{
    int known = atomic_load_explicit(&light_guards, memory_order_relaxed);
    if (known == LIGHT_NO || madvise(lo, size, ADVICE_GUARD_INSTALL) != 0) {
        if (known == LIGHT_UNKNOWN && errno == EINVAL) {
            atomic_store_explicit(&light_guards, LIGHT_NO, memory_order_relaxed);
        }
        return false;
    }
    if (known == LIGHT_UNKNOWN) {
        known = guard_holds(lo, size) ? LIGHT_YES : LIGHT_NO;
        atomic_store_explicit(&light_guards, known, memory_order_relaxed);
    }
    return known == LIGHT_YES;
}

/* ENOMEM here means that the process has no mapping left to split off, which is no reason to
 * refuse the stack. */
static int install_guard(char *lo, size_t size, bool *guarded)
{
    *guarded = true;
    if (install_light_guard(lo, size) || mprotect(lo, size, PROT_NONE) == 0) {
        return 0;
    }
    *guarded = false;
    return errno == ENOMEM ? 0 : -errno;
}

/*
 * Neighbouring stacks merge into one kernel mapping, which must not be backed by huge pages: a
 * touch of one byte would cost 2 MiB. Newer kernels conclude that from MAP_STACK. A refusal
 * (no huge pages in this kernel, or no mapping left for the difference) leaves only that cost.
 */
static void forbid_huge_pages(char *lo, size_t size)
{
#ifdef MADV_NOHUGEPAGE
    (void)madvise(lo, size, MADV_NOHUGEPAGE);
#else
    (void)lo;
    (void)size;
#endif
}

static void forget_poison(char *lo, size_t size)
{
#if CRUN__ASAN
    __asan_unpoison_memory_region(lo, size);
#else
    (void)lo;
    (void)size;
#endif
}

int crun__stack_map(crun__stack *out, size_t size)
{
    size_t guard = guard_size();
    bool guarded;
    if (size > SIZE_MAX / 2) {
        return -ENOMEM;
    }
    size = round_up(size == 0 ? CRUN_STACK_SIZE : size, page_size());
    char *base = mmap(NULL, guard + size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED) {
        return -errno;
    }
    forbid_huge_pages(base, guard + size);
    int error = install_guard(base, guard, &guarded);
    if (error < 0) {
        (void)munmap(base, guard + size); /* the error worth telling is the first */
        return error;
    }
    *out = (crun__stack){.lo = base + guard, .size = size, .guarded = guarded};
    return 0;
}

/* At the mapping limit the kernel may refuse to cut a hole; then the memory is freed all the same
 * and only its address space stays taken. */
void crun__stack_unmap(crun__stack *s)
{
    size_t guard = guard_size();
    forget_poison(s->lo, s->size);
    if (munmap(s->lo - guard, guard + s->size) != 0) {
        (void)madvise(s->lo, s->size, MADV_DONTNEED);
    }
    *s = (crun__stack){0};
}

void crun__stack_trim(crun__stack *s, size_t keep)
{
    keep = round_up(keep, page_size());
    if (keep < s->size) {
        (void)madvise(s->lo, s->size - keep, MADV_DONTNEED); /* fails only for locked pages */
    }
}

long crun__stack_map_limit(void)
{
    char text[32];
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0) {
        return -1;
    }
    text[n] = '\0';
    long limit = strtol(text, NULL, 10);
    return limit > 0 ? limit : -1;
}

bool crun__stack_guards(const crun__stack *s, const void *addr)
{
    uintptr_t lo = (uintptr_t)s->lo;
    uintptr_t at = (uintptr_t)addr;
    return s->guarded && at < lo && at >= lo - guard_size();
}
