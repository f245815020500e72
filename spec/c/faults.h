/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_FAULTS_H
#define CRUN_SPEC_FAULTS_H

/*
 * Failure on demand. A test that includes this is linked so that the calls of malloc, calloc,
 * realloc, aligned_alloc, strdup, free, mmap and munmap in this library come here (ld --wrap, see
 * the Makefile); libuv's come here by its own hook, and its system calls because the program's
 * definition precedes the C library's.
 *
 * faults_plan(n, ever_after) lets the n-th of them fail, or that one and all that follow, until
 * faults_end(), which tells whether it came to that. libuv ends the process when its realloc
 * fails or its threads cannot be made: those are left alone.
 */

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uv.h>

#define FAULTS_EXPORT __attribute__((visibility("default")))

static struct {
    atomic_bool on;
    bool ever_after;
    atomic_bool fired;
    long at;
    atomic_long seen;
    atomic_long blocks; // of memory that have not been freed
    atomic_long maps;   // bytes
    bool loop_begun;
} faults;

static inline void faults_plan(long at, bool ever_after)
{
    faults.at = at;
    faults.ever_after = ever_after;
    faults.seen = 0;
    faults.fired = false;
    faults.on = true;
}

static inline bool faults_end(void)
{
    faults.on = false;
    return faults.fired;
}

static inline bool faults_now(int error)
{
    if (!faults.on) {
        return false;
    }
    long seen = ++faults.seen;
    if (seen != faults.at && !(faults.ever_after && seen > faults.at)) {
        return false;
    }
    faults.fired = true;
    errno = error;
    return true;
}

static inline void *faults_count(void *block)
{
    faults.blocks += block != NULL;
    return block;
}

static inline int open_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir)) {
        count++;
    }
    if (dir) {
        (void)closedir(dir);
    }
    return count;
}

/* --- the runtime's ------------------------------------------------------------------------ */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t size);

void *__wrap_malloc(size_t size)
{
    return faults_now(ENOMEM) ? NULL : faults_count(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return faults_now(ENOMEM) ? NULL : faults_count(__real_calloc(count, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return faults_now(ENOMEM) ? NULL : faults_count(__real_aligned_alloc(alignment, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (faults_now(ENOMEM)) {
        return NULL;
    }
    void *moved = __real_realloc(block, size);
    return block ? moved : faults_count(moved);
}

char *__wrap_strdup(const char *text)
{
    return faults_now(ENOMEM) ? NULL : faults_count(__real_strdup(text));
}

void __wrap_free(void *block)
{
    faults.blocks -= block != NULL;
    __real_free(block);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (faults_now(ENOMEM)) {
        return MAP_FAILED;
    }
    void *map = __real_mmap(at, size, protection, flags, fd, offset);
    faults.maps += map != MAP_FAILED ? (long)size : 0;
    return map;
}

int __wrap_munmap(void *at, size_t size)
{
    int rc = __real_munmap(at, size);
    faults.maps -= rc == 0 ? (long)size : 0;
    return rc;
}

/* --- libuv's ------------------------------------------------------------------------------ */

/* libuv 1.44 forgets a loop's epoll descriptor when the pipe or the eventfd made next fails. */
FAULTS_EXPORT int eventfd(unsigned value, int flags)
{
    bool of_loop = faults.loop_begun;
    faults.loop_begun = false;
    return !of_loop && faults_now(EMFILE) ? -1 : (int)syscall(SYS_eventfd2, value, flags);
}

FAULTS_EXPORT int epoll_create1(int flags)
{
    faults.loop_begun = true;
    return faults_now(EMFILE) ? -1 : (int)syscall(SYS_epoll_create1, flags);
}

FAULTS_EXPORT int pipe2(int fds[2], int flags)
{
    return !faults.loop_begun && faults_now(EMFILE) ? -1 : (int)syscall(SYS_pipe2, fds, flags);
}

FAULTS_EXPORT int socket(int family, int type, int protocol)
{
    return faults_now(EMFILE) ? -1 : (int)syscall(SYS_socket, family, type, protocol);
}

static void *uv_side_malloc(size_t size)
{
    return __wrap_malloc(size);
}

static void *uv_side_calloc(size_t count, size_t size)
{
    return __wrap_calloc(count, size);
}

static void *uv_side_realloc(void *block, size_t size)
{
    void *moved = __real_realloc(block, size);
    return block ? moved : faults_count(moved);
}

static void uv_side_free(void *block)
{
    __wrap_free(block);
}

__attribute__((constructor)) static void faults_install(void)
{
    if (uv_replace_allocator(uv_side_malloc, uv_side_realloc, uv_side_calloc, uv_side_free) != 0) {
        abort();
    }
}

#endif
