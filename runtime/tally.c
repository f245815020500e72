/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <crun/error.h>

enum { SIZE = sizeof(atomic_uint_least64_t) };

/* Nobody may cut it off: reading what is not there any more would kill the reader. */
static int make_memory(void)
{
    int fd = memfd_create("crun tally", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, SIZE) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
        int code = -errno;
        (void)close(fd);
        return code;
    }
    return fd;
}

static int check_memory(int fd)
{
    struct stat about;
    if (fstat(fd, &about) < 0)
        return -errno;
    int seals = fcntl(fd, F_GET_SEALS);
    return about.st_size == SIZE && seals >= 0 && seals & F_SEAL_SHRINK ? 0 : CRUN_EINVAL;
}

int crun__tally_open(crun__tally *tally, int fd)
{
    tally->fd = fd;
    int rc = check_memory(fd);
    if (rc == 0) {
        void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory != MAP_FAILED) {
            tally->count = memory;
            return 0;
        }
        rc = -errno;
    }
    tally->count = NULL;
    crun__tally_seal(tally);
    return rc;
}

int crun__tally_init(crun__tally *tally)
{
    tally->count = NULL;
    tally->fd = -1;
    int fd = make_memory();
    return fd < 0 ? fd : crun__tally_open(tally, fd);
}

void crun__tally_seal(crun__tally *tally)
{
    if (tally->fd >= 0)
        (void)close(tally->fd);
    tally->fd = -1;
}

void crun__tally_fini(crun__tally *tally)
{
    crun__tally_seal(tally);
    if (tally->count)
        (void)munmap(tally->count, SIZE);
    tally->count = NULL;
}
