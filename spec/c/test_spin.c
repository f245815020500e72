/* SPDX-License-Identifier: MIT */
/* When a hub looks again before it sleeps, and what it sees then. */
#include "../../runtime/loop.h"
#include "../../runtime/port.h"
#include "../../runtime/spin.h"

#include "hub_support.h"

enum { LITTLE = 50000, LONG = 10000000, MANY = 100 };

static void sleep_heard(crun__spin *spin, crun_time ns)
{
    crun__spin_heard(spin);
    crun__spin_slept(spin, ns);
}

TEST(it_pays_after_a_short_sleep_that_a_message_ended)
{
    crun__spin spin = {0};
    sleep_heard(&spin, LITTLE);
    CHECK(spin.pays);
    sleep_heard(&spin, LONG);
    CHECK(!spin.pays);
    sleep_heard(&spin, LITTLE);
    spin.heard = false;
    crun__spin_slept(&spin, LITTLE); /* by a timer, or a connection */
    CHECK(!spin.pays);
}

/* How many short sleeps go by before it pays again. */
static int pause_after_miss(crun__spin *spin)
{
    int sleeps = 0;
    crun__spin_missed(spin);
    while (!spin->pays && sleeps < MANY) {
        sleep_heard(spin, LITTLE);
        sleeps++;
    }
    return sleeps;
}

TEST(after_looks_in_vain_more_and_more_sleeps_have_to_go_by)
{
    crun__spin spin = {0};
    sleep_heard(&spin, LITTLE);
    int first = pause_after_miss(&spin), second = pause_after_miss(&spin);
    CHECK(first > 1);
    CHECK(second > first);
    CHECK(second < MANY);
    for (int i = 0; i < MANY; i++)
        crun__spin_missed(&spin);
    CHECK(spin.pause > 0);
}

TEST(a_look_ends)
{
    begin();
    sleep_heard(&hub->loop->spin, LITTLE);
    CHECK(!crun__spin_look(hub->loop, CRUN_FOREVER));
    finish();
}

TEST(a_look_sees_calls_from_elsewhere)
{
    begin();
    CHECK(!crun__spin_look(hub->loop, 0));
    crun_hub_wake(hub);
    CHECK(crun__spin_look(hub->loop, 0));
    crun_yield(hub);
    finish();
}

static int receive(void *arg)
{
    crun_message m;
    int rc = crun_port_recv(arg, &m, CRUN_FOREVER);
    if (rc == 0)
        crun_port_done(arg, &m);
    return rc;
}

static void send_one(crun_port *port)
{
    crun_message m = {.kind = 1};
    CHECK_EQ_INT(crun_port_send(port, &m, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_port_flush(port, CRUN_FOREVER), 0);
}

TEST(a_look_sees_messages)
{
    int fds[2];
    crun_port *a, *b;
    crun_task *receiver;
    begin();
    CHECK_EQ_INT(crun_socketpair(fds), 0);
    CHECK_EQ_INT(crun_port_open(hub, fds[0], &a), 0);
    CHECK_EQ_INT(crun_port_open(hub, fds[1], &b), 0);
    CHECK_EQ_INT(crun_spawn(hub, receive, b, NULL, &receiver), 0);
    crun_yield(hub);
    crun__loop_poll(hub->loop, 0);
    CHECK(!crun__spin_look(hub->loop, 0));
    CHECK(!hub->loop->spin.used);
    send_one(a);
    CHECK(crun__spin_look(hub->loop, 0));
    CHECK_EQ_INT(crun_task_join(receiver, CRUN_FOREVER), 0);
    CHECK(hub->loop->spin.used);
    crun_task_release(receiver);
    crun_port_release(a);
    crun_port_release(b);
    finish();
}

TEST(a_hub_without_ports_never_does)
{
    begin();
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(crun_sleep_until(hub, crun_now(hub) + LITTLE), 0);
    }
    CHECK(!hub->loop->spin.used);
    CHECK(!hub->loop->spin.pays);
    finish();
}

TEST_MAIN
