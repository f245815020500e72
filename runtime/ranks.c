/* SPDX-License-Identifier: MIT */
#include "ranks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint32_t size_of(const crun__ranked *node)
{
    return node ? node->size : 0;
}

/* splitmix64 */
static uint32_t weight_of(uint64_t turn)
{
    uint64_t z = turn * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

/* --- the tree ----------------------------------------------------------------------------- */

/* The first `count` values of a tree go to the left. */
static void split(crun__ranked *node, uint32_t count, crun__ranked **left, crun__ranked **right)
{
    while (node) {
        uint32_t before = size_of(node->left);
        if (count <= before) {
            node->size -= count;
            *right = node;
            right = &node->left;
            node = node->left;
        } else {
            node->size = count;
            *left = node;
            left = &node->right;
            node = node->right;
            count -= before + 1;
        }
    }
    *left = *right = NULL;
}

static void insert_at(crun__ranks *ranks, crun__ranked *new, uint32_t rank)
{
    crun__ranked **link = &ranks->root, *node;
    new->weight = weight_of(new->turn);
    while ((node = *link) && node->weight >= new->weight) {
        uint32_t before = size_of(node->left);
        node->size++;
        if (rank <= before) {
            link = &node->left;
        } else {
            rank -= before + 1;
            link = &node->right;
        }
    }
    new->size = size_of(node) + 1;
    *link = new;
    split(node, rank, &new->left, &new->right);
}

crun_value crun__ranks_take(crun__ranks *ranks)
{
    crun__ranked **link = &ranks->root;
    for (; (*link)->left; link = &(*link)->left)
        (*link)->size--;
    crun__ranked *first = *link;
    crun_value value = first->value;
    *link = first->right;
    free(first);
    for (crun__ranked *c = ranks->candidates; c; c = c->older) {
        c->low -= c->low > 0;
        c->high -= c->high > 0;
        c->after -= c->after > 0;
        c->before -= c->before > 0;
        c->at = NULL;
    }
    return value;
}

/* --- candidates --------------------------------------------------------------------------- */

crun__ranked *crun__ranks_apply(crun__ranks *ranks, void *owner, uint64_t turn)
{
    bool full = size_of(ranks->root) == UINT32_MAX;
    crun__ranked *candidate = full ? NULL : malloc(sizeof *candidate);
    if (!candidate)
        return NULL;
    memset(candidate, 0, sizeof *candidate);
    candidate->turn = turn;
    candidate->older = ranks->candidates;
    candidate->owner = owner;
    candidate->high = size_of(ranks->root);
    ranks->candidates = candidate;
    return candidate;
}

/* The highest node between its ranks: below the one before, if that is still where it was. */
const crun__ranked *crun__ranks_probe(const crun__ranks *ranks, crun__ranked *candidate)
{
    const crun__ranked *node = candidate->at ? candidate->at : ranks->root;
    uint32_t base = candidate->at ? candidate->before - size_of(node->left) : 0;
    if (candidate->low == candidate->high)
        return NULL;
    for (;;) {
        uint32_t rank = base + size_of(node->left);
        if (rank < candidate->low) {
            base = rank + 1;
            node = node->right;
        } else if (rank >= candidate->high) {
            node = node->left;
        } else {
            candidate->at = node;
            candidate->before = rank;
            candidate->after = rank + 1;
            return node;
        }
    }
}

void crun__ranks_narrow(crun__ranked *candidate, bool before)
{
    if (before)
        candidate->high = candidate->before;
    else
        candidate->low = candidate->after;
}

static void forget(crun__ranks *ranks, const crun__ranked *candidate)
{
    crun__ranked **link = &ranks->candidates;
    while (*link != candidate)
        link = &(*link)->older;
    *link = candidate->older;
}

/* A value that enters between those known to be before and after is of unknown order, too. */
static void insert(crun__ranks *ranks, crun__ranked *new, uint32_t rank)
{
    forget(ranks, new);
    for (crun__ranked *c = ranks->candidates; c; c = c->older) {
        c->low += rank < c->low;
        c->high += rank <= c->high;
        c->after += rank < c->after;
        c->before += rank <= c->before;
        c->at = NULL;
    }
    insert_at(ranks, new, rank);
}

void crun__ranks_insert(crun__ranks *ranks, crun__ranked *candidate)
{
    assert(candidate->low == candidate->high);
    insert(ranks, candidate, candidate->low);
}

void crun__ranks_insert_first(crun__ranks *ranks, crun__ranked *candidate)
{
    insert(ranks, candidate, 0);
}

void crun__ranks_withdraw(crun__ranks *ranks, crun__ranked *candidate)
{
    forget(ranks, candidate);
    free(candidate);
}

crun__ranked *crun__ranks_candidate(const crun__ranks *ranks, const void *owner)
{
    crun__ranked *c = ranks->candidates;
    while (c && c->owner != owner)
        c = c->older;
    return c;
}
