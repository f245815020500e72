/* SPDX-License-Identifier: MIT */
#include "net_support.h"
#include "random.h"

static crun_chan *chans[4];

static void open_chans(size_t capacity)
{
    begin();
    for (int i = 0; i < 4; i++) {
        if (crun_chan_new(&chans[i], capacity) != 0)
            abort();
    }
}

static void close_chans(void)
{
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    for (int i = 0; i < 4; i++) {
        crun_chan_release(chans[i]);
    }
    finish();
}

static crun_case recv_case(int i)
{
    return (crun_case){.kind = CRUN_CASE_RECV, .on.chan = chans[i]};
}

static crun_case send_case(int i, int64_t n)
{
    return (crun_case){.kind = CRUN_CASE_SEND,
                       .on.chan = chans[i],
                       .value = {.type = CRUN_INTEGER, .as.integer = n}};
}

static int send_number(int i, int64_t n, crun_time deadline)
{
    crun_value v = {.type = CRUN_INTEGER, .as.integer = n};
    return crun_chan_send(chans[i], &v, deadline);
}

/* What comes out, or a code. */
static int64_t recv_number(int i, crun_time deadline)
{
    crun_value v = {.type = CRUN_NIL};
    int rc = crun_chan_recv(chans[i], &v, deadline);
    return rc < 0 ? rc : v.as.integer;
}

/* A task that selects. */
typedef struct selecting {
    crun_case cases[12];
    size_t count;
    crun_time deadline;
    int index;
    crun_task *task;
} selecting;

static int select_job(void *arg)
{
    selecting *s = arg;
    s->index = crun_select(s->cases, s->count, s->deadline);
    return s->index == CRUN_ECANCELED ? CRUN_ECANCELED : 0;
}

static void begin_select(selecting *s)
{
    s->index = -1;
    s->task = start(select_job, s);
    crun_yield(hub);
}

static void end_select(selecting *s)
{
    CHECK_EQ_INT(crun_task_join(s->task, CRUN_FOREVER), 0);
    crun_task_release(s->task);
}

TEST(what_is_ready_is_done_at_once)
{
    open_chans(1);
    crun_case cases[] = {recv_case(0), recv_case(1)};
    CHECK_EQ_INT(crun_select(cases, 2, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(send_number(1, 7, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_select(cases, 2, CRUN_FOREVER), 1);
    CHECK_EQ_INT(cases[1].result, 0);
    CHECK_EQ_INT(cases[1].value.as.integer, 7);
    crun_case sends[] = {send_case(0, 5)};
    CHECK_EQ_INT(crun_select(sends, 1, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_select(sends, 1, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(recv_number(0, CRUN_NOWAIT), 5);
    CHECK_EQ_INT(crun_select(NULL, 0, CRUN_FOREVER), CRUN_EINVAL);
    CHECK_EQ_INT(crun_select(NULL, 0, in_ms(1)), CRUN_ETIMEDOUT);
    close_chans();
}

TEST(the_first_that_comes_is_chosen_and_the_others_are_left)
{
    open_chans(0);
    selecting s = {.cases = {recv_case(0), send_case(1, 9), recv_case(2)},
                   .count = 3,
                   .deadline = CRUN_FOREVER};
    begin_select(&s);
    CHECK_EQ_INT(recv_number(1, CRUN_FOREVER), 9);
    CHECK_EQ_INT(send_number(0, 1, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(send_number(2, 1, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(recv_number(1, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    end_select(&s);
    CHECK_EQ_INT(s.index, 1);
    close_chans();
}

TEST(two_that_could_match_each_other_do_and_none_matches_itself)
{
    open_chans(0);
    selecting s = {.cases = {recv_case(0), send_case(0, 1)}, .count = 2, .deadline = CRUN_FOREVER};
    begin_select(&s);
    CHECK_EQ_INT(crun_task_get_status(s.task), CRUN_TASK_WAITING);
    crun_case cases[] = {send_case(0, 2), recv_case(0)};
    int mine = crun_select(cases, 2, CRUN_FOREVER);
    end_select(&s);
    CHECK_EQ_INT(mine, s.index);
    int64_t got = mine == 0 ? s.cases[0].value.as.integer : cases[1].value.as.integer;
    CHECK_EQ_INT(got, mine == 0 ? 2 : 1);
    CHECK_EQ_INT(recv_number(0, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    close_chans();
}

TEST(a_select_times_out_and_is_cancelled_and_takes_nothing)
{
    open_chans(0);
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    selecting s = {.cases = {recv_case(0), send_case(1, 9)}, .count = 2, .deadline = in_ms(5)};
    begin_select(&s);
    end_select(&s);
    CHECK_EQ_INT(s.index, CRUN_ETIMEDOUT);
    s.deadline = CRUN_FOREVER;
    begin_select(&s);
    CHECK_EQ_INT(crun_task_cancel(s.task), 0);
    CHECK_EQ_INT(send_number(0, 1, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    end_select(&s);
    CHECK_EQ_INT(s.index, CRUN_ECANCELED);
    CHECK_EQ_INT(recv_number(1, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    close_chans();
}

TEST(what_has_come_before_a_cancel_counts)
{
    open_chans(0);
    selecting s = {.cases = {recv_case(0), recv_case(1)}, .count = 2, .deadline = CRUN_FOREVER};
    begin_select(&s);
    CHECK_EQ_INT(send_number(1, 4, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_task_cancel(s.task), 0);
    end_select(&s);
    CHECK_EQ_INT(s.index, 1);
    CHECK_EQ_INT(s.cases[1].value.as.integer, 4);
    close_chans();
}

TEST(closing_is_the_result_of_the_case)
{
    open_chans(0);
    selecting s = {.cases = {recv_case(0), send_case(0, 1), recv_case(1)},
                   .count = 3,
                   .deadline = CRUN_FOREVER};
    begin_select(&s);
    crun_chan_close(chans[0]);
    end_select(&s);
    CHECK_EQ_INT(s.index < 2, 1);
    CHECK_EQ_INT(s.cases[s.index].result, CRUN_ECLOSED);
    crun_case again[] = {send_case(0, 1)};
    CHECK_EQ_INT(crun_select(again, 1, CRUN_FOREVER), 0);
    CHECK_EQ_INT(again[0].result, CRUN_ECLOSED);
    close_chans();
}

TEST(locks_semaphores_events_and_futures)
{
    open_chans(0);
    crun_lock lock;
    crun_sem sem;
    crun_event event;
    crun_future future;
    crun_lock_init(&lock, false);
    crun_sem_init(&sem, 0, SIZE_MAX);
    crun_event_init(&event);
    crun_future_init(&future);
    selecting s = {.cases = {{.kind = CRUN_CASE_LOCK, .on.lock = &lock},
                             {.kind = CRUN_CASE_SEM, .on.sem = &sem},
                             {.kind = CRUN_CASE_EVENT, .on.event = &event},
                             {.kind = CRUN_CASE_FUTURE, .on.future = &future}},
                   .count = 4,
                   .deadline = CRUN_FOREVER};
    CHECK_EQ_INT(crun_lock_acquire(&lock, CRUN_NOWAIT), 0);
    begin_select(&s);
    CHECK_EQ_INT(crun_sem_release(&sem, 2), 0);
    CHECK_EQ_INT(sem.count, 1);
    end_select(&s);
    CHECK_EQ_INT(s.index, 1);
    CHECK_EQ_INT(crun_sem_acquire(&sem, CRUN_NOWAIT), 0);
    begin_select(&s);
    CHECK_EQ_INT(crun_future_set(&future, NULL), 0);
    end_select(&s);
    CHECK_EQ_INT(s.index, 3);
    crun_future_init(&future);
    begin_select(&s);
    crun_event_set(&event);
    end_select(&s);
    CHECK_EQ_INT(s.index, 2);
    crun_event_clear(&event);
    begin_select(&s);
    CHECK_EQ_INT(crun_lock_release(&lock), 0);
    CHECK_EQ_INT(crun_lock_acquire(&lock, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    end_select(&s);
    CHECK_EQ_INT(s.index, 0);
    crun_case mine[] = {{.kind = CRUN_CASE_LOCK, .on.lock = &lock}, recv_case(0)};
    CHECK_EQ_INT(crun_select(mine, 2, CRUN_FOREVER), CRUN_EBROKEN);
    close_chans();
}

TEST(a_lock_of_its_own_can_never_come)
{
    open_chans(0);
    crun_lock lock;
    crun_lock_init(&lock, false);
    crun_case cases[] = {{.kind = CRUN_CASE_LOCK, .on.lock = &lock}, recv_case(0)};
    CHECK_EQ_INT(crun_select(cases, 2, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_select(cases, 2, CRUN_FOREVER), CRUN_EDEADLK);
    CHECK_EQ_INT(crun_select(cases, 2, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_lock_release(&lock), 0);
    crun_case self[] = {{.kind = CRUN_CASE_TASK, .on.task = crun_task_current()}};
    CHECK_EQ_INT(crun_select(self, 1, CRUN_FOREVER), CRUN_EDEADLK);
    close_chans();
}

static int sleep_job(void *arg)
{
    return crun_sleep_until(hub, *(crun_time *)arg);
}

TEST(the_end_of_a_task_and_timers)
{
    open_chans(0);
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_time due = in_ms(3);
    crun_task *task = start(sleep_job, &due);
    crun_case cases[] = {{.kind = CRUN_CASE_TASK, .on.task = task},
                         {.kind = CRUN_CASE_TIMER, .on.at = in_ms(2)},
                         {.kind = CRUN_CASE_TIMER, .on.at = in_ms(9)}};
    CHECK_EQ_INT(crun_select(cases, 3, CRUN_FOREVER), 1);
    CHECK_EQ_INT(crun_now(hub) >= cases[1].on.at, 1);
    cases[1].on.at = in_ms(5);
    CHECK_EQ_INT(crun_select(cases, 3, CRUN_FOREVER), 0);
    CHECK_EQ_INT(crun_select(cases + 1, 1, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_select(cases + 1, 1, cases[1].on.at), 0);
    CHECK_EQ_INT(crun_select(cases + 1, 1, CRUN_NOWAIT), 0);
    crun_task_release(task);
    close_chans();
}

TEST(a_stream_becomes_readable_and_nothing_is_taken)
{
    char byte = 0;
    open_chans(0);
    pair p = open_pair();
    selecting s = {.cases = {{.kind = CRUN_CASE_READ, .on.stream = p.server}, recv_case(0)},
                   .count = 2,
                   .deadline = CRUN_FOREVER};
    begin_select(&s);
    CHECK_EQ_PTR(crun_stream_reader(p.server), s.task);
    CHECK_EQ_INT(crun_stream_read(p.server, &byte, 1, CRUN_FOREVER), CRUN_EBUSY);
    CHECK_EQ_INT(crun_select(s.cases, 1, CRUN_FOREVER), CRUN_EBUSY);
    CHECK_EQ_INT(crun_stream_write(p.client, "x", 1, CRUN_FOREVER), 0);
    end_select(&s);
    CHECK_EQ_INT(s.index, 0);
    CHECK_EQ_INT(crun_select(s.cases, 2, CRUN_NOWAIT), 0);
    CHECK_EQ_INT(crun_stream_read(p.server, &byte, 1, CRUN_NOWAIT), 1);
    CHECK_EQ_INT(byte, 'x');
    begin_select(&s);
    CHECK_EQ_INT(send_number(0, 3, CRUN_FOREVER), 0);
    end_select(&s);
    CHECK_EQ_INT(s.index, 1);
    CHECK_EQ_PTR(crun_stream_reader(p.server), NULL);
    begin_select(&s);
    crun_stream_close(p.server);
    end_select(&s);
    CHECK_EQ_INT(s.index, 0);
    CHECK_EQ_INT(s.cases[0].result, CRUN_ECLOSED);
    CHECK_EQ_INT(crun_select(s.cases, 1, CRUN_FOREVER), 0);
    CHECK_EQ_INT(s.cases[0].result, CRUN_ECLOSED);
    close_pair(&p);
    close_chans();
}

TEST(many_cases)
{
    open_chans(0);
    selecting s = {.count = 12, .deadline = CRUN_FOREVER};
    for (int i = 0; i < 12; i++) {
        s.cases[i] = recv_case(i % 3);
    }
    s.cases[11] = recv_case(3);
    begin_select(&s);
    CHECK_EQ_INT(send_number(3, 8, CRUN_FOREVER), 0);
    end_select(&s);
    CHECK_EQ_INT(s.index, 11);
    CHECK_EQ_INT(s.cases[11].value.as.integer, 8);
    close_chans();
}

TEST(ready_cases_have_the_same_chance)
{
    enum { ROUNDS = 8000 };
    int counts[4] = {0};
    open_chans(1);
    crun_case cases[4];
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(send_number(i, i, CRUN_NOWAIT), 0);
        cases[i] = recv_case(i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        int i = crun_select(cases, 4, CRUN_NOWAIT);
        counts[i]++;
        CHECK_EQ_INT(send_number(i, i, CRUN_NOWAIT), 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(counts[i] > ROUNDS / 4 - 200 && counts[i] < ROUNDS / 4 + 200, 1);
    }
    close_chans();
}

/* --- nothing is lost ---------------------------------------------------------------------- */

enum { ITEMS = 4000, WORKERS = 5 };

static char seen[ITEMS];
static int64_t next_item;

/* Sends or receives whatever comes first, gives up now and then, until all items are sent. */
static int mix_job(void *arg)
{
    random_state r = (random_state) * (int *)arg;
    while (next_item < ITEMS) {
        int64_t item = next_item++;
        for (bool sent = false; !sent;) {
            crun_case cases[3];
            for (int i = 0; i < 3; i++) {
                int at = (int)random_below(&r, 4);
                cases[i] = random_below(&r, 2) ? send_case(at, item) : recv_case(at);
            }
            crun_time limit = random_below(&r, 3) ? in_ms((int)random_below(&r, 3)) : CRUN_NOWAIT;
            int index = crun_select(cases, 3, limit);
            if (index < 0)
                CHECK_EQ_INT(index, CRUN_ETIMEDOUT);
            else if (cases[index].kind == CRUN_CASE_SEND)
                sent = true;
            else
                seen[cases[index].value.as.integer]++;
            if (random_below(&r, 4) == 0)
                CHECK_EQ_INT(crun_yield(hub), 0);
        }
    }
    return 0;
}

static void mix(size_t capacity, uint64_t schedule)
{
    int seeds[WORKERS];
    open_chans(capacity);
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_hub_set_schedule(hub, schedule);
    memset(seen, 0, sizeof seen);
    next_item = 0;
    for (int i = 0; i < WORKERS; i++) {
        seeds[i] = i + 1 + (int)schedule * WORKERS;
        spawn(mix_job, &seeds[i]);
    }
    while (stats().tasks > 0) {
        for (int i = 0; i < 4; i++) {
            int64_t item;
            while ((item = recv_number(i, CRUN_NOWAIT)) >= 0)
                seen[item]++;
        }
        CHECK_EQ_INT(crun_sleep_until(hub, in_ms(1)), 0);
    }
    for (int i = 0; i < 4; i++) {
        int64_t item;
        while ((item = recv_number(i, CRUN_NOWAIT)) >= 0)
            seen[item]++;
    }
    int wrong = 0;
    for (int i = 0; i < next_item; i++) {
        wrong += seen[i] != 1;
    }
    CHECK_EQ_INT(wrong, 0);
    close_chans();
}

TEST(every_item_comes_out_once_whoever_selects_for_it)
{
    for (int schedule = 0; schedule < 6; schedule++) {
        mix(0, (uint64_t)schedule);
        mix(2, (uint64_t)schedule);
    }
}

TEST_MAIN
