/* SPDX-License-Identifier: MIT */
#include "claims.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <crun/error.h>

/* Two processes agree on what lies in a slot only where it needs no lock of the library's. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "claims need atomic 64-bit numbers");

static size_t size_of(uint32_t count)
{
    return count * sizeof(atomic_uint_least64_t);
}

static int new_board(uint32_t count, atomic_uint_least64_t *slots, bool mapped, crun__claims **out)
{
    crun__claims *claims = malloc(sizeof *claims);
    if (!claims)
        return CRUN_ENOMEM;
    claims->slots = slots;
    claims->count = count;
    claims->mapped = mapped;
    atomic_init(&claims->refs, 1);
    *out = claims;
    return 0;
}

int crun__claims_new(uint32_t count, crun__claims **out)
{
    if (count < 1 || count > CRUN__CLAIMS_MOST)
        return CRUN_EINVAL;
    atomic_uint_least64_t *slots = calloc(count, sizeof *slots);
    if (!slots)
        return CRUN_ENOMEM;
    int rc = new_board(count, slots, false, out);
    if (rc < 0)
        free(slots);
    return rc;
}

/* The descriptor stays the caller's. */
static int map_board(int fd, uint32_t count, crun__claims **out)
{
    void *slots = mmap(NULL, size_of(count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (slots == MAP_FAILED)
        return -errno;
    int rc = new_board(count, slots, true, out);
    if (rc < 0)
        (void)munmap(slots, size_of(count));
    return rc;
}

/* Sealed against shrinking: reading memory that a process has cut off would kill the reader. */
static int make_shared(size_t size)
{
    int fd = memfd_create("crun claims", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
        int code = -errno;
        (void)close(fd);
        return code;
    }
    return fd;
}

int crun__claims_share(uint32_t count, crun__claims **out, int *fd)
{
    if (count < 1 || count > CRUN__CLAIMS_MOST)
        return CRUN_EINVAL;
    int made = make_shared(size_of(count));
    if (made < 0)
        return made;
    int rc = map_board(made, count, out);
    if (rc < 0)
        (void)close(made);
    else
        *fd = made;
    return rc;
}

int crun__claims_open(int fd, crun__claims **out)
{
    struct stat about;
    int rc = fstat(fd, &about) < 0 ? -errno : CRUN_EINVAL;
    size_t count = rc == CRUN_EINVAL && S_ISREG(about.st_mode) && about.st_size > 0
                       ? (size_t)about.st_size / sizeof(atomic_uint_least64_t)
                       : 0;
    if (count >= 1 && count <= CRUN__CLAIMS_MOST)
        rc = map_board(fd, (uint32_t)count, out);
    (void)close(fd);
    return rc;
}

crun__claims *crun__claims_retain(crun__claims *claims)
{
    (void)atomic_fetch_add_explicit(&claims->refs, 1, memory_order_relaxed);
    return claims;
}

void crun__claims_release(crun__claims *claims)
{
    if (atomic_fetch_sub_explicit(&claims->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (claims->mapped)
        (void)munmap(claims->slots, size_of(claims->count));
    else
        free(claims->slots);
    free(claims);
}
