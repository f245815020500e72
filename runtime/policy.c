/* SPDX-License-Identifier: MIT */
#include "policy.h"

/* Only the oldest few can be drawn: enough to reverse any neighbours, and a pick stays O(1). */
enum { WINDOW = 16 };

void crun__policy_init(crun__policy *policy, uint64_t seed)
{
    policy->state = seed;
}

crun__link *crun__policy_pick(crun__policy *policy, crun__link *ready)
{
    uint64_t steps = crun__policy_draw(policy) % WINDOW;
    crun__link *link = ready->next;
    while (steps-- > 0)
        link = link->next == ready ? ready->next : link->next;
    crun__list_remove(link);
    return link;
}
