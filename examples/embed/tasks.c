/* SPDX-License-Identifier: MIT
 * Tasks written in C, without Lua: they sleep side by side, are joined with a deadline, cancelled.
 * Run: make && build/examples/embed/tasks
 * Elsewhere: cc tasks.c $(pkg-config --cflags --libs crun) -o tasks && ./tasks */
#include <crun/crun.h>
#include <stdio.h>

typedef struct job {
    crun_hub *hub;
    const char *name;
    double nap;
} job;

static int work(void *arg)
{
    const job *j = arg;
    for (int i = 1; i <= 3; i++) {
        int code = crun_sleep_until(j->hub, crun_deadline(j->hub, j->nap));
        if (code < 0) {
            printf("%s: %s\n", j->name, crun_error_text(code));
            return code;
        }
        printf("%s: %d\n", j->name, i);
    }
    return 0;
}

int main(void)
{
    crun_hub *hub = NULL;
    if (crun_hub_new(&hub, NULL) < 0)
        return 1;
    job quick = {hub, "quick", 0.01}, slow = {hub, "slow", 60};
    crun_task *first = NULL, *second = NULL;
    if (crun_spawn(hub, work, &quick, NULL, &first) < 0 ||
        crun_spawn(hub, work, &slow, NULL, &second) < 0)
        return 1;

    printf("quick ends with %d\n", crun_task_join(first, CRUN_FOREVER));
    int code = crun_task_join(second, crun_deadline(hub, 0.01));
    printf("waiting for slow: %s\n", crun_error_name(code));
    crun_task_cancel(second);
    crun_task_join(second, CRUN_FOREVER);
    printf("slow is %s\n", crun_task_get_status(second) == CRUN_TASK_CANCELLED ? "gone" : "here");

    crun_task_release(first);
    crun_task_release(second);
    crun_hub_free(hub);
    return 0;
}
