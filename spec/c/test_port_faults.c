/* SPDX-License-Identifier: MIT */
/* Ports where memory and descriptors run out: what fails has a code, and nothing is left behind. */
#include "exhaust.h"

#include "../../runtime/port.h"

enum { LARGE = 300000, MESSAGES = 6 };

static char large[LARGE];

static int send_one(crun_port *port, uint64_t id, size_t size)
{
    crun_message m = {.kind = 1, .id = id, .data = large, .size = size};
    return crun_port_send(port, &m, crun_deadline(hub, 1));
}

static int receive_one(crun_port *port)
{
    crun_message m;
    int rc = crun_port_recv(port, &m, crun_deadline(hub, 1));
    if (rc == 0) {
        crun_port_done(port, &m);
    }
    return rc;
}

static int send_all(void *arg)
{
    int rc = 0;
    for (uint64_t i = 0; i < MESSAGES && rc == 0; i++) {
        rc = send_one(arg, i, i % 2 ? LARGE : 10);
    }
    keep(&rc, crun_port_flush(arg, crun_deadline(hub, 1)));
    crun_port_close(arg);
    return rc;
}

/* One end sends until it fails, the other one receives until the end. */
static int exchange(crun_port *a, crun_port *b)
{
    crun_task *sender;
    int rc = crun_spawn(hub, send_all, a, NULL, &sender);
    if (rc < 0) {
        return rc;
    }
    int received = 0;
    while ((rc = receive_one(b)) == 0) {
        received++;
    }
    rc = rc == CRUN_ECLOSED ? 0 : rc;
    keep(&rc, crun_task_join(sender, CRUN_FOREVER));
    keep(&rc, crun_task_result(sender));
    crun_task_release(sender);
    return rc == 0 && received < MESSAGES ? CRUN_EBROKEN : rc;
}

static int memory(void)
{
    crun_port *a, *b;
    int rc = crun_port_pair(hub, &a, &b);
    if (rc < 0) {
        return rc;
    }
    rc = exchange(a, b);
    crun_port_release(a);
    crun_port_release(b);
    return rc;
}

TEST(ports_in_memory)
{
    exhaust(memory);
}

static int sockets(void)
{
    int fds[2];
    int rc = crun_socketpair(fds);
    if (rc < 0) {
        return rc;
    }
    crun_port *a = NULL, *b = NULL;
    rc = crun_port_open(hub, fds[0], &a);
    keep(&rc, crun_port_open(hub, fds[1], &b));
    if (rc == 0) {
        rc = exchange(a, b);
    }
    if (a) {
        crun_port_release(a);
    }
    if (b) {
        crun_port_release(b);
    }
    return rc;
}

TEST(ports_of_sockets)
{
    exhaust(sockets);
}

static int move(void)
{
    crun_port *a, *b;
    crun_port_end *end;
    int rc = crun_port_pair(hub, &a, &b);
    if (rc < 0) {
        return rc;
    }
    rc = send_one(a, 1, 10);
    int moved = crun_port_detach(b, &end);
    crun_port_release(b);
    if (moved == 0 && (moved = crun_port_attach(hub, end, &b)) < 0) {
        crun_port_end_drop(end);
    }
    if (moved == 0) {
        keep(&rc, rc < 0 ? 0 : receive_one(b));
        crun_port_release(b);
    }
    keep(&rc, moved);
    crun_port_release(a);
    return rc;
}

TEST(ends_that_move)
{
    exhaust(move);
}

TEST_MAIN
