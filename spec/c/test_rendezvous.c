/* SPDX-License-Identifier: MIT */

/* Channels without capacity. */

#include "chan_support.h"

TEST(without_capacity_a_send_waits_for_its_receiver)
{
    job one;
    open_chan(0);
    CHECK_EQ_INT(send_number(5, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), CRUN_ETIMEDOUT);
    start_jobs(&one, 1, send_job);
    CHECK_STR(trace, "");
    CHECK_EQ_INT(crun_chan_count(chan), 0);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), 1);
    end_jobs(&one, 1);
    CHECK_EQ_INT(one.rc, 0);
    close_chan();
}

TEST(without_capacity_a_waiting_receiver_is_served_at_once)
{
    job one;
    open_chan(0);
    start_jobs(&one, 1, recv_job);
    CHECK_EQ_INT(send_number(5, CRUN_NOWAIT), 0);
    end_jobs(&one, 1);
    CHECK_EQ_INT(one.number, 5);
    close_chan();
}

static int greeter(void *arg)
{
    (void)arg;
    note('1');
    CHECK_EQ_INT(send_number(1, CRUN_FOREVER), 0);
    note('2');
    CHECK_EQ_INT(send_number(2, CRUN_FOREVER), 0);
    note('3');
    return 0;
}

static int greeted(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        note((char)('a' - 1 + recv_number(CRUN_FOREVER)));
    }
    return 0;
}

/* Law 87: sending, hello, sent hello, world, sent world. */
TEST(without_capacity_a_send_returns_once_it_was_received)
{
    open_chan(0);
    spawn(greeter, NULL);
    spawn(greeted, NULL);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "1a2b3");
    close_chan();
}

TEST(without_capacity_the_receiver_may_wait_first)
{
    open_chan(0);
    spawn(greeted, NULL);
    spawn(greeter, NULL);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_STR(trace, "1a2b3");
    close_chan();
}

static int doomed_sender(void *arg)
{
    job *j = arg;
    j->rc = send_number(j->number, CRUN_FOREVER);
    CHECK_EQ_INT(crun_yield(hub), CRUN_ECANCELED);
    return 0;
}

TEST(without_capacity_a_cancel_after_the_hand_over_does_not_unsend)
{
    job to = {.deadline = CRUN_FOREVER, .mark = 'r'}, from = {.number = 4, .rc = 1};
    open_chan(0);
    to.task = start(recv_job, &to);
    from.task = start(doomed_sender, &from);
    crun_yield(hub);
    CHECK_EQ_INT(crun_task_cancel(from.task), 0);
    end_jobs(&to, 1);
    end_jobs(&from, 1);
    CHECK_EQ_INT(to.number, 4);
    CHECK_EQ_INT(from.rc, 0);
    close_chan();
}

static void close_without_capacity(crun_task_fn *fn)
{
    job jobs[2];
    open_chan(0);
    start_jobs(jobs, 2, fn);
    crun_chan_close(chan);
    CHECK(crun_chan_closed(chan));
    end_jobs(jobs, 2);
    CHECK_STR(trace, "ab");
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_INT(fn == recv_job ? jobs[i].number : jobs[i].rc, CRUN_ECLOSED);
    }
    CHECK_EQ_INT(send_number(1, CRUN_FOREVER), CRUN_ECLOSED);
    CHECK_EQ_INT(send_number(1, CRUN_NOWAIT), CRUN_ECLOSED);
    CHECK_EQ_INT(recv_number(CRUN_FOREVER), CRUN_ECLOSED);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), CRUN_ECLOSED);
    close_chan();
}

TEST(without_capacity_close_tells_the_senders_that_wait)
{
    close_without_capacity(send_job);
}

TEST(without_capacity_close_tells_the_receivers_that_wait)
{
    close_without_capacity(recv_job);
}

TEST_MAIN
