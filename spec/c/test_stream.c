/* SPDX-License-Identifier: MIT */
#include "net_support.h"

/* --- reading and writing ------------------------------------------------------------------ */

TEST(bytes_arrive_and_then_the_end)
{
    begin();
    pair p = open_pair();
    char text[16];
    CHECK_EQ_INT(crun_stream_write(p.client, "hello", 5, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_stream_shutdown(p.client, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_stream_read(p.server, text, 3, CRUN_FOREVER), 3);
    CHECK_EQ_INT(crun_stream_read(p.server, text + 3, 9, CRUN_FOREVER), 2);
    CHECK(memcmp(text, "hello", 5) == 0);
    CHECK_EQ_INT(crun_stream_read(p.server, text, 3, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_stream_read(p.server, text, 3, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_stream_write(p.server, "back", 4, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_stream_read(p.client, text, 16, CRUN_FOREVER), 4);
    close_pair(&p);
    finish();
}

static unsigned checksum(unsigned sum, const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + data[i];
    return sum;
}

enum { TRANSFER = 8 << 20 };

static int write_pattern(void *arg)
{
    job *j = arg;
    unsigned char *data = malloc(TRANSFER);
    for (size_t i = 0; i < TRANSFER; i++)
        data[i] = (unsigned char)(i * 7 + i / 251);
    j->size = checksum(0, data, TRANSFER);
    j->result = crun_stream_write(j->stream, data, TRANSFER, CRUN_FOREVER);
    crun_stream_shutdown(j->stream, CRUN_FOREVER);
    free(data);
    return 0;
}

TEST(a_large_write_arrives_whole_at_a_slow_reader)
{
    begin();
    pair p = open_pair();
    job j = {.stream = p.client};
    crun_task *writer = launch(write_pattern, &j);
    static unsigned char data[100000];
    unsigned sum = 0;
    size_t total = 0;
    ptrdiff_t n;
    int round = 0;
    while ((n = crun_stream_read(p.server, data, sizeof data, in_ms(5000))) > 0) {
        sum = checksum(sum, data, (size_t)n);
        total += (size_t)n;
        if (++round % 16 == 0)
            crun_sleep_until(hub, in_ms(1));
    }
    CHECK_EQ_INT(n, 0);
    CHECK_EQ_INT(total, TRANSFER);
    end(writer);
    CHECK_EQ_INT(j.result, 0);
    CHECK_EQ_INT(sum, j.size);
    close_pair(&p);
    finish();
}

TEST(a_writer_waits_for_a_reader_that_does_not_read)
{
    begin();
    pair p = open_pair();
    job j = {.stream = p.client, .size = PLENTY, .deadline = in_ms(50)};
    end(launch(write_zeros, &j));
    CHECK_EQ_INT(j.result, CRUN_ETIMEDOUT);
    /* What has been left half-way keeps its place before the next write. */
    job next = {.stream = p.client, .size = 1, .deadline = in_ms(20)};
    end(launch(write_zeros, &next));
    CHECK_EQ_INT(next.result, CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_stream_shutdown(p.client, in_ms(20)), CRUN_ETIMEDOUT);
    CHECK_EQ_PTR(crun_stream_writer(p.client), NULL);
    close_pair(&p);
    finish();
}

static int drain(void *arg)
{
    job *j = arg;
    static char data[65536];
    while ((j->result = crun_stream_read(j->stream, data, sizeof data, in_ms(5000))) > 0)
        j->size += (size_t)j->result;
    return 0;
}

TEST(shutdown_lets_what_a_write_has_left_go_first)
{
    begin();
    pair p = open_pair();
    job j = {.stream = p.client, .size = PLENTY, .deadline = in_ms(20)};
    end(launch(write_zeros, &j));
    CHECK_EQ_INT(j.result, CRUN_ETIMEDOUT);
    job reader = {.stream = p.server};
    crun_task *task = launch(drain, &reader);
    CHECK_EQ_INT(crun_stream_shutdown(p.client, in_ms(5000)), 0);
    end(task);
    CHECK_EQ_INT(reader.result, 0);
    CHECK(reader.size > 0 && reader.size < PLENTY);
    close_pair(&p);
    finish();
}

/* --- every wait can time out and be cancelled --------------------------------------------- */

TEST(reads_time_out_and_are_cancelled)
{
    begin();
    pair p = open_pair();
    char byte;
    CHECK_EQ_INT(crun_stream_read(p.client, &byte, 1, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_stream_read(p.client, &byte, 1, in_ms(5)), CRUN_ETIMEDOUT);
    job j = {.stream = p.client, .deadline = CRUN_FOREVER};
    crun_task *reader = launch(read_once, &j);
    CHECK_EQ_PTR(crun_stream_reader(p.client), reader);
    crun_task_cancel(reader);
    end(reader);
    CHECK_EQ_INT(j.result, CRUN_ECANCELED);
    CHECK_EQ_PTR(crun_stream_reader(p.client), NULL);
    CHECK_EQ_INT(crun_stream_write(p.server, "x", 1, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_stream_read(p.client, &byte, 1, in_ms(5000)), 1);
    close_pair(&p);
    finish();
}

TEST(a_byte_that_came_before_the_cancel_is_delivered)
{
    begin();
    pair p = open_pair();
    job j = {.stream = p.client, .deadline = CRUN_FOREVER};
    crun_task *reader = launch(read_once, &j);
    CHECK_EQ_INT(crun_stream_write(p.server, "x", 1, CRUN_FOREVER), 0);
    while (crun_task_get_status(reader) == CRUN_TASK_WAITING)
        crun_sleep_until(hub, in_ms(1));
    crun_task_cancel(reader);
    end(reader);
    CHECK_EQ_INT(j.result, 1);
    close_pair(&p);
    finish();
}

TEST(writes_are_cancelled)
{
    begin();
    pair p = open_pair();
    job j = {.stream = p.client, .size = PLENTY, .deadline = CRUN_FOREVER};
    crun_task *writer = launch(write_zeros, &j);
    CHECK_EQ_PTR(crun_stream_writer(p.client), writer);
    crun_task_cancel(writer);
    end(writer);
    CHECK_EQ_INT(j.result, CRUN_ECANCELED);
    close_pair(&p);
    finish();
}

/* --- one reader, one writer --------------------------------------------------------------- */

TEST(a_second_reader_or_writer_is_told_who_is_first)
{
    begin();
    pair p = open_pair();
    char byte;
    job r = {.stream = p.client, .deadline = CRUN_FOREVER};
    job w = {.stream = p.client, .size = PLENTY, .deadline = CRUN_FOREVER};
    crun_task *reader = launch(read_once, &r), *writer = launch(write_zeros, &w);
    CHECK_EQ_INT(crun_stream_read(p.client, &byte, 1, CRUN_FOREVER), CRUN_EBUSY);
    CHECK_EQ_INT(crun_stream_write(p.client, "x", 1, CRUN_FOREVER), CRUN_EBUSY);
    CHECK_EQ_INT(crun_stream_shutdown(p.client, CRUN_FOREVER), CRUN_EBUSY);
    CHECK_EQ_PTR(crun_stream_reader(p.client), reader);
    CHECK_EQ_PTR(crun_stream_writer(p.client), writer);
    crun_stream_close(p.client);
    end(reader);
    end(writer);
    CHECK_EQ_INT(r.result, CRUN_ECLOSED);
    CHECK_EQ_INT(w.result, CRUN_ECLOSED);
    close_pair(&p);
    finish();
}

/* Served in turn: who comes while a woken reader has not run yet may take its bytes. */
TEST(a_woken_reader_whose_bytes_are_gone_waits_on)
{
    begin();
    pair p = open_pair();
    char byte = 0;
    job j = {.stream = p.client, .deadline = CRUN_FOREVER};
    crun_task *reader = launch(read_once, &j);
    CHECK_EQ_INT(crun_stream_write(p.server, "x", 1, CRUN_FOREVER), 0);
    while (crun_stream_reader(p.client))
        crun_sleep_until(hub, in_ms(1));
    if (!j.ran) {
        CHECK_EQ_INT(crun_stream_read(p.client, &byte, 1, CRUN_FOREVER), 1);
        crun_yield(hub);
        CHECK_EQ_PTR(crun_stream_reader(p.client), reader);
        CHECK_EQ_INT(crun_stream_write(p.server, "y", 1, CRUN_FOREVER), 0);
    }
    end(reader);
    CHECK_EQ_INT(j.result, 1);
    close_pair(&p);
    finish();
}

/* --- ends --------------------------------------------------------------------------------- */

static int plain_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        abort();
    return fd;
}

TEST(a_reset_comes_after_the_bytes_before_it)
{
    begin();
    int port;
    char text[8];
    crun_stream *server;
    crun_listener *listener = open_listener(&port);
    int fd = plain_connect(port);
    REQUIRE(crun_listener_accept(listener, &server, CRUN_FOREVER) == 0);
    CHECK_EQ_INT(write(fd, "abc", 3), 3);
    CHECK_EQ_INT(crun_stream_read(server, text, 1, CRUN_FOREVER), 1);
    struct linger linger = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
    crun_sleep_until(hub, in_ms(5));
    CHECK_EQ_INT(crun_stream_read(server, text, 8, CRUN_FOREVER), 2);
    CHECK_EQ_INT(crun_stream_read(server, text, 8, CRUN_FOREVER), -ECONNRESET);
    CHECK_EQ_INT(crun_stream_read(server, text, 8, CRUN_FOREVER), -ECONNRESET);
    CHECK_EQ_INT(crun_stream_write(server, "x", 1, CRUN_FOREVER), -EPIPE);
    crun_stream_release(server);
    crun_listener_release(listener);
    finish();
}

TEST(the_last_reference_closes)
{
    begin();
    pair p = open_pair();
    char byte;
    CHECK_EQ_PTR(crun_stream_retain(p.client), p.client);
    crun_stream_release(p.client);
    CHECK(!crun_stream_closed(p.client));
    crun_stream_release(p.client);
    CHECK_EQ_INT(crun_stream_read(p.server, &byte, 1, in_ms(5000)), 0);
    crun_stream_release(p.server);
    finish();
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    return crun_sleep_until(hub, CRUN_FOREVER);
}

TEST(an_idle_connection_does_not_hide_a_deadlock)
{
    begin();
    pair p = open_pair();
    char byte;
    CHECK_EQ_INT(crun_stream_read(p.client, &byte, 1, in_ms(5)), CRUN_ETIMEDOUT);
    crun_task *task = launch(wait_for_ever, NULL);
    CHECK_EQ_INT(crun_task_join(task, CRUN_FOREVER), CRUN_EDEADLK);
    crun_task_cancel(task);
    end(task);
    close_pair(&p);
    finish();
}

/* A host that forgets a stream loses memory, and nothing else. */
TEST(the_hub_closes_what_is_still_open)
{
    begin();
    pair p = open_pair();
    crun_hub_free(hub);
    CHECK(crun_stream_closed(p.client));
    close_pair(&p);
}

TEST_MAIN
