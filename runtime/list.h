/* SPDX-License-Identifier: MIT */
#ifndef CRUN__LIST_H
#define CRUN__LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A circular doubly linked list whose links are embedded in the items; one link serves as the head.
 * A link that is in no list points at itself, so removing it twice, or asking whether it is linked,
 * is safe; hence every link must be initialized before its first use. All operations are O(1).
 */

typedef struct crun__link {
    struct crun__link *next;
    struct crun__link *prev;
} crun__link;

/* The object of the given type whose member is at ptr. */
#define crun__container_of(ptr, type, member)                                                      \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Makes a head of an empty list, or a link that is in no list. */
static inline void crun__list_init(crun__link *link)
{
    link->next = link;
    link->prev = link;
}

/* Whether the head has no items; for an item, whether it is in no list. */
static inline bool crun__list_empty(const crun__link *head)
{
    return head->next == head;
}

/* Puts link, which must be in no list, after at. */
static inline void crun__list_insert_after(crun__link *at, crun__link *link)
{
    link->next = at->next;
    link->prev = at;
    at->next->prev = link;
    at->next = link;
}

/* Puts link, which must be in no list, last. */
static inline void crun__list_push_tail(crun__link *head, crun__link *link)
{
    crun__list_insert_after(head->prev, link);
}

/* Puts link, which must be in no list, first. */
static inline void crun__list_push_head(crun__link *head, crun__link *link)
{
    crun__list_insert_after(head, link);
}

/* Takes link out of whatever list it is in, and makes it ready for the next. */
static inline void crun__list_remove(crun__link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    crun__list_init(link);
}

/* Takes the first link out; NULL if there is none. */
static inline crun__link *crun__list_pop_head(crun__link *head)
{
    crun__link *first = head->next;
    if (first == head) {
        return NULL;
    }
    crun__list_remove(first);
    return first;
}

#endif
