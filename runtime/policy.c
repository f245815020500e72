/* SPDX-License-Identifier: MIT */
#include "policy.h"

/* Only the oldest few can be drawn: enough to reverse any neighbours, and a pick stays O(1). */
enum { WINDOW = 16 };

/* splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). */
static uint64_t draw(crun__policy *p)
{
    uint64_t z = p->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void crun__policy_init(crun__policy *policy, uint64_t seed)
{
    policy->state = seed;
}

crun__link *crun__policy_pick(crun__policy *policy, crun__link *ready)
{
    uint64_t steps = draw(policy) % WINDOW;
    crun__link *link = ready->next;
    while (steps-- > 0)
        link = link->next == ready ? ready->next : link->next;
    crun__list_remove(link);
    return link;
}
