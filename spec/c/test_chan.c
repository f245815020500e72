/* SPDX-License-Identifier: MIT */
#include "chan_support.h"

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
