/* SPDX-License-Identifier: MIT */
/*
 * The C API where memory, mappings and descriptors run out. Each scenario is repeated with the
 * first, the second ... call failing until it passes: it must then have returned a code of its
 * own, without a crash and without leaving anything behind.
 */
#include <signal.h>

#include <crun/crun.h>

#include "../../runtime/scope.h"
#include "exhaust.h"

enum { SLEEPERS = 70, VALUES = 20, BIG = 300000 };

/* --- scenarios ---------------------------------------------------------------------------- */

static int nothing(void)
{
    return 0;
}

TEST(a_hub_by_itself)
{
    exhaust(nothing);
}

static int yield_and_sleep(void *arg)
{
    (void)arg;
    int rc = crun_yield(hub);
    keep(&rc, crun_sleep_until(hub, crun_deadline(hub, 0.01)));
    return rc;
}

static int join_all(crun_task **tasks, int count)
{
    int rc = 0;
    for (int i = 0; i < count; i++) {
        keep(&rc, crun_task_join(tasks[i], CRUN_FOREVER));
        keep(&rc, crun_task_result(tasks[i]));
        crun_task_release(tasks[i]);
    }
    return rc;
}

static int tasks(void)
{
    crun_task *started[SLEEPERS];
    int rc = 0, count = 0;
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    while (count < SLEEPERS && rc == 0) {
        rc = crun_spawn(hub, yield_and_sleep, NULL, NULL, &started[count]);
        count += rc == 0;
    }
    keep(&rc, join_all(started, count));
    keep(&rc, crun_hub_run(hub));
    return rc;
}

static int pooled(void)
{
    crun_pool pool;
    int rc = 0;
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_pool_init(&pool, 2);
    for (int i = 0; i < SLEEPERS && rc == 0; i++) {
        rc = crun_pool_spawn(&pool, yield_and_sleep, NULL, NULL, NULL, CRUN_FOREVER);
    }
    keep(&rc, crun_hub_run(hub));
    CHECK(rc < 0 || crun_pool_join(&pool, CRUN_NOWAIT) == 0);
    crun_pool_fini(&pool);
    return rc;
}

TEST(jobs_of_a_pool)
{
    exhaust(pooled);
}

TEST(tasks_timers_and_joins)
{
    exhaust(tasks);
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return crun_sleep_until(hub, CRUN_FOREVER);
}

static int tasks_left(void)
{
    int rc = 0;
    for (int i = 0; i < 5; i++) {
        keep(&rc, crun_spawn(hub, sleep_for_ever, NULL, NULL, NULL));
    }
    keep(&rc, crun_yield(hub));
    return rc;
}

TEST(tasks_that_the_hubs_end_cancels)
{
    exhaust(tasks_left);
}

static int receive_all(void *arg)
{
    crun_chan *chan = arg;
    for (;;) {
        crun_value v = {.type = CRUN_NIL};
        int rc = crun_chan_recv(chan, &v, CRUN_FOREVER);
        if (rc < 0) {
            return rc == CRUN_ECLOSED ? 0 : rc;
        }
        crun_value_clear(&v);
    }
}

static int send_text(crun_chan *chan)
{
    crun_bytes *bytes = crun_bytes_new("text", 4);
    if (!bytes) {
        return CRUN_ENOMEM;
    }
    crun_value v = {.type = CRUN_BYTES, .as.bytes = bytes};
    int rc = crun_chan_send(chan, &v, crun_deadline(hub, 1));
    if (rc < 0) {
        crun_value_clear(&v);
    }
    return rc;
}

static int through_chan(size_t capacity)
{
    crun_chan *chan;
    crun_task *receiver = NULL;
    int rc = crun_chan_new(&chan, capacity);
    if (rc < 0) {
        return rc;
    }
    for (int i = 0; i < VALUES && capacity > 0; i++) {
        keep(&rc, send_text(chan));
    }
    keep(&rc, crun_spawn(hub, receive_all, chan, NULL, &receiver));
    for (int i = 0; i < VALUES; i++) {
        keep(&rc, send_text(chan));
    }
    crun_chan_close(chan);
    if (receiver) {
        keep(&rc, join_all(&receiver, 1));
        keep(&rc, crun_hub_run(hub));
    }
    crun_chan_release(chan);
    return rc;
}

static int unbounded(void)
{
    return through_chan(CRUN_UNBOUNDED);
}

static int rendezvous(void)
{
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    return through_chan(0);
}

TEST(channels_that_grow)
{
    exhaust(unbounded);
}

TEST(channels_without_capacity)
{
    exhaust(rendezvous);
}

static int posted, called;

static void count_post(void *arg)
{
    (void)arg;
    called++;
}

static int posts(void)
{
    int rc = 0;
    posted = called = 0;
    for (int i = 0; i < 5; i++) {
        int one = crun_hub_post(hub, count_post, NULL);
        posted += one == 0;
        keep(&rc, one);
    }
    while (called < posted && crun_yield(hub) == 0) {
    }
    crun_task *task = NULL;
    keep(&rc, crun_spawn(hub, yield_and_sleep, NULL, NULL, &task));
    if (task) {
        keep(&rc, join_all(&task, 1));
    }
    return rc;
}

/* What could be posted is called, if only while the hub is being freed. */
TEST(posts_to_a_hub)
{
    exhaust(posts);
    CHECK_EQ_INT(called, posted);
}

static int scopes(void)
{
    crun__scope outer, inner;
    crun_task *self = crun_task_current();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    int rc = crun__scope_enter(&outer, self, false, crun_deadline(hub, 2));
    if (rc < 0) {
        CHECK_EQ_PTR(self->scope, NULL);
        return rc;
    }
    rc = crun__scope_enter(&inner, self, false, crun_deadline(hub, 1));
    if (rc == 0) {
        int waited = crun_sleep_until(hub, CRUN_FOREVER);
        keep(&rc, waited == CRUN_ECANCELED ? 0 : waited);
        crun__scope_leave(&inner);
    }
    crun__scope_leave(&outer);
    CHECK_EQ_PTR(self->scope, NULL);
    return rc;
}

TEST(scopes_with_deadlines)
{
    exhaust(scopes);
}

/* --- streams ------------------------------------------------------------------------------ */

static int echo(void *arg)
{
    static char block[65536];
    crun_stream *stream;
    crun_listener *listener = arg;
    int rc = crun_listener_accept(listener, &stream, crun_deadline(hub, 2));
    if (rc < 0) {
        return rc;
    }
    for (;;) {
        ptrdiff_t n = crun_stream_read(stream, block, sizeof block, crun_deadline(hub, 2));
        rc = n <= 0 ? (int)n : crun_stream_write(stream, block, (size_t)n, crun_deadline(hub, 2));
        if (n <= 0 || rc < 0) {
            break;
        }
    }
    crun_stream_release(stream);
    return rc;
}

static int send_big(void *stream)
{
    static const char big[BIG];
    int rc = crun_stream_write(stream, big, BIG, crun_deadline(hub, 2));
    keep(&rc, crun_stream_shutdown(stream, crun_deadline(hub, 2)));
    return rc;
}

static int read_big(crun_stream *stream)
{
    static char block[30000];
    size_t total = 0;
    for (;;) {
        ptrdiff_t n = crun_stream_read(stream, block, sizeof block, crun_deadline(hub, 2));
        if (n < 0) {
            return (int)n;
        }
        if (n == 0) {
            return total == BIG ? 0 : CRUN_ECLOSED;
        }
        total += (size_t)n;
    }
}

static int talk(crun_listener *listener, const char *host)
{
    crun_address name;
    crun_stream *stream = NULL;
    crun_task *writer = NULL;
    int rc = crun_listener_sockname(listener, &name);
    keep(&rc, rc < 0
                  ? rc
                  : crun_tcp_connect(hub, host, name.port, NULL, &stream, crun_deadline(hub, 2)));
    if (rc < 0) {
        return rc;
    }
    rc = crun_spawn(hub, send_big, stream, NULL, &writer);
    if (writer) {
        keep(&rc, read_big(stream));
        if (rc < 0) {
            crun_stream_close(stream);
        }
        keep(&rc, join_all(&writer, 1));
    }
    crun_stream_release(stream);
    return rc;
}

static int serve(const char *host)
{
    crun_listener *listener;
    crun_task *server = NULL;
    int rc = crun_tcp_listen(hub, host, 0, NULL, &listener, crun_deadline(hub, 2));
    if (rc < 0) {
        return rc;
    }
    rc = crun_spawn(hub, echo, listener, NULL, &server);
    if (server) {
        keep(&rc, talk(listener, host));
        if (rc < 0) {
            crun_task_cancel(server);
        }
        keep(&rc, join_all(&server, 1));
    }
    crun_listener_release(listener);
    return rc;
}

static int numeric(void)
{
    return serve("127.0.0.1");
}

static int by_name(void)
{
    return serve("localhost");
}

TEST(streams_at_an_address)
{
    exhaust(numeric);
}

TEST(streams_at_a_name)
{
    exhaust(by_name);
}

/* --- child processes ---------------------------------------------------------------------- */

static int open_pipe(int *theirs, crun_stream **ours, int end)
{
    int fds[2];
    int rc = crun_pipe(fds);
    if (rc < 0) {
        return rc;
    }
    rc = crun_stream_open(hub, fds[1 - end], ours);
    *theirs = fds[end];
    if (rc < 0) {
        close(*theirs);
    }
    return rc;
}

static int start_cat(crun_stream **in, crun_stream **out, crun_process **process)
{
    char *args[] = {"cat", NULL};
    crun_process_fd fds[] = {{.target = 0}, {.target = 1}};
    crun_process_options options = {
        .size = sizeof options, .file = "cat", .args = args, .fds = fds, .fd_count = 2};
    int rc = open_pipe(&fds[0].source, in, 0);
    if (rc < 0) {
        return rc;
    }
    rc = open_pipe(&fds[1].source, out, 1);
    if (rc == 0) {
        rc = crun_process_start(hub, &options, process);
        close(fds[1].source);
    }
    close(fds[0].source);
    return rc;
}

static int through_cat(void)
{
    crun_stream *in = NULL, *out = NULL;
    crun_process *process = NULL;
    crun_task *writer = NULL;
    crun_exit end;
    int rc = start_cat(&in, &out, &process);
    keep(&rc, rc < 0 ? rc : crun_spawn(hub, send_big, in, NULL, &writer));
    if (writer) {
        keep(&rc, read_big(out));
        crun_stream_close(out);
        keep(&rc, join_all(&writer, 1));
    }
    if (process) {
        crun_process_kill(process, SIGKILL);
        keep(&rc, crun_process_wait(process, &end, crun_deadline(hub, 2)));
        crun_process_release(process);
    }
    if (in) {
        crun_stream_release(in);
    }
    if (out) {
        crun_stream_release(out);
    }
    return rc;
}

TEST(children_and_their_pipes)
{
    exhaust(through_cat);
}

TEST_MAIN
