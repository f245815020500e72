/* SPDX-License-Identifier: MIT */
/* Ports between hubs on different threads. */
#include <pthread.h>

#include <crun/crun.h>

#include "random.h"
#include "test.h"

#include "../../runtime/port.h"

enum { MEMORY, SOCKET, KINDS };

enum { MESSAGES = 20000, LARGEST = 3000, LIVES = 200, MOVES = 300 };

/* One thread with its hub and its end of a port. */
typedef struct side {
    int fd; /* of a socket; else -1 */
    crun_port_end *end;
    long result;
    int count; /* of messages to send, or receive */
    int (*body)(struct side *side, crun_hub *hub, crun_port *port);
} side;

/* Checks belong to one thread: the others leave results. */
static void *run_side(void *arg)
{
    side *s = arg;
    crun_hub *hub;
    crun_port *port;
    s->result = -1;
    if (crun_hub_new(&hub, NULL) != 0) {
        return NULL;
    }
    int rc = s->end ? crun_port_attach(hub, s->end, &port) : crun_port_open(hub, s->fd, &port);
    if (rc == 0) {
        s->result = s->body(s, hub, port);
        crun_port_release(port);
    }
    crun_hub_free(hub);
    return NULL;
}

static void make_ends(int kind, side *x, side *y)
{
    int fds[2];
    if (kind == SOCKET) {
        CHECK_EQ_INT(crun_socketpair(fds), 0);
        x->fd = fds[0];
        y->fd = fds[1];
        x->end = y->end = NULL;
        return;
    }
    crun_hub *hub;
    crun_port *a, *b;
    CHECK_EQ_INT(crun_hub_new(&hub, NULL), 0);
    CHECK_EQ_INT(crun_port_pair(hub, &a, &b), 0);
    CHECK_EQ_INT(crun_port_detach(a, &x->end), 0);
    CHECK_EQ_INT(crun_port_detach(b, &y->end), 0);
    crun_port_release(a);
    crun_port_release(b);
    crun_hub_free(hub);
}

static void run_both(side *x, side *y)
{
    pthread_t threads[2];
    CHECK_EQ_INT(pthread_create(&threads[0], NULL, run_side, x), 0);
    CHECK_EQ_INT(pthread_create(&threads[1], NULL, run_side, y), 0);
    CHECK_EQ_INT(pthread_join(threads[0], NULL), 0);
    CHECK_EQ_INT(pthread_join(threads[1], NULL), 0);
}

/* --- both send and receive at once -------------------------------------------------------- */

static size_t size_of_message(uint64_t id)
{
    random_state state = id;
    size_t size = random_below(&state, LARGEST);
    return id % 1000 == 999 ? size * 50 : size;
}

static int send_all(void *arg)
{
    crun_port *port = arg;
    static const char zeros[LARGEST * 50];
    for (uint64_t i = 0; i < MESSAGES; i++) {
        crun_message m = {.kind = 1, .id = i, .data = zeros, .size = size_of_message(i)};
        if (crun_port_send(port, &m, CRUN_FOREVER) < 0) {
            return -1;
        }
    }
    return crun_port_flush(port, CRUN_FOREVER);
}

static int receive_all(crun_port *port)
{
    int count = 0;
    for (crun_message m; count < MESSAGES && crun_port_recv(port, &m, CRUN_FOREVER) == 0; count++) {
        bool right = m.id == (uint64_t)count && m.size == size_of_message(m.id);
        crun_port_done(port, &m);
        if (!right) {
            break;
        }
    }
    return count;
}

static int exchange(side *s, crun_hub *hub, crun_port *port)
{
    (void)s;
    if (crun_spawn(hub, send_all, port, NULL, NULL) < 0) {
        return -1;
    }
    int count = receive_all(port);
    return crun_hub_run(hub) == 0 ? count : -1;
}

TEST(two_threads_send_to_each_other)
{
    for (int kind = 0; kind < KINDS; kind++) {
        side x = {.body = exchange}, y = {.body = exchange};
        make_ends(kind, &x, &y);
        run_both(&x, &y);
        CHECK_EQ_INT(x.result, MESSAGES);
        CHECK_EQ_INT(y.result, MESSAGES);
    }
}

/* --- a hub ends while the other one sends ------------------------------------------------- */

static int send_until_closed(side *s, crun_hub *hub, crun_port *port)
{
    (void)s;
    crun_message m = {.kind = 1, .data = "some bytes", .size = 11};
    int rc = 0;
    for (m.id = 0; rc == 0; m.id++) {
        rc = crun_port_send(port, &m, CRUN_FOREVER);
        if (rc == 0 && m.id % 16 == 0) {
            rc = crun_yield(hub);
        }
    }
    return rc;
}

static int receive_some(side *s, crun_hub *hub, crun_port *port)
{
    (void)hub;
    crun_message m;
    for (int i = 0; i < s->count; i++) {
        if (crun_port_recv(port, &m, CRUN_FOREVER) < 0) {
            return -1;
        }
        crun_port_done(port, &m);
    }
    return 0;
}

TEST(a_hub_may_end_while_the_other_one_sends)
{
    for (int kind = 0; kind < KINDS; kind++) {
        for (int life = 0; life < LIVES; life++) {
            side x = {.body = send_until_closed}, y = {.body = receive_some, .count = life};
            make_ends(kind, &x, &y);
            run_both(&x, &y);
            CHECK_EQ_INT(x.result, CRUN_ECLOSED);
            CHECK_EQ_INT(y.result, 0);
        }
    }
}

static int wait_for_end(side *s, crun_hub *hub, crun_port *port)
{
    (void)s, (void)hub;
    crun_message m;
    return crun_port_recv(port, &m, CRUN_FOREVER);
}

static int leave(side *s, crun_hub *hub, crun_port *port)
{
    (void)s, (void)hub, (void)port;
    return 0;
}

TEST(the_end_of_a_hub_wakes_who_waits_for_it)
{
    for (int kind = 0; kind < KINDS; kind++) {
        for (int life = 0; life < LIVES; life++) {
            side x = {.body = wait_for_end}, y = {.body = leave};
            make_ends(kind, &x, &y);
            run_both(&x, &y);
            CHECK_EQ_INT(x.result, CRUN_ECLOSED);
        }
    }
}

/* --- an end moves from hub to hub while the other one sends ------------------------------- */

static crun_port_end *moving;

static int receive_and_leave(side *s, crun_hub *hub, crun_port *port)
{
    (void)hub;
    crun_message m;
    int count = s->count;
    for (int i = 0; i < 10; i++, count++) {
        if (crun_port_recv(port, &m, CRUN_FOREVER) < 0) {
            return -1;
        }
        bool right = m.id == (uint64_t)count;
        crun_port_done(port, &m);
        if (!right) {
            return -2;
        }
    }
    return crun_port_detach(port, &moving);
}

TEST(an_end_moves_between_threads)
{
    side x = {.body = send_until_closed}, y = {.body = receive_and_leave};
    pthread_t sender, receiver;
    make_ends(MEMORY, &x, &y);
    REQUIRE(pthread_create(&sender, NULL, run_side, &x) == 0);
    for (y.count = 0; y.count < 10 * MOVES; y.count += 10) {
        REQUIRE(pthread_create(&receiver, NULL, run_side, &y) == 0);
        CHECK_EQ_INT(pthread_join(receiver, NULL), 0);
        CHECK_EQ_INT(y.result, 0);
        y.end = moving;
    }
    crun_port_end_drop(moving);
    CHECK_EQ_INT(pthread_join(sender, NULL), 0);
    CHECK_EQ_INT(x.result, CRUN_ECLOSED);
}

TEST_MAIN
