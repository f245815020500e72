/* SPDX-License-Identifier: MIT */
#include "net_support.h"

TEST(accepts_time_out_and_are_cancelled)
{
    begin();
    int port;
    crun_stream *stream;
    crun_listener *listener = open_listener(&port);
    CHECK_EQ_INT(crun_listener_accept(listener, &stream, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_listener_accept(listener, &stream, in_ms(5)), CRUN_ETIMEDOUT);
    job j = {.listener = listener, .deadline = CRUN_FOREVER};
    crun_task *acceptor = launch(accept_once, &j);
    crun_task_cancel(acceptor);
    end(acceptor);
    CHECK_EQ_INT(j.result, CRUN_ECANCELED);
    crun_listener_release(listener);
    finish();
}

static int connect_to(void *arg)
{
    job *j = arg;
    crun_stream *stream;
    j->result = crun_tcp_connect(hub, "127.0.0.1", (int)j->size, NULL, &stream, j->deadline);
    j->ran = true;
    if (j->result == 0)
        crun_sleep_until(hub, CRUN_FOREVER);
    if (j->result == 0)
        crun_stream_release(stream);
    return CRUN_ECANCELED;
}

/* Nobody accepts, so the system's backlog fills up and further connections hang. */
TEST(connects_time_out_and_are_cancelled)
{
    enum { CONNECTIONS = 8 };
    begin();
    crun_tcp_options options = CRUN_TCP_OPTIONS_INIT;
    options.backlog = 1;
    crun_listener *listener;
    crun_address name;
    REQUIRE(crun_tcp_listen(hub, "127.0.0.1", 0, &options, &listener, CRUN_FOREVER) == 0);
    crun_listener_sockname(listener, &name);
    job jobs[CONNECTIONS];
    crun_task *tasks[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        jobs[i] = (job){.size = (size_t)name.port, .deadline = CRUN_FOREVER};
        tasks[i] = launch(connect_to, &jobs[i]);
    }
    job last = {.size = (size_t)name.port, .deadline = in_ms(50)};
    end(launch(connect_to, &last));
    CHECK_EQ_INT(last.result, CRUN_ETIMEDOUT);
    int cancelled = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        crun_task_cancel(tasks[i]);
        end(tasks[i]);
        cancelled += jobs[i].result == CRUN_ECANCELED;
    }
    CHECK(cancelled > 0);
    crun_listener_release(listener);
    finish();
}

TEST(refused_connections_and_bad_arguments)
{
    begin();
    int port;
    crun_stream *stream;
    crun_listener *listener = open_listener(&port);
    crun_listener_release(listener);
    CHECK_EQ_INT(crun_tcp_connect(hub, "127.0.0.1", port, NULL, &stream, CRUN_FOREVER),
                 -ECONNREFUSED);
    CHECK_EQ_INT(crun_tcp_connect(hub, "127.0.0.1", 0, NULL, &stream, CRUN_FOREVER), CRUN_EINVAL);
    CHECK_EQ_INT(crun_tcp_connect(hub, "", port, NULL, &stream, CRUN_FOREVER), CRUN_EINVAL);
    CHECK_EQ_INT(crun_tcp_connect(hub, "localhost", port, NULL, &stream, CRUN_FOREVER),
                 -ECONNREFUSED);
    finish();
}

static int look_up(void *arg)
{
    job *j = arg;
    crun_stream *stream;
    j->result = crun_tcp_connect(hub, "localhost", 1, NULL, &stream, j->deadline);
    return j->result == CRUN_ECANCELED ? CRUN_ECANCELED : 0;
}

TEST(a_lookup_is_cancelled_and_times_out)
{
    begin();
    job j = {.deadline = CRUN_FOREVER};
    crun_task *task = launch(look_up, &j);
    crun_task_cancel(task);
    end(task);
    CHECK_EQ_INT(j.result, CRUN_ECANCELED);
    job late = {.deadline = CRUN_NOWAIT};
    end(launch(look_up, &late));
    CHECK_EQ_INT(late.result, CRUN_ETIMEDOUT);
    finish();
}

TEST(closing_wakes_acceptors_and_refuses_what_comes_later)
{
    begin();
    int port;
    crun_stream *stream;
    crun_address name;
    crun_listener *listener = open_listener(&port);
    job a = {.listener = listener, .deadline = CRUN_FOREVER}, b = a;
    crun_task *first = launch(accept_once, &a), *second = launch(accept_once, &b);
    crun_listener_close(listener);
    crun_listener_close(listener);
    end(first);
    end(second);
    CHECK_EQ_INT(a.result, CRUN_ECLOSED);
    CHECK_EQ_INT(b.result, CRUN_ECLOSED);
    CHECK_EQ_INT(crun_listener_accept(listener, &stream, CRUN_FOREVER), CRUN_ECLOSED);
    CHECK_EQ_INT(crun_listener_sockname(listener, &name), CRUN_ECLOSED);
    crun_listener_release(listener);
    finish();
}

TEST(sigpipe_is_ignored_unless_somebody_handles_it)
{
    begin();
    pair p = open_pair();
    struct sigaction now;
    sigaction(SIGPIPE, NULL, &now);
    CHECK(now.sa_handler == SIG_IGN);
    close_pair(&p);
    finish();
}

TEST(names_and_options)
{
    begin();
    pair p = open_pair();
    crun_address a, b;
    CHECK_EQ_INT(crun_stream_peername(p.client, &a), 0);
    CHECK_EQ_INT(crun_stream_sockname(p.server, &b), 0);
    CHECK_STR(a.host, "127.0.0.1");
    CHECK_EQ_INT(a.port, b.port);
    CHECK_EQ_INT(crun_stream_nodelay(p.client, false), 0);
    CHECK_EQ_INT(crun_stream_keepalive(p.client, 30), 0);
    CHECK_EQ_INT(crun_stream_keepalive(p.client, 0), 0);
    crun_stream_close(p.client);
    CHECK(crun_stream_closed(p.client));
    CHECK_EQ_INT(crun_stream_peername(p.client, &a), CRUN_ECLOSED);
    CHECK_EQ_INT(crun_stream_nodelay(p.client, true), CRUN_ECLOSED);
    close_pair(&p);
    finish();
}

TEST_MAIN
