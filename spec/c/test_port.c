/* SPDX-License-Identifier: MIT */
/* Ports within one hub: order, ends, back-pressure, waits that leave, what is no message. */
#include <sys/socket.h>
#include <unistd.h>

#include "hub_support.h"
#include "random.h"

#include "../../runtime/port.h"

enum { MEMORY, SOCKET, KINDS };

static crun_port *a, *b;

static void open_pair(int kind)
{
    int fds[2];
    a = b = NULL;
    if (kind == MEMORY) {
        CHECK_EQ_INT(crun_port_pair(hub, &a, &b), 0);
    } else {
        CHECK_EQ_INT(crun_socketpair(fds), 0);
        CHECK_EQ_INT(crun_port_open(hub, fds[0], &a), 0);
        CHECK_EQ_INT(crun_port_open(hub, fds[1], &b), 0);
    }
}

static void close_pair(void)
{
    crun_port_release(a);
    crun_port_release(b);
}

static int send_bytes(crun_port *port, uint64_t id, const void *data, size_t size)
{
    crun_message m = {.kind = 1, .id = id, .aux = (uint32_t)size, .data = data, .size = size};
    return crun_port_send(port, &m, CRUN_FOREVER);
}

/* Receives a message of that number and so many equal bytes. */
static void check_next(crun_port *port, uint64_t id, size_t size, char byte)
{
    crun_message m;
    REQUIRE(crun_port_recv(port, &m, CRUN_FOREVER) == 0);
    CHECK_EQ_INT(m.id, id);
    REQUIRE(m.size == size);
    const char *data = m.data;
    bool same = true;
    for (size_t i = 0; i < size; i++) {
        same = same && data[i] == byte;
    }
    CHECK(same);
    crun_port_done(port, &m);
}

TEST(messages_come_in_order_and_whole)
{
    static const size_t sizes[] = {0, 1, 23, 24, 100, 65535, 65536, 65537, 300000, 3};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    char *data = malloc(300000);
    REQUIRE(data);
    memset(data, 'x', 300000);
    for (int kind = 0; kind < KINDS; kind++) {
        begin();
        open_pair(kind);
        for (uint64_t i = 0; i < COUNT; i++) {
            CHECK_EQ_INT(send_bytes(a, i, data, sizes[i]), 0);
        }
        for (uint64_t i = 0; i < COUNT; i++) {
            check_next(b, i, sizes[i], 'x');
        }
        close_pair();
        turn();
        finish();
    }
    free(data);
}

TEST(what_was_sent_before_a_close_arrives_and_then_the_end)
{
    for (int kind = 0; kind < KINDS; kind++) {
        begin();
        open_pair(kind);
        CHECK_EQ_INT(send_bytes(a, 7, "seven", 5), 0);
        crun_port_close(a);
        crun_message m;
        CHECK_EQ_INT(crun_port_recv(a, &m, CRUN_FOREVER), CRUN_ECLOSED);
        CHECK_EQ_INT(send_bytes(a, 7, "seven", 5), CRUN_ECLOSED);
        CHECK_EQ_INT(crun_port_poll(b, CRUN_FOREVER), 0);
        REQUIRE(crun_port_recv(b, &m, CRUN_FOREVER) == 0);
        CHECK_EQ_INT(m.id, 7);
        crun_port_done(b, &m);
        CHECK_EQ_INT(crun_port_recv(b, &m, CRUN_FOREVER), CRUN_ECLOSED);
        CHECK_EQ_INT(crun_port_poll(b, CRUN_FOREVER), 0);
        CHECK_EQ_INT(send_bytes(b, 1, NULL, 0), CRUN_ECLOSED);
        CHECK_STR(crun__port_reason(b), "the other end is closed");
        close_pair();
        turn();
        finish();
    }
}

/* What tasks note of how their waits ended. */
static char mark_of(int rc)
{
    switch (rc) {
    case 0:
        return 's';
    case CRUN_ECLOSED:
        return 'c';
    case CRUN_ECANCELED:
        return 'x';
    default:
        return '?';
    }
}

static int receive_one(void *arg)
{
    crun_message m;
    int rc = crun_port_recv(arg, &m, CRUN_FOREVER);
    if (rc < 0) {
        note(mark_of(rc));
    } else {
        note((char)m.id);
        crun_port_done(arg, &m);
    }
    return 0;
}

TEST(receivers_are_served_in_turn_and_a_close_wakes_the_rest)
{
    for (int kind = 0; kind < KINDS; kind++) {
        begin();
        open_pair(kind);
        for (int i = 0; i < 4; i++) {
            spawn(receive_one, b);
        }
        turn();
        CHECK_EQ_INT(send_bytes(a, '1', NULL, 0), 0);
        CHECK_EQ_INT(send_bytes(a, '2', NULL, 0), 0);
        turn();
        CHECK_STR(trace, "12");
        crun_port_close(kind == MEMORY ? a : b);
        turn();
        CHECK_STR(trace, "12cc");
        close_pair();
        turn();
        finish();
    }
}

TEST(who_leaves_takes_no_message_along)
{
    for (int kind = 0; kind < KINDS; kind++) {
        begin();
        open_pair(kind);
        crun_message m;
        CHECK_EQ_INT(crun_port_recv(b, &m, CRUN_NOWAIT), CRUN_ETIMEDOUT);
        CHECK_EQ_INT(crun_port_recv(b, &m, in_ms(1)), CRUN_ETIMEDOUT);
        crun_task *task = start(receive_one, b);
        turn();
        crun_task_cancel(task);
        turn();
        CHECK_STR(trace, "x");
        CHECK_EQ_INT(send_bytes(a, 'm', NULL, 0), 0);
        check_next(b, 'm', 0, 0);
        crun_task_release(task);
        close_pair();
        turn();
        finish();
    }
}

enum { BLOCK = 100000, BLOCKS = 40 };

static char block[BLOCK];

static int send_blocks(void *arg)
{
    for (uint64_t i = 0; i < BLOCKS; i++) {
        int rc = send_bytes(arg, i, block, BLOCK);
        if (rc < 0) {
            note(mark_of(rc));
            return rc;
        }
    }
    note('e');
    return 0;
}

TEST(a_sender_waits_while_too_much_is_under_way)
{
    for (int kind = 0; kind < KINDS; kind++) {
        begin();
        open_pair(kind);
        spawn(send_blocks, a);
        turn();
        CHECK_STR(trace, "");
        CHECK(crun__port_queued(a) >= CRUN__PORT_ROOM);
        CHECK(crun__port_queued(a) <= CRUN__PORT_ROOM + 2 * BLOCK);
        for (uint64_t i = 0; i < BLOCKS; i++) {
            check_next(b, i, BLOCK, 0);
        }
        turn();
        CHECK_STR(trace, "e");
        close_pair();
        turn();
        finish();
    }
}

static int send_one(void *arg)
{
    int rc = send_bytes(arg, 1000, "late", 4);
    note(mark_of(rc));
    return rc;
}

TEST(a_send_that_leaves_has_sent_nothing)
{
    for (int kind = 0; kind < KINDS; kind++) {
        begin();
        open_pair(kind);
        crun_task *blocks = start(send_blocks, a);
        crun_task *one = start(send_one, a);
        turn();
        crun_task_cancel(one);
        crun_message m = {.kind = 1, .id = 2000};
        CHECK_EQ_INT(crun_port_send(a, &m, CRUN_NOWAIT), CRUN_ETIMEDOUT);
        CHECK_EQ_INT(crun_port_send(a, &m, in_ms(1)), CRUN_ETIMEDOUT);
        for (uint64_t i = 0; i < BLOCKS; i++) {
            check_next(b, i, BLOCK, 0);
        }
        turn();
        CHECK_STR(trace, "xe");
        CHECK_EQ_INT(crun_port_recv(b, &m, CRUN_NOWAIT), CRUN_ETIMEDOUT);
        crun_task_release(blocks);
        crun_task_release(one);
        close_pair();
        turn();
        finish();
    }
}

TEST(a_close_ends_waiting_sends)
{
    for (int kind = 0; kind < KINDS; kind++) {
        for (int there = 0; there < 2; there++) {
            begin();
            open_pair(kind);
            spawn(send_blocks, a);
            spawn(send_one, a);
            turn();
            crun_port_close(there ? b : a);
            turn();
            CHECK_STR(trace, "cc");
            close_pair();
            turn();
            finish();
        }
    }
}

TEST(a_message_being_read_outlives_the_port)
{
    for (int kind = 0; kind < KINDS; kind++) {
        begin();
        open_pair(kind);
        CHECK_EQ_INT(send_bytes(a, 1, "first", 6), 0);
        CHECK_EQ_INT(send_bytes(a, 2, "second", 7), 0);
        crun_message m, n;
        REQUIRE(crun_port_recv(b, &m, CRUN_FOREVER) == 0);
        REQUIRE(crun_port_recv(b, &n, CRUN_FOREVER) == 0);
        crun_port_done(b, &m);
        crun_port_close(b);
        CHECK_STR(n.data, "second");
        crun_port_done(b, &n);
        close_pair();
        turn();
        finish();
    }
}

TEST(an_end_moves_with_what_is_unread)
{
    begin();
    open_pair(MEMORY);
    crun_port_end *end;
    crun_message m;
    for (uint64_t i = 0; i < 10; i++) {
        CHECK_EQ_INT(send_bytes(a, i, block, 100), 0);
    }
    REQUIRE(crun_port_recv(b, &m, CRUN_FOREVER) == 0);
    CHECK_EQ_INT(send_bytes(b, 99, NULL, 0), 0);
    REQUIRE(crun_port_detach(b, &end) == 0);
    CHECK(crun_port_closed(b));
    crun_port_done(b, &m);
    crun_port_release(b);
    CHECK_EQ_INT(send_bytes(a, 10, block, 100), 0);
    REQUIRE(crun_port_attach(hub, end, &b) == 0);
    for (uint64_t i = 1; i <= 10; i++) {
        check_next(b, i, 100, 0);
    }
    check_next(a, 99, 0, 0);
    CHECK_EQ_INT(crun__port_queued(a), 0);
    REQUIRE(crun_port_detach(b, &end) == 0);
    crun_port_end_drop(end);
    CHECK_EQ_INT(crun_port_recv(a, &m, CRUN_FOREVER), CRUN_ECLOSED);
    CHECK_EQ_INT(crun_port_detach(a, &end), 0);
    crun_port_end_drop(end);
    close_pair();
    turn();
    finish();
}

static bool no_piece(void *source, size_t number, const char **data, size_t *size)
{
    (void)source, (void)number, (void)data, (void)size;
    return false;
}

/* There is room again, which the waiting senders are not told before the hub's next turn. */
static void empty_unnoticed(uint64_t count)
{
    const crun__letter letter = {.frame = {.kind = 1, .id = 500}, .piece = no_piece};
    for (uint64_t i = 0; i < count; i++) {
        check_next(b, i, BLOCK, 0);
    }
    CHECK_EQ_INT(crun__send_begin(a, crun_task_current(), &letter, true), 1);
}

/* By handing over what is queued a close may let waiting senders send, which is what it does. */
TEST(what_a_close_lets_be_sent_arrives)
{
    for (int moves = 0; moves < 2; moves++) {
        begin();
        open_pair(MEMORY);
        crun_port_end *end = NULL;
        uint64_t count = 0;
        while (crun__port_has_room(a)) {
            CHECK_EQ_INT(send_bytes(a, count++, block, BLOCK), 0);
        }
        spawn(send_one, a);
        turn();
        empty_unnoticed(count);
        if (moves) {
            CHECK_EQ_INT(crun_port_detach(a, &end), 0);
        } else {
            crun_port_close(a);
        }
        turn();
        CHECK_STR(trace, "s");
        check_next(b, 500, 0, 0);
        crun_message m;
        REQUIRE(crun_port_recv(b, &m, CRUN_FOREVER) == 0);
        CHECK_EQ_INT(m.id, 1000);
        crun_port_done(b, &m);
        if (moves) {
            crun_port_end_drop(end);
        }
        close_pair();
        turn();
        finish();
    }
}

TEST(a_wait_that_nothing_can_end_is_a_deadlock)
{
    begin();
    open_pair(MEMORY);
    crun_message m;
    crun_port_end *end;
    CHECK_EQ_INT(crun_port_recv(b, &m, CRUN_FOREVER), CRUN_EDEADLK);
    CHECK_EQ_INT(send_bytes(a, 1, NULL, 0), 0);
    CHECK_EQ_INT(crun_port_recv(a, &m, CRUN_FOREVER), CRUN_EDEADLK);
    check_next(b, 1, 0, 0);
    /* With the other end in nobody's hands somebody may get it. */
    CHECK_EQ_INT(crun_port_detach(a, &end), 0);
    CHECK_EQ_INT(crun_port_recv(b, &m, in_ms(1)), CRUN_ETIMEDOUT);
    crun_port_end_drop(end);
    CHECK_EQ_INT(crun_port_recv(b, &m, CRUN_FOREVER), CRUN_ECLOSED);
    close_pair();
    finish();
}

/* --- what is no message ------------------------------------------------------------------- */

static int raw;

static void open_raw(void)
{
    int fds[2];
    begin();
    CHECK_EQ_INT(crun_socketpair(fds), 0);
    CHECK_EQ_INT(crun_port_open(hub, fds[0], &a), 0);
    raw = fds[1];
}

static void put(const void *data, size_t size)
{
    CHECK_EQ_INT(write(raw, data, size), (intmax_t)size);
}

static void close_raw(void)
{
    if (raw >= 0) {
        close(raw);
    }
    crun_port_release(a);
    turn();
    finish();
}

TEST(garbage_closes_the_port)
{
    uint64_t state = 42;
    for (int round = 0; round < 200; round++) {
        unsigned char bytes[200];
        open_raw();
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (unsigned char)random_below(&state, 256);
        }
        put(bytes, 24 + random_below(&state, sizeof bytes - 24));
        crun_message m;
        CHECK_EQ_INT(crun_port_recv(a, &m, CRUN_FOREVER), CRUN_ECLOSED);
        CHECK_STR(crun__port_reason(a), "the other end sent what is no message");
        CHECK_EQ_INT(send_bytes(a, 1, NULL, 0), CRUN_ECLOSED);
        close_raw();
    }
}

TEST(a_huge_size_takes_no_memory_before_its_bytes_come)
{
    crun__frame frame = {.mark = CRUN__FRAME_MARK, .kind = 1, .size = UINT64_C(1) << 62};
    open_raw();
    put(&frame, sizeof frame);
    for (int i = 0; i < 3; i++) {
        char bytes[40000] = {0};
        put(bytes, sizeof bytes);
        CHECK_EQ_INT(crun_port_poll(a, CRUN_NOWAIT), CRUN_ETIMEDOUT);
        CHECK_EQ_INT(crun_port_poll(a, in_ms(1)), CRUN_ETIMEDOUT);
    }
    close(raw);
    raw = -1;
    crun_message m;
    CHECK_EQ_INT(crun_port_recv(a, &m, CRUN_FOREVER), CRUN_ECLOSED);
    close_raw();
}

TEST(an_end_in_the_middle_of_a_message_is_told)
{
    crun__frame frame = {.mark = CRUN__FRAME_MARK, .kind = 1, .id = 5, .size = 10};
    for (size_t size = 1; size < sizeof frame + 10; size++) {
        char bytes[2 * (sizeof frame + 10)] = {0};
        memcpy(bytes, &frame, sizeof frame);
        memcpy(bytes + sizeof frame + 10, &frame, sizeof frame);
        open_raw();
        put(bytes, sizeof frame + 10 + size);
        close(raw);
        raw = -1;
        check_next(a, 5, 10, 0);
        crun_message m;
        CHECK_EQ_INT(crun_port_recv(a, &m, CRUN_FOREVER), CRUN_ECLOSED);
        CHECK_STR(crun__port_reason(a), "the other end was closed in the middle of a message");
        close_raw();
    }
}

static int drip(void *arg)
{
    const char *bytes = arg;
    for (size_t i = 0; i < 3 * 30; i++) {
        put(bytes + i % 30, 1);
        crun_sleep_until(hub, in_ms(0));
        crun_yield(hub);
    }
    return 0;
}

TEST(bytes_may_come_one_by_one)
{
    crun__frame frame = {.mark = CRUN__FRAME_MARK, .kind = 1, .id = 5, .size = 6};
    char bytes[30] = {0};
    memcpy(bytes, &frame, sizeof frame);
    open_raw();
    spawn(drip, bytes);
    for (int i = 0; i < 3; i++) {
        check_next(a, 5, 6, 0);
    }
    close_raw();
}

TEST_MAIN
