/* SPDX-License-Identifier: MIT */
#ifndef CRUN_SPEC_EXHAUST_H
#define CRUN_SPEC_EXHAUST_H

/*
 * exhaust(scenario) repeats a scenario with the first, the second ... call of memory or the system
 * failing until it passes: it must then have returned a code of its own, without a crash and
 * without leaving anything behind. Each time it has a hub of its own.
 */
#include <crun/crun.h>

#include "faults.h"
#include "test.h"

enum { GIVE_UP = 2000 };

static crun_hub *hub;

/* With a hub of its own, whose making may fail, too. Returns: what the scenario does. */
static inline int in_hub(int (*scenario)(void))
{
    int rc = crun_hub_new(&hub, NULL);
    if (rc < 0) {
        CHECK_EQ_PTR(crun_hub_current(), NULL);
        return rc;
    }
    rc = scenario();
    crun_hub_free(hub);
    return rc;
}

static inline bool attempt(int (*scenario)(void), long at, bool ever_after)
{
    long blocks = faults.blocks, maps = faults.maps;
    int descriptors = open_descriptors();
    faults_plan(at, ever_after);
    int rc = in_hub(scenario);
    bool fired = faults_end();
    bool ok = CHECK_EQ_INT(faults.blocks, blocks);
    ok = CHECK_EQ_INT(faults.maps, maps) && ok;
    ok = CHECK_EQ_INT(open_descriptors(), descriptors) && ok;
    ok = CHECK(rc <= 0 && (rc == 0 || strcmp(crun_error_name(rc), "UNKNOWN") != 0)) && ok;
    ok = CHECK(fired || rc == 0) && ok;
    if (!ok) {
        (void)fprintf(stderr, "    with call %ld failing%s: %d\n", at, ever_after ? " on" : "", rc);
    }
    return fired && ok;
}

static inline void exhaust(int (*scenario)(void))
{
    CHECK_EQ_INT(in_hub(scenario), 0); // what is made once per process is made now
    for (int ever_after = 0; ever_after < 2; ever_after++) {
        long at = 1;
        while (attempt(scenario, at, ever_after)) {
            REQUIRE(++at < GIVE_UP);
        }
        CHECK(at > 3);
    }
}

/* The first code that something failed with. */
static inline void keep(int *rc, ptrdiff_t next)
{
    if (*rc == 0 && next < 0) {
        *rc = (int)next;
    }
}

#endif
