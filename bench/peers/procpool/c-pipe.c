/* SPDX-License-Identifier: MIT */

/* A plain pool of two forked workers, each with a pipe for its jobs and one for its results, and at
 * most 16 jobs under way each: a write for each job, and a read and a write for it over there. */

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 2, UNDER_WAY = 16 };

static struct pollfd results[WORKERS];
static int jobs[WORKERS];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void work(int in, int out)
{
    uint64_t x;
    while (read(in, &x, sizeof x) == sizeof x) {
        x *= x;
        if (write(out, &x, sizeof x) != sizeof x)
            break;
    }
    _exit(0);
}

static void start(int w)
{
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0)
        exit(1);
    if (fork() == 0) {
        for (int i = 0; i < w; i++)
            close(jobs[i]);
        close(there[1]);
        close(back[0]);
        work(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    jobs[w] = there[1];
    results[w] = (struct pollfd){back[0], POLLIN, 0};
}

static void put(int w, uint64_t x)
{
    if (write(jobs[w], &x, sizeof x) != sizeof x)
        exit(1);
}

static uint64_t run(uint64_t n)
{
    uint64_t sum = 0, next = 0, done = 0, x;
    for (int i = 0; i < UNDER_WAY; i++) {
        for (int w = 0; w < WORKERS; w++)
            put(w, next++);
    }
    while (done < n) {
        poll(results, WORKERS, -1);
        for (int w = 0; w < WORKERS; w++) {
            if (!results[w].revents)
                continue;
            if (read(results[w].fd, &x, sizeof x) != sizeof x)
                exit(1);
            sum += x;
            done++;
            if (next < n)
                put(w, next++);
        }
    }
    return sum;
}

int main(void)
{
    for (int w = 0; w < WORKERS; w++)
        start(w);
    run(1000);
    double t = now();
    uint64_t sum = run(100000);
    t = now() - t;
    if (sum != 333328333350000)
        return 1;
    printf("RESULT procpool c-pipe jobs_s=%.0f\n", 100000 / t);
    return 0;
}
