/* SPDX-License-Identifier: MIT */
#include "hub_support.h"

/* What a task does with one object, and what came of it. */
typedef struct job {
    void *object;
    crun_time deadline;
    char mark;
    int rc;
    crun_task *task;
} job;

static job jobs[8];

static void start_job(int i, crun_task_fn *fn, void *object, crun_time deadline)
{
    jobs[i] = (job){object, deadline, (char)('a' + i), 1, NULL};
    jobs[i].task = start(fn, &jobs[i]);
    crun_yield(hub);
}

static void end_jobs(int count)
{
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    for (int i = 0; i < count; i++) {
        crun_task_release(jobs[i].task);
    }
}

/* --- lock --------------------------------------------------------------------------------- */

static int lock_job(void *arg)
{
    job *j = arg;
    crun_lock *lock = j->object;
    j->rc = crun_lock_acquire(lock, j->deadline);
    if (j->rc == 0) {
        note(j->mark);
        CHECK_EQ_INT(crun_lock_release(lock), 0);
    }
    return 0;
}

TEST(lock_is_handed_over_in_the_order_of_asking)
{
    crun_lock lock;
    begin();
    crun_lock_init(&lock, false);
    CHECK_EQ_INT(crun_lock_acquire(&lock, CRUN_NOWAIT), 0);
    for (int i = 0; i < 3; i++) {
        start_job(i, lock_job, &lock, CRUN_FOREVER);
    }
    CHECK_EQ_INT(crun_lock_release(&lock), 0);
    CHECK_EQ_INT(crun_lock_acquire(&lock, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_lock_release(&lock), CRUN_EPERM);
    end_jobs(3);
    CHECK_STR(trace, "abc");
    CHECK_EQ_INT(crun_lock_acquire(&lock, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_lock_release(&lock), 0);
    finish();
}

TEST(lock_that_is_held_refuses_its_holder_unless_it_is_reentrant)
{
    crun_lock plain, again;
    begin();
    crun_lock_init(&plain, false);
    crun_lock_init(&again, true);
    CHECK_EQ_INT(crun_lock_release(&plain), CRUN_EPERM);
    CHECK_EQ_INT(crun_lock_acquire(&plain, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_lock_acquire(&plain, CRUN_FOREVER), CRUN_EDEADLK);
    CHECK_EQ_INT(crun_lock_acquire(&plain, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_lock_release(&plain), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(crun_lock_acquire(&again, CRUN_FOREVER), 0);
    }
    start_job(0, lock_job, &again, CRUN_FOREVER);
    for (int i = 0; i < 3; i++) {
        CHECK_STR(trace, "");
        CHECK_EQ_INT(crun_lock_release(&again), 0);
        crun_yield(hub);
    }
    end_jobs(1);
    CHECK_STR(trace, "a");
    finish();
}

static int desert_job(void *arg)
{
    job *j = arg;
    j->rc = crun_lock_acquire(j->object, j->deadline);
    return crun_sleep_until(hub, in_ms(1));
}

TEST(lock_whose_holder_ended_is_broken)
{
    crun_lock lock;
    begin();
    crun_lock_init(&lock, false);
    start_job(0, desert_job, &lock, CRUN_FOREVER);
    start_job(1, lock_job, &lock, CRUN_FOREVER);
    end_jobs(2);
    CHECK_EQ_INT(jobs[1].rc, CRUN_EBROKEN);
    CHECK_EQ_INT(crun_lock_acquire(&lock, CRUN_FOREVER), CRUN_EBROKEN);
    CHECK_EQ_INT(crun_lock_release(&lock), CRUN_EPERM);
    finish();
}

static crun_lock first, second;

static int cross_job(void *arg)
{
    job *j = arg;
    crun_lock *mine = j->mark == 'a' ? &first : &second;
    CHECK_EQ_INT(crun_lock_acquire(mine, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(2)), 0);
    j->rc = crun_lock_acquire(mine == &first ? &second : &first, CRUN_FOREVER);
    if (j->rc == 0) {
        CHECK_EQ_INT(crun_lock_release(mine == &first ? &second : &first), 0);
    }
    return crun_lock_release(mine);
}

TEST(locks_refuse_who_would_close_a_circle)
{
    begin();
    crun_lock_init(&first, false);
    crun_lock_init(&second, true);
    start_job(0, cross_job, NULL, CRUN_FOREVER);
    start_job(1, cross_job, NULL, CRUN_FOREVER);
    end_jobs(2);
    CHECK_EQ_INT(jobs[0].rc + jobs[1].rc, CRUN_EDEADLK);
    finish();
}

/* --- semaphore, event, wait group --------------------------------------------------------- */

static int sem_job(void *arg)
{
    job *j = arg;
    j->rc = crun_sem_acquire(j->object, j->deadline);
    if (j->rc == 0) {
        note(j->mark);
    }
    return j->rc;
}

TEST(semaphore_gives_units_to_the_oldest_and_none_to_who_left)
{
    crun_sem sem;
    begin();
    crun_sem_init(&sem, 0, 3);
    for (int i = 0; i < 4; i++) {
        start_job(i, sem_job, &sem, i == 1 ? in_ms(1) : CRUN_FOREVER);
    }
    crun_task_cancel(jobs[0].task);
    CHECK_EQ_INT(crun_task_join(jobs[1].task, CRUN_FOREVER), 0);
    CHECK_EQ_INT(jobs[1].rc, CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_sem_release(&sem, 1), 0);
    turn();
    CHECK_STR(trace, "c");
    CHECK_EQ_INT(crun_sem_release(&sem, 3), 0);
    end_jobs(4);
    CHECK_STR(trace, "cd");
    CHECK_EQ_INT(jobs[0].rc, CRUN_ECANCELED);
    CHECK_EQ_INT(sem.count, 2);
    CHECK_EQ_INT(crun_sem_release(&sem, 2), CRUN_EINVAL);
    CHECK_EQ_INT(crun_sem_release(&sem, SIZE_MAX), CRUN_EINVAL);
    CHECK_EQ_INT(sem.count, 2);
    finish();
}

static int event_job(void *arg)
{
    job *j = arg;
    j->rc = crun_event_wait(j->object, j->deadline);
    note(j->mark);
    return j->rc;
}

TEST(event_wakes_all_that_wait_even_if_it_is_cleared_at_once)
{
    crun_event event;
    begin();
    crun_event_init(&event);
    CHECK_EQ_INT(crun_event_wait(&event, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        start_job(i, event_job, &event, CRUN_FOREVER);
    }
    crun_event_set(&event);
    CHECK_EQ_INT(crun_event_wait(&event, CRUN_NOWAIT), 0);
    crun_event_clear(&event);
    end_jobs(3);
    CHECK_STR(trace, "abc");
    CHECK_EQ_INT(crun_event_wait(&event, in_ms(1)), CRUN_ETIMEDOUT);
    finish();
}

static int group_job(void *arg)
{
    job *j = arg;
    j->rc = crun_waitgroup_wait(j->object, j->deadline);
    note(j->mark);
    return j->rc;
}

TEST(wait_group_counts_within_its_bounds)
{
    crun_waitgroup group;
    begin();
    crun_waitgroup_init(&group);
    CHECK_EQ_INT(crun_waitgroup_wait(&group, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_waitgroup_add(&group, -1), CRUN_EINVAL);
    CHECK_EQ_INT(crun_waitgroup_add(&group, PTRDIFF_MAX), 0);
    CHECK_EQ_INT(crun_waitgroup_add(&group, 1), CRUN_EINVAL);
    CHECK_EQ_INT(crun_waitgroup_add(&group, PTRDIFF_MIN), CRUN_EINVAL);
    start_job(0, group_job, &group, CRUN_FOREVER);
    CHECK_EQ_INT(crun_waitgroup_add(&group, -PTRDIFF_MAX + 1), 0);
    crun_yield(hub);
    CHECK_STR(trace, "");
    CHECK_EQ_INT(crun_waitgroup_add(&group, -1), 0);
    end_jobs(1);
    CHECK_STR(trace, "a");
    finish();
}

/* --- condition ---------------------------------------------------------------------------- */

static crun_cond cond;

static int cond_job(void *arg)
{
    job *j = arg;
    CHECK_EQ_INT(crun_lock_acquire(cond.lock, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_lock_acquire(cond.lock, CRUN_FOREVER), 0);
    j->rc = crun_cond_wait(&cond, j->deadline);
    note((char)(j->rc == 0 ? j->mark : '-'));
    CHECK_EQ_INT(crun_lock_release(cond.lock), 0);
    CHECK_EQ_INT(crun_lock_release(cond.lock), 0);
    CHECK_EQ_INT(crun_lock_release(cond.lock), CRUN_EPERM);
    return j->rc;
}

TEST(condition_moves_who_is_notified_into_the_lock_queue)
{
    crun_lock lock;
    begin();
    crun_lock_init(&lock, true);
    crun_cond_init(&cond, &lock);
    CHECK_EQ_INT(crun_cond_wait(&cond, CRUN_FOREVER), CRUN_EPERM);
    CHECK_EQ_INT(crun_cond_notify(&cond, 1), CRUN_EPERM);
    for (int i = 0; i < 5; i++) {
        start_job(i, cond_job, &cond, i == 4 ? in_ms(1) : CRUN_FOREVER);
    }
    CHECK_EQ_INT(crun_lock_acquire(&lock, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_cond_notify(&cond, 2), 0);
    crun_task_cancel(jobs[1].task);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(5)), 0);
    CHECK_STR(trace, "");
    CHECK_EQ_INT(crun_lock_release(&lock), 0);
    turn();
    CHECK_EQ_INT(jobs[4].rc, CRUN_ETIMEDOUT);
    CHECK_EQ_INT(jobs[1].rc, CRUN_ECANCELED);
    CHECK_EQ_INT(jobs[2].rc, 0);
    CHECK_EQ_INT(jobs[3].rc, 1);
    CHECK_EQ_INT(crun_lock_acquire(&lock, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_cond_notify(&cond, SIZE_MAX), 0);
    CHECK_EQ_INT(crun_lock_release(&lock), 0);
    end_jobs(5);
    CHECK_EQ_INT(strlen(trace), 5);
    finish();
}

/* --- barrier, reader-writer lock ---------------------------------------------------------- */

static int barrier_job(void *arg)
{
    job *j = arg;
    j->rc = crun_barrier_wait(j->object, j->deadline);
    return 0;
}

TEST(barrier_opens_for_all_and_breaks_for_all)
{
    crun_barrier barrier;
    begin();
    crun_barrier_init(&barrier, 3);
    for (int i = 0; i < 2; i++) {
        start_job(i, barrier_job, &barrier, CRUN_FOREVER);
    }
    CHECK_EQ_INT(crun_barrier_wait(&barrier, CRUN_NOWAIT), 3);
    end_jobs(2);
    CHECK_EQ_INT(jobs[0].rc, 1);
    CHECK_EQ_INT(jobs[1].rc, 2);
    start_job(0, barrier_job, &barrier, CRUN_FOREVER);
    CHECK_EQ_INT(crun_barrier_wait(&barrier, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    end_jobs(1);
    CHECK_EQ_INT(jobs[0].rc, CRUN_EBROKEN);
    CHECK_EQ_INT(crun_barrier_wait(&barrier, CRUN_FOREVER), CRUN_EBROKEN);
    crun_barrier_reset(&barrier);
    start_job(0, barrier_job, &barrier, CRUN_FOREVER);
    crun_barrier_abort(&barrier);
    end_jobs(1);
    CHECK_EQ_INT(jobs[0].rc, CRUN_EBROKEN);
    finish();
}

static int write_job(void *arg)
{
    job *j = arg;
    j->rc = crun_rwlock_write(j->object, j->deadline);
    if (j->rc == 0) {
        note(j->mark);
        crun_yield(hub);
        CHECK_EQ_INT(crun_rwlock_write_done(j->object), 0);
    }
    return 0;
}

static int read_job(void *arg)
{
    job *j = arg;
    j->rc = crun_rwlock_read(j->object, j->deadline);
    if (j->rc == 0) {
        note(j->mark);
        crun_yield(hub);
        CHECK_EQ_INT(crun_rwlock_read_done(j->object), 0);
    }
    return 0;
}

TEST(rwlock_prefers_writers_and_lets_readers_in_when_they_leave)
{
    crun_rwlock lock;
    begin();
    crun_rwlock_init(&lock);
    CHECK_EQ_INT(crun_rwlock_read_done(&lock), CRUN_EPERM);
    CHECK_EQ_INT(crun_rwlock_write_done(&lock), CRUN_EPERM);
    CHECK_EQ_INT(crun_rwlock_read(&lock, CRUN_NOWAIT), 0);
    start_job(0, write_job, &lock, in_ms(2));
    start_job(1, read_job, &lock, CRUN_FOREVER);
    CHECK_STR(trace, "");
    CHECK_EQ_INT(crun_task_join(jobs[1].task, CRUN_FOREVER), 0);
    CHECK_STR(trace, "b");
    CHECK_EQ_INT(jobs[0].rc, CRUN_ETIMEDOUT);
    start_job(2, write_job, &lock, CRUN_FOREVER);
    start_job(3, read_job, &lock, CRUN_FOREVER);
    start_job(4, write_job, &lock, CRUN_FOREVER);
    CHECK_EQ_INT(crun_rwlock_read_done(&lock), 0);
    end_jobs(5);
    CHECK_STR(trace, "bced");
    CHECK_EQ_INT(crun_rwlock_write(&lock, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_rwlock_read(&lock, CRUN_FOREVER), CRUN_EDEADLK);
    CHECK_EQ_INT(crun_rwlock_write(&lock, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_rwlock_write_done(&lock), 0);
    finish();
}

TEST_MAIN
