/* SPDX-License-Identifier: MIT */
/*
 * Load for a TCP echo server on 127.0.0.1: a closed loop on every connection, that is, one message
 * of 64 bytes is sent, and the next only when the whole echo of the last is there.
 *
 * It polls without ever sleeping. If it slept, the server's sends would have to wake its halted
 * processor now and then, a cost that comes and goes by chance and is larger than the differences
 * between servers.
 *
 * usage: load port connections seconds
 * prints: rps=<echoes per second> total=<all echoes, warm-up included> p50_us=<us> p99_us=<us>
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE 64
#define SECOND UINT64_C(1000000000)
#define WARM_UP (SECOND * 3 / 10)
#define STALL (2 * SECOND)
#define PATIENCE (5 * SECOND)
#define SLOWEST_US 1000000
#define EVENTS 1024

typedef struct {
    int fd;
    size_t received;
    uint64_t sent_at;
} connection;

typedef struct {
    uint64_t total;
    uint64_t counted;
    uint64_t first;
    uint64_t last;
    uint32_t latency_us[SLOWEST_US + 1];
} tally;

static char message[MESSAGE];
static tally result;

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "protocol error");
    exit(1);
}

static void send_message(connection *c)
{
    c->received = 0;
    c->sent_at = now();
    if (send(c->fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE) {
        fail("send");
    }
}

/* The server may still be starting, so a refused connection is tried again for a while. */
static int open_socket(const struct sockaddr_in *address)
{
    uint64_t give_up = now() + PATIENCE;
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            fail("socket");
        }
        if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) {
            return fd;
        }
        if (errno != ECONNREFUSED || now() > give_up) {
            fail("connect");
        }
        close(fd);
        usleep(20000);
    }
}

/* One exchange per connection, so that all are accepted before the clock starts. */
static void open_connection(connection *c, const struct sockaddr_in *address, int poll)
{
    c->fd = open_socket(address);
    int on = 1;
    struct timeval patience = {.tv_sec = 5};
    if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0) {
        fail("setsockopt");
    }
    send_message(c);
    char echo[MESSAGE];
    if (recv(c->fd, echo, MESSAGE, MSG_WAITALL) != MESSAGE || memcmp(echo, message, MESSAGE) != 0) {
        fail("first echo");
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event) < 0) {
        fail("epoll_ctl");
    }
    result.total++;
}

static void count(const connection *c, uint64_t at)
{
    result.total++;
    result.last = at;
    if (at >= result.first) {
        uint64_t us = (at - c->sent_at) / 1000;
        result.latency_us[us < SLOWEST_US ? us : SLOWEST_US]++;
        result.counted++;
    }
}

static void on_readable(connection *c)
{
    char echo[MESSAGE];
    ssize_t size = recv(c->fd, echo, MESSAGE - c->received, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) {
        return;
    }
    if (size <= 0) {
        fail("recv");
    }
    c->received += (size_t)size;
    if (c->received == MESSAGE) {
        count(c, now());
        send_message(c);
    }
}

static void run(int poll, uint64_t duration)
{
    static struct epoll_event events[EVENTS];
    result.first = now() + WARM_UP;
    result.last = now();
    while (result.last < result.first + duration) {
        int ready = epoll_wait(poll, events, EVENTS, 0);
        if (ready < 0 && errno != EINTR) {
            fail("epoll_wait");
        }
        for (int i = 0; i < ready; i++) {
            on_readable(events[i].data.ptr);
        }
        if (ready == 0 && now() - result.last > STALL) {
            errno = ETIMEDOUT;
            fail("the server stalled");
        }
    }
}

static uint64_t percentile(uint64_t percent)
{
    uint64_t seen = 0;
    for (uint64_t us = 0; us <= SLOWEST_US; us++) {
        seen += result.latency_us[us];
        if (seen * 100 >= result.counted * percent) {
            return us;
        }
    }
    return SLOWEST_US;
}

int main(int argc, char **argv)
{
    int port = argc == 4 ? atoi(argv[1]) : 0;
    int connections = argc == 4 ? atoi(argv[2]) : 0;
    double seconds = argc == 4 ? atof(argv[3]) : 0;
    if (port <= 0 || port > 65535 || connections <= 0 || seconds <= 0) {
        fprintf(stderr, "usage: load port connections seconds\n");
        return 2;
    }
    memset(message, 'm', MESSAGE - 1);
    message[MESSAGE - 1] = '\n';
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection *all = calloc((size_t)connections, sizeof *all);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    if (!all || poll < 0) {
        fail("start");
    }
    for (int i = 0; i < connections; i++) {
        open_connection(&all[i], &address, poll);
    }
    for (int i = 0; i < connections; i++) {
        send_message(&all[i]);
    }
    run(poll, (uint64_t)(seconds * (double)SECOND));
    printf("rps=%.0f total=%llu p50_us=%llu p99_us=%llu\n",
           (double)result.counted * (double)SECOND / (double)(result.last - result.first),
           (unsigned long long)result.total, (unsigned long long)percentile(50),
           (unsigned long long)percentile(99));
    free(all);
    return 0;
}
