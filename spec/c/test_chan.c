/* SPDX-License-Identifier: MIT */
#include "hub_support.h"

static crun_chan *chan;

static void open_chan(size_t capacity)
{
    begin();
    if (crun_chan_new(&chan, capacity) != 0) {
        abort();
    }
}

static void close_chan(void)
{
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    crun_chan_release(chan);
    finish();
}

static crun_value integer(int64_t n)
{
    return (crun_value){.type = CRUN_INTEGER, .as.integer = n};
}

static int send_number(int64_t n, crun_time deadline)
{
    crun_value v = integer(n);
    return crun_chan_send(chan, &v, deadline);
}

/* What comes out, or a code. */
static int64_t recv_number(crun_time deadline)
{
    crun_value v = integer(-1);
    int rc = crun_chan_recv(chan, &v, deadline);
    if (rc < 0) {
        CHECK_EQ_INT(v.as.integer, -1);
        return rc;
    }
    CHECK_EQ_INT(v.type, CRUN_INTEGER);
    return v.as.integer;
}

typedef struct job {
    int64_t number; // to send; what was received
    crun_time deadline;
    char mark;
    int rc;
    crun_task *task;
} job;

static int send_job(void *arg)
{
    job *j = arg;
    j->rc = send_number(j->number, j->deadline);
    note(j->mark);
    return 0;
}

static int recv_job(void *arg)
{
    job *j = arg;
    j->number = recv_number(j->deadline);
    note(j->mark);
    return 0;
}

static void start_jobs(job *jobs, int count, crun_task_fn *fn)
{
    for (int i = 0; i < count; i++) {
        jobs[i] = (job){i + 1, CRUN_FOREVER, (char)('a' + i), 1, NULL};
        jobs[i].task = start(fn, &jobs[i]);
    }
    crun_yield(hub);
}

static void end_jobs(job *jobs, int count)
{
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    for (int i = 0; i < count; i++) {
        crun_task_release(jobs[i].task);
    }
}

/* --- values in and out -------------------------------------------------------------------- */

TEST(values_come_out_as_they_went_in)
{
    open_chan(4);
    CHECK_EQ_INT(crun_chan_capacity(chan), 4);
    for (int round = 0; round < 10; round++) {
        for (int i = 1; i <= 4; i++) {
            CHECK_EQ_INT(send_number(i, CRUN_NOWAIT), 0);
        }
        CHECK_EQ_INT(crun_chan_count(chan), 4);
        CHECK_EQ_INT(send_number(5, CRUN_NOWAIT), CRUN_ETIMEDOUT);
        for (int i = 1; i <= 4; i++) {
            CHECK_EQ_INT(recv_number(CRUN_NOWAIT), i);
        }
        CHECK_EQ_INT(recv_number(CRUN_NOWAIT), CRUN_ETIMEDOUT);
    }
    close_chan();
}

TEST(an_unbounded_channel_takes_them_all)
{
    enum { COUNT = 10000 };
    open_chan(CRUN_UNBOUNDED);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < COUNT; i++) {
            CHECK_EQ_INT(send_number(i, CRUN_NOWAIT), 0);
            if (i % 3 == 0) {
                CHECK_EQ_INT(recv_number(CRUN_NOWAIT), i / 3);
            }
        }
        CHECK_EQ_INT(crun_chan_count(chan), COUNT - (COUNT + 2) / 3);
        for (int i = (COUNT + 2) / 3; i < COUNT; i++) {
            CHECK_EQ_INT(recv_number(CRUN_NOWAIT), i);
        }
    }
    close_chan();
}

TEST(every_type_of_value_travels)
{
    int place;
    crun_value in[] = {
        {.type = CRUN_NIL},
        {.type = CRUN_BOOLEAN, .as.boolean = true},
        {.type = CRUN_INTEGER, .as.integer = INT64_MIN},
        {.type = CRUN_NUMBER, .as.number = 0.5},
        {.type = CRUN_POINTER, .as.pointer = &place},
    };
    open_chan(8);
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        CHECK_EQ_INT(crun_chan_send(chan, &in[i], CRUN_NOWAIT), 0);
    }
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        crun_value out;
        CHECK_EQ_INT(crun_chan_recv(chan, &out, CRUN_NOWAIT), 0);
        CHECK_EQ_INT(out.type, in[i].type);
        CHECK(in[i].type == CRUN_NIL ||
              memcmp(&out.as, &in[i].as, out.type == CRUN_BOOLEAN ? 1 : 8) == 0);
    }
    close_chan();
}

/* --- first come, first served ------------------------------------------------------------- */

TEST(receivers_are_served_in_order)
{
    job jobs[4];
    open_chan(1);
    start_jobs(jobs, 4, recv_job);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(send_number(10 + i, CRUN_NOWAIT), 0);
    }
    CHECK_EQ_INT(crun_chan_count(chan), 0);
    end_jobs(jobs, 4);
    CHECK_STR(trace, "abcd");
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(jobs[i].number, 10 + i);
    }
    close_chan();
}

TEST(senders_are_served_in_order)
{
    job jobs[4];
    open_chan(1);
    CHECK_EQ_INT(send_number(0, CRUN_NOWAIT), 0);
    start_jobs(jobs, 4, send_job);
    CHECK_EQ_INT(crun_chan_count(chan), 1);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ_INT(recv_number(CRUN_NOWAIT), i);
    }
    end_jobs(jobs, 4);
    CHECK_STR(trace, "abcd");
    close_chan();
}

/* A receiver that waits owns the value: who comes between its waking and its turn finds nothing. */
TEST(a_value_sent_to_a_waiting_receiver_cannot_be_stolen)
{
    job one;
    open_chan(2);
    start_jobs(&one, 1, recv_job);
    CHECK_EQ_INT(send_number(7, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), CRUN_ETIMEDOUT);
    end_jobs(&one, 1);
    CHECK_EQ_INT(one.number, 7);
    close_chan();
}

TEST(a_place_that_becomes_free_cannot_be_stolen)
{
    job one;
    open_chan(1);
    CHECK_EQ_INT(send_number(0, CRUN_NOWAIT), 0);
    start_jobs(&one, 1, send_job);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), 0);
    CHECK_EQ_INT(send_number(9, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), 1);
    end_jobs(&one, 1);
    close_chan();
}

/* --- rendezvous --------------------------------------------------------------------------- */

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

/* --- close -------------------------------------------------------------------------------- */

TEST(after_close_what_is_inside_comes_out)
{
    open_chan(2);
    CHECK_EQ_INT(send_number(1, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(send_number(2, CRUN_NOWAIT), 0);
    CHECK(!crun_chan_closed(chan));
    crun_chan_close(chan);
    crun_chan_close(chan);
    CHECK(crun_chan_closed(chan));
    CHECK_EQ_INT(send_number(3, CRUN_FOREVER), CRUN_ECLOSED);
    CHECK_EQ_INT(recv_number(CRUN_FOREVER), 1);
    CHECK_EQ_INT(recv_number(CRUN_FOREVER), 2);
    CHECK_EQ_INT(recv_number(CRUN_FOREVER), CRUN_ECLOSED);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), CRUN_ECLOSED);
    close_chan();
}

TEST(close_tells_the_receivers_that_wait)
{
    job jobs[3];
    open_chan(1);
    start_jobs(jobs, 3, recv_job);
    crun_chan_close(chan);
    end_jobs(jobs, 3);
    CHECK_STR(trace, "abc");
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(jobs[i].number, CRUN_ECLOSED);
    }
    close_chan();
}

TEST(close_tells_the_senders_that_wait)
{
    job jobs[3];
    open_chan(1);
    CHECK_EQ_INT(send_number(7, CRUN_NOWAIT), 0);
    start_jobs(jobs, 3, send_job);
    crun_chan_close(chan);
    end_jobs(jobs, 3);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(jobs[i].rc, CRUN_ECLOSED);
    }
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), 7);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), CRUN_ECLOSED);
    close_chan();
}

/* --- waits that end by deadline or cancel ------------------------------------------------- */

TEST(a_receiver_that_times_out_has_received_nothing)
{
    open_chan(1);
    CHECK_EQ_INT(recv_number(in_ms(2)), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(send_number(1, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_chan_count(chan), 1);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), 1);
    close_chan();
}

TEST(a_sender_that_times_out_has_sent_nothing)
{
    open_chan(1);
    CHECK_EQ_INT(send_number(1, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(send_number(2, in_ms(2)), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), 1);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), CRUN_ETIMEDOUT);
    close_chan();
}

TEST(a_cancelled_receiver_leaves_the_queue)
{
    job jobs[3];
    open_chan(1);
    start_jobs(jobs, 3, recv_job);
    crun_task_cancel(jobs[1].task);
    CHECK_EQ_INT(send_number(10, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(send_number(20, CRUN_NOWAIT), 0);
    end_jobs(jobs, 3);
    CHECK_EQ_INT(jobs[0].number, 10);
    CHECK_EQ_INT(jobs[1].number, CRUN_ECANCELED);
    CHECK_EQ_INT(jobs[2].number, 20);
    close_chan();
}

TEST(a_cancelled_sender_leaves_the_queue)
{
    job jobs[3];
    open_chan(0);
    start_jobs(jobs, 3, send_job);
    crun_task_cancel(jobs[0].task);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), 2);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), 3);
    CHECK_EQ_INT(recv_number(CRUN_NOWAIT), CRUN_ETIMEDOUT);
    end_jobs(jobs, 3);
    CHECK_EQ_INT(jobs[0].rc, CRUN_ECANCELED);
    close_chan();
}

TEST(a_value_in_time_leaves_no_timer)
{
    job one = {.mark = 'a'};
    open_chan(1);
    one.deadline = in_ms(60000);
    spawn(recv_job, &one);
    crun_yield(hub);
    CHECK_EQ_INT(stats().timers, 1);
    CHECK_EQ_INT(send_number(3, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(stats().timers, 0);
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    CHECK_EQ_INT(one.number, 3);
    close_chan();
}

/* --- bytes: who owns them ----------------------------------------------------------------- */

static crun_bytes *bytes;

static crun_value bytes_value(void)
{
    return (crun_value){.type = CRUN_BYTES, .as.bytes = crun_bytes_retain(bytes)};
}

static size_t references(void)
{
    return atomic_load(&bytes->references);
}

static void open_bytes(size_t capacity)
{
    open_chan(capacity);
    bytes = crun_bytes_new("text", 4);
    if (!bytes) {
        abort();
    }
}

static void close_bytes(void)
{
    CHECK_EQ_INT(references(), 1);
    crun_bytes_release(bytes);
    close_chan();
}

TEST(a_received_value_is_the_receivers)
{
    open_bytes(1);
    crun_value v = bytes_value();
    CHECK_EQ_INT(crun_chan_send(chan, &v, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(references(), 2);
    crun_value out = {.type = CRUN_NIL};
    CHECK_EQ_INT(crun_chan_recv(chan, &out, CRUN_NOWAIT), 0);
    CHECK_EQ_PTR(out.as.bytes, bytes);
    CHECK_EQ_INT(references(), 2);
    crun_value_clear(&out);
    close_bytes();
}

TEST(a_value_not_sent_stays_the_senders)
{
    open_bytes(0);
    crun_value v = bytes_value();
    CHECK_EQ_INT(crun_chan_send(chan, &v, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_chan_send(chan, &v, in_ms(1)), CRUN_ETIMEDOUT);
    crun_chan_close(chan);
    CHECK_EQ_INT(crun_chan_send(chan, &v, CRUN_FOREVER), CRUN_ECLOSED);
    CHECK_EQ_INT(references(), 2);
    crun_value_clear(&v);
    close_bytes();
}

TEST(the_last_release_gives_up_what_is_inside)
{
    open_bytes(10);
    for (int i = 0; i < 10; i++) {
        crun_value v = bytes_value();
        CHECK_EQ_INT(crun_chan_send(chan, &v, CRUN_NOWAIT), 0);
    }
    CHECK_EQ_INT(references(), 11);
    CHECK_EQ_PTR(crun_chan_retain(chan), chan);
    crun_chan_release(chan);
    CHECK_EQ_INT(references(), 11);
    crun_chan_release(chan);
    CHECK_EQ_INT(references(), 1);
    REQUIRE(crun_chan_new(&chan, 1) == 0);
    close_bytes();
}

TEST_MAIN
