/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_CHAN_SUPPORT_H
#define CRUN_SPEC_CHAN_SUPPORT_H

/* For tests of channels: one channel of numbers, and tasks that send or receive one each. */

#include "hub_support.h"

static crun_chan *chan;

static inline void open_chan(size_t capacity)
{
    begin();
    if (crun_chan_new(&chan, capacity) != 0) {
        abort();
    }
}

static inline void close_chan(void)
{
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    crun_chan_release(chan);
    finish();
}

static inline crun_value integer(int64_t n)
{
    return (crun_value){.type = CRUN_INTEGER, .as.integer = n};
}

static inline int send_number(int64_t n, crun_time deadline)
{
    crun_value v = integer(n);
    return crun_chan_send(chan, &v, deadline);
}

/* What comes out, or a code. */
static inline int64_t recv_number(crun_time deadline)
{
    crun_value v = integer(-1);
    int rc = crun_chan_recv(chan, &v, deadline);
    if (rc < 0) {
        CHECK_EQ_INT(v.as.integer, -1);
        return rc;
    }
    CHECK_EQ_INT(v.type, CRUN_INTEGER);
    return v.as.integer;
}

typedef struct job {
    int64_t number; // to send; what was received
    crun_time deadline;
    char mark;
    int rc;
    crun_task *task;
} job;

static inline int send_job(void *arg)
{
    job *j = arg;
    j->rc = send_number(j->number, j->deadline);
    note(j->mark);
    return 0;
}

static inline int recv_job(void *arg)
{
    job *j = arg;
    j->number = recv_number(j->deadline);
    note(j->mark);
    return 0;
}

static inline void start_jobs(job *jobs, int count, crun_task_fn *fn)
{
    for (int i = 0; i < count; i++) {
        jobs[i] = (job){i + 1, CRUN_FOREVER, (char)('a' + i), 1, NULL};
        jobs[i].task = start(fn, &jobs[i]);
    }
    crun_yield(hub);
}

static inline void end_jobs(job *jobs, int count)
{
    CHECK_EQ_INT(crun_hub_run(hub), 0);
    for (int i = 0; i < count; i++) {
        crun_task_release(jobs[i].task);
    }
}

#endif
