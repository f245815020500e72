/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "net_support.h"

static crun_stream *open_stream(int fd)
{
    crun_stream *stream = NULL;
    if (crun_stream_open(hub, fd, &stream) != 0)
        abort();
    return stream;
}

static pair open_pipe(void)
{
    int fds[2];
    if (crun_pipe(fds) != 0)
        abort();
    return (pair){.client = open_stream(fds[1]), .server = open_stream(fds[0])};
}

static pair open_sockets(void)
{
    int fds[2];
    if (crun_socketpair(fds) != 0)
        abort();
    return (pair){.client = open_stream(fds[0]), .server = open_stream(fds[1])};
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void check_bytes(pair p)
{
    char bytes[8];
    CHECK_EQ_INT(crun_stream_read(p.server, bytes, sizeof bytes, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_stream_write(p.client, "hello", 5, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_stream_read(p.server, bytes, sizeof bytes, CRUN_FOREVER), 5);
    job j = {.stream = p.client, .size = 4 << 20, .deadline = CRUN_FOREVER};
    crun_task *writer = launch(write_zeros, &j);
    CHECK(!j.ran);
    size_t total = 0;
    static char buffer[1 << 16];
    while (total < j.size) {
        ptrdiff_t got = crun_stream_read(p.server, buffer, sizeof buffer, in_ms(5000));
        REQUIRE(got > 0);
        total += (size_t)got;
    }
    end(writer);
    CHECK_EQ_INT(j.result, 0);
    CHECK_EQ_INT(crun_stream_shutdown(p.client, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_stream_read(p.server, bytes, sizeof bytes, in_ms(5000)), 0);
}

TEST(pipes_carry_bytes_and_an_end)
{
    begin();
    pair p = open_pipe();
    check_bytes(p);
    CHECK(crun_stream_closed(p.client));
    close_pair(&p);
    turn();
    finish();
}

TEST(unix_sockets_carry_bytes_both_ways)
{
    begin();
    pair p = open_sockets();
    check_bytes(p);
    CHECK(!crun_stream_closed(p.client));
    pair back = {.client = p.server, .server = p.client};
    check_bytes(back);
    close_pair(&p);
    turn();
    finish();
}

TEST(a_pipe_has_one_direction_and_no_address)
{
    begin();
    pair p = open_pipe();
    char byte;
    crun_address address;
    CHECK(crun_stream_read(p.client, &byte, 1, CRUN_NOWAIT) < 0);
    CHECK(crun_stream_write(p.server, "x", 1, CRUN_NOWAIT) < 0);
    CHECK_EQ_INT(crun_stream_peername(p.client, &address), CRUN_ENOTSUP);
    CHECK_EQ_INT(crun_stream_sockname(p.server, &address), CRUN_ENOTSUP);
    CHECK_EQ_INT(crun_stream_nodelay(p.client, true), CRUN_ENOTSUP);
    CHECK_EQ_INT(crun_stream_keepalive(p.client, 1), CRUN_ENOTSUP);
    close_pair(&p);
    turn();
    finish();
}

TEST(writing_to_nobody_is_an_error)
{
    begin();
    pair p = open_pipe();
    crun_stream_close(p.server);
    turn();
    CHECK_EQ_INT(crun_stream_write(p.client, "x", 1, CRUN_FOREVER), -EPIPE);
    close_pair(&p);
    p = open_sockets();
    crun_stream_close(p.server);
    turn();
    CHECK_EQ_INT(crun_stream_write(p.client, "x", 1, CRUN_FOREVER), -EPIPE);
    close_pair(&p);
    turn();
    finish();
}

TEST(the_descriptor_is_the_streams)
{
    begin();
    int fds[2];
    REQUIRE(crun_pipe(fds) == 0);
    CHECK(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
    crun_stream *s = open_stream(fds[0]);
    CHECK_EQ_INT(crun_stream_fd(s), fds[0]);
    CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    CHECK(!(fcntl(fds[1], F_GETFL) & O_NONBLOCK));
    crun_stream_close(s);
    CHECK_EQ_INT(crun_stream_fd(s), CRUN_ECLOSED);
    CHECK(!is_open(fds[0]));
    crun_stream_release(s);
    close(fds[1]);
    turn();
    finish();
}

TEST(tcp_is_known_as_such)
{
    begin();
    pair p = open_pair();
    crun_stream *copy = open_stream(fcntl(crun_stream_fd(p.client), F_DUPFD_CLOEXEC, 3));
    crun_address mine, theirs;
    CHECK_EQ_INT(crun_stream_sockname(copy, &mine), 0);
    CHECK_EQ_INT(crun_stream_peername(p.server, &theirs), 0);
    CHECK_EQ_INT(mine.port, theirs.port);
    CHECK_EQ_INT(crun_stream_nodelay(copy, true), 0);
    crun_stream_release(copy);
    close_pair(&p);
    turn();
    finish();
}

TEST(what_is_no_stream_is_refused_and_closed)
{
    begin();
    crun_stream *s;
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    CHECK_EQ_INT(crun_stream_open(hub, file, &s), CRUN_EINVAL);
    CHECK(!is_open(file));
    int datagrams = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_EQ_INT(crun_stream_open(hub, datagrams, &s), CRUN_EINVAL);
    CHECK(!is_open(datagrams));
    CHECK_EQ_INT(crun_stream_open(hub, 9999, &s), -EBADF);
    turn();
    finish();
}

TEST_MAIN
