/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.h"

enum { CLOSE_ON_EXEC = 1 << 2 /* CLOSE_RANGE_CLOEXEC, which older headers lack */ };

static void set_cloexec(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && !(flags & FD_CLOEXEC))
        fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

/* A name of digits; or -1. */
static int number(const char *name)
{
    int n = 0;
    for (; *name; name++) {
        if (*name < '0' || *name > '9')
            return -1;
        n = 10 * n + (*name - '0');
    }
    return n;
}

/* opendir needs memory, which another thread may be asking for at the moment of the vfork. */
static int read_entries(int folder, int low)
{
    _Alignas(struct dirent64) char entries[1024];
    long size = syscall(SYS_getdents64, folder, entries, sizeof entries);
    for (long at = 0; at < size;) {
        const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + at);
        int fd = number(entry->d_name);
        if (fd >= low)
            set_cloexec(fd);
        at += entry->d_reclen;
    }
    return size > 0;
}

void crun__close_on_exec_from_by_list(int low)
{
    int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        while (read_entries(folder, low))
            continue;
        close(folder);
        return;
    }
    long limit = sysconf(_SC_OPEN_MAX);
    for (int fd = low; fd < limit; fd++)
        set_cloexec(fd);
}

void crun__close_on_exec_from(int low)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)low, ~0U, CLOSE_ON_EXEC) == 0)
        return;
#endif
    crun__close_on_exec_from_by_list(low);
}
