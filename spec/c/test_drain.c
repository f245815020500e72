/* SPDX-License-Identifier: MIT */
#include "net_support.h"

typedef struct server {
    crun_listener *listener;
    int port;
    crun_stream *client;
} server;

static server open_server(void)
{
    server s = {NULL, 0, NULL};
    s.listener = open_listener(&s.port);
    return s;
}

static void connect_client(server *s)
{
    CHECK_EQ_INT(crun_tcp_connect(hub, "127.0.0.1", s->port, NULL, &s->client, in_ms(5000)), 0);
}

TEST(a_hub_without_connections_is_drained)
{
    begin();
    CHECK_EQ_INT(crun_hub_drained(hub, CRUN_NOWAIT), 0);
    crun_hub_drain(hub);
    CHECK_EQ_INT(crun_hub_drained(hub, CRUN_FOREVER), 0);
    finish();
}

TEST(what_was_accepted_is_waited_for_and_nothing_else)
{
    begin();
    server s = open_server();
    connect_client(&s);
    CHECK_EQ_INT(crun_hub_drained(hub, CRUN_NOWAIT), 0);
    crun_stream *accepted;
    REQUIRE(crun_listener_accept(s.listener, &accepted, in_ms(5000)) == 0);
    CHECK_EQ_INT(crun_hub_drained(hub, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_hub_drained(hub, in_ms(5)), CRUN_ETIMEDOUT);
    crun_stream_close(accepted);
    CHECK_EQ_INT(crun_hub_drained(hub, CRUN_NOWAIT), 0);
    crun_stream_release(accepted);
    CHECK_EQ_INT(crun_hub_drained(hub, CRUN_NOWAIT), 0);
    crun_stream_release(s.client);
    crun_listener_release(s.listener);
    finish();
}

static int wait_drained(void *arg)
{
    int *result = arg;
    *result = crun_hub_drained(hub, CRUN_FOREVER);
    note('d');
    return 0;
}

TEST(the_last_connection_wakes_who_waits)
{
    begin();
    server s = open_server();
    crun_stream *accepted[2], *clients[2];
    for (int i = 0; i < 2; i++) {
        connect_client(&s);
        clients[i] = s.client;
        REQUIRE(crun_listener_accept(s.listener, &accepted[i], in_ms(5000)) == 0);
    }
    int results[2] = {1, 1};
    crun_task *first = launch(wait_drained, &results[0]);
    crun_task *second = launch(wait_drained, &results[1]);
    crun_stream_release(accepted[0]);
    turn();
    CHECK_STR(trace, "");
    crun_task_cancel(first);
    end(first);
    CHECK_EQ_INT(results[0], CRUN_ECANCELED);
    crun_stream_release(accepted[1]);
    end(second);
    CHECK_EQ_INT(results[1], 0);
    for (int i = 0; i < 2; i++)
        crun_stream_release(clients[i]);
    crun_listener_release(s.listener);
    finish();
}

TEST(a_draining_hub_accepts_nothing)
{
    begin();
    server s = open_server();
    job j = {.listener = s.listener, .deadline = CRUN_FOREVER};
    crun_task *acceptor = launch(accept_once, &j); /* has begun to wait before */
    crun_hub_drain(hub);
    connect_client(&s);
    crun_stream *stream;
    CHECK_EQ_INT(crun_listener_accept(s.listener, &stream, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_listener_accept(s.listener, &stream, in_ms(20)), CRUN_ETIMEDOUT);
    CHECK(!j.ran);
    crun_listener_close(s.listener);
    end(acceptor);
    CHECK_EQ_INT(j.result, CRUN_ECLOSED);
    crun_stream_release(s.client);
    crun_listener_release(s.listener);
    finish();
}

TEST_MAIN
