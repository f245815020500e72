/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <crun/error.h>

#include "runtime/claims.h"
#include "test.h"

static crun__claims *board(uint32_t slots)
{
    crun__claims *claims = NULL;
    CHECK_EQ_INT(crun__claims_new(slots, &claims), 0);
    return claims;
}

TEST(a_job_is_taken_or_revoked_and_never_both)
{
    crun__claims *c = board(4);
    CHECK(!crun__claims_take(c, 1));
    crun__claims_offer(c, 1);
    crun__claims_offer(c, 2);
    CHECK(!crun__claims_taken(c, 1));
    CHECK(crun__claims_take(c, 1));
    CHECK(!crun__claims_take(c, 1));
    CHECK(!crun__claims_revoke(c, 1));
    CHECK(crun__claims_taken(c, 1));
    CHECK(crun__claims_revoke(c, 2));
    CHECK(!crun__claims_revoke(c, 2));
    CHECK(!crun__claims_take(c, 2));
    CHECK(!crun__claims_taken(c, 2));
    crun__claims_release(c);
}

TEST(a_slot_forgets_the_job_before)
{
    crun__claims *c = board(4);
    crun__claims_offer(c, 3);
    CHECK(crun__claims_revoke(c, 3));
    crun__claims_offer(c, 7);
    CHECK(!crun__claims_take(c, 3));
    CHECK(!crun__claims_revoke(c, 3));
    CHECK(crun__claims_take(c, 7));
    CHECK(!crun__claims_taken(c, 3));
    crun__claims_release(c);
}

TEST(a_board_has_at_least_a_slot_and_at_most_a_page)
{
    crun__claims *c = NULL;
    int fd = -1;
    CHECK_EQ_INT(crun__claims_new(0, &c), CRUN_EINVAL);
    CHECK_EQ_INT(crun__claims_new(CRUN__CLAIMS_MOST + 1, &c), CRUN_EINVAL);
    CHECK_EQ_INT(crun__claims_share(0, &c, &fd), CRUN_EINVAL);
    CHECK_EQ_INT(crun__claims_share(CRUN__CLAIMS_MOST + 1, &c, &fd), CRUN_EINVAL);
    CHECK(c == NULL && fd == -1);
}

/* --- shared --------------------------------------------------------------------------------- */

TEST(a_shared_board_is_one_in_both_processes)
{
    crun__claims *c = NULL;
    int fd = -1, status = -1;
    REQUIRE(crun__claims_share(4, &c, &fd) == 0);
    crun__claims_offer(c, 5);
    crun__claims_offer(c, 6);
    pid_t child = fork();
    if (child == 0) {
        crun__claims *there = NULL;
        bool ok = crun__claims_open(fd, &there) == 0 && there->count == 4;
        _exit(ok && crun__claims_take(there, 5) ? 0 : 1);
    }
    CHECK_EQ_INT(waitpid(child, &status, 0), child);
    CHECK_EQ_INT(status, 0);
    CHECK(crun__claims_taken(c, 5));
    CHECK(!crun__claims_revoke(c, 5));
    CHECK(crun__claims_revoke(c, 6));
    CHECK_EQ_INT(close(fd), 0);
    crun__claims_release(c);
}

TEST(a_shared_board_cannot_be_cut_off)
{
    crun__claims *c = NULL;
    int fd = -1;
    REQUIRE(crun__claims_share(4, &c, &fd) == 0);
    CHECK(ftruncate(fd, 0) < 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ_INT(close(fd), 0);
    crun__claims_release(c);
}

TEST(what_is_no_board_is_refused_and_closed)
{
    crun__claims *c = NULL;
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    CHECK_EQ_INT(crun__claims_open(ends[0], &c), CRUN_EINVAL);
    CHECK_EQ_INT(crun__claims_open(ends[1], &c), CRUN_EINVAL);
    CHECK_EQ_INT(crun__claims_open(ends[1], &c), -EBADF);
    CHECK(c == NULL);
}

/* --- together ------------------------------------------------------------------------------- */

enum { ROUNDS = 500, SLOTS = 64 };

typedef struct race {
    crun__claims *claims;
    pthread_barrier_t rounds;
    unsigned taken, revoked;
} race;

static void *take_all(void *arg)
{
    race *r = arg;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        (void)pthread_barrier_wait(&r->rounds);
        for (uint64_t job = 1; job <= SLOTS; job++)
            r->taken += crun__claims_take(r->claims, round * SLOTS + job);
        (void)pthread_barrier_wait(&r->rounds);
    }
    crun__claims_release(r->claims);
    return NULL;
}

static void revoke_round(race *r, uint64_t before)
{
    for (uint64_t job = before + 1; job <= before + SLOTS; job++)
        crun__claims_offer(r->claims, job);
    (void)pthread_barrier_wait(&r->rounds);
    for (uint64_t job = before + SLOTS; job > before; job--) {
        if (crun__claims_revoke(r->claims, job))
            r->revoked++;
        else
            CHECK(crun__claims_taken(r->claims, job));
    }
    (void)pthread_barrier_wait(&r->rounds);
}

TEST(of_a_race_for_each_job_one_comes_out)
{
    race r = {.claims = board(SLOTS)};
    pthread_t thread;
    CHECK_EQ_INT(pthread_barrier_init(&r.rounds, NULL, 2), 0);
    (void)crun__claims_retain(r.claims);
    REQUIRE(pthread_create(&thread, NULL, take_all, &r) == 0);
    for (uint64_t round = 0; round < ROUNDS; round++)
        revoke_round(&r, round * SLOTS);
    CHECK_EQ_INT(pthread_join(thread, NULL), 0);
    CHECK_EQ_INT(r.taken + r.revoked, ROUNDS * SLOTS);
    CHECK_EQ_INT(pthread_barrier_destroy(&r.rounds), 0);
    crun__claims_release(r.claims);
}

TEST_MAIN
