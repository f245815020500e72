/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <crun/error.h>

#include "runtime/tally.h"
#include "test.h"

TEST(what_one_end_counts_the_other_reads)
{
    crun__tally ours, theirs;
    CHECK_EQ_INT(crun__tally_init(&ours), 0);
    CHECK_EQ_INT(crun__tally_open(&theirs, dup(ours.fd)), 0);
    CHECK_EQ_INT((long)crun__tally_read(&ours), 0);
    crun__tally_add(&theirs);
    crun__tally_add(&theirs);
    CHECK_EQ_INT((long)crun__tally_read(&ours), 2);
    crun__tally_fini(&theirs);
    CHECK_EQ_INT((long)crun__tally_read(&ours), 2);
    crun__tally_fini(&ours);
    crun__tally_fini(&ours);
}

TEST(a_process_that_is_killed_has_counted_all_the_same)
{
    crun__tally tally;
    int told[2];
    CHECK_EQ_INT(crun__tally_init(&tally), 0);
    CHECK_EQ_INT(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        crun__tally_add(&tally);
        crun__tally_add(&tally);
        crun__tally_add(&tally);
        (void)!write(told[1], "x", 1);
        for (;;)
            (void)pause();
    }
    char byte;
    CHECK_EQ_INT((long)read(told[0], &byte, 1), 1);
    CHECK_EQ_INT(kill(child, SIGKILL), 0);
    CHECK_EQ_INT(waitpid(child, NULL, 0), child);
    CHECK_EQ_INT((long)crun__tally_read(&tally), 3);
    (void)close(told[0]);
    (void)close(told[1]);
    crun__tally_fini(&tally);
}

enum { COUNTED = 20000 };

static void *count(void *tally)
{
    for (int i = 0; i < COUNTED; i++)
        crun__tally_add(tally);
    return NULL;
}

TEST(threads_may_read_while_another_counts)
{
    crun__tally tally;
    pthread_t thread;
    CHECK_EQ_INT(crun__tally_init(&tally), 0);
    CHECK_EQ_INT(pthread_create(&thread, NULL, count, &tally), 0);
    uint64_t last = 0;
    while (last < COUNTED) {
        uint64_t now = crun__tally_read(&tally);
        CHECK(now >= last);
        last = now;
    }
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    CHECK_EQ_INT((long)crun__tally_read(&tally), COUNTED);
    crun__tally_fini(&tally);
}

TEST(a_sealed_one_is_read_on_without_its_descriptor)
{
    crun__tally tally;
    CHECK_EQ_INT(crun__tally_init(&tally), 0);
    crun__tally_seal(&tally);
    CHECK_EQ_INT(tally.fd, -1);
    crun__tally_add(&tally);
    CHECK_EQ_INT((long)crun__tally_read(&tally), 1);
    crun__tally_fini(&tally);
}

TEST(what_could_be_cut_off_is_refused)
{
    crun__tally tally;
    int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0);
    CHECK_EQ_INT(ftruncate(fd, 8), 0);
    CHECK_EQ_INT(crun__tally_open(&tally, fd), CRUN_EINVAL);
    CHECK(tally.count == NULL && tally.fd == -1);
    fd = memfd_create("too large", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0);
    CHECK_EQ_INT(ftruncate(fd, 16), 0);
    CHECK_EQ_INT(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    CHECK_EQ_INT(crun__tally_open(&tally, fd), CRUN_EINVAL);
    fd = open("/dev/null", O_RDWR);
    CHECK(fd >= 0);
    CHECK_EQ_INT(crun__tally_open(&tally, fd), CRUN_EINVAL);
}

TEST_MAIN
