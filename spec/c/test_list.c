/* SPDX-License-Identifier: MIT */
#include "../../runtime/list.h"
#include "test.h"

struct item {
    int number;
    crun__link link;
};

static int number_of(crun__link *link)
{
    return link == NULL ? -1 : crun__container_of(link, struct item, link)->number;
}

static void make(struct item *items, int count)
{
    for (int i = 0; i < count; i++) {
        items[i].number = i;
        crun__list_init(&items[i].link);
    }
}

TEST(a_new_list_is_empty)
{
    crun__link head;
    crun__list_init(&head);
    CHECK(crun__list_empty(&head));
    CHECK_EQ_PTR(crun__list_pop_head(&head), NULL);
}

TEST(push_tail_and_pop_head_make_a_fifo)
{
    crun__link head;
    struct item items[3];
    crun__list_init(&head);
    make(items, 3);
    for (int i = 0; i < 3; i++) {
        crun__list_push_tail(&head, &items[i].link);
    }
    CHECK(!crun__list_empty(&head));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(number_of(crun__list_pop_head(&head)), i);
    }
    CHECK(crun__list_empty(&head));
}

TEST(push_head_and_pop_head_make_a_stack)
{
    crun__link head;
    struct item items[3];
    crun__list_init(&head);
    make(items, 3);
    for (int i = 0; i < 3; i++) {
        crun__list_push_head(&head, &items[i].link);
    }
    for (int i = 2; i >= 0; i--) {
        CHECK_EQ_INT(number_of(crun__list_pop_head(&head)), i);
    }
}

TEST(remove_takes_out_of_the_middle_and_may_be_repeated)
{
    crun__link head;
    struct item items[3];
    crun__list_init(&head);
    make(items, 3);
    for (int i = 0; i < 3; i++) {
        crun__list_push_tail(&head, &items[i].link);
    }
    crun__list_remove(&items[1].link);
    crun__list_remove(&items[1].link);
    CHECK(crun__list_empty(&items[1].link));
    CHECK_EQ_INT(number_of(crun__list_pop_head(&head)), 0);
    CHECK_EQ_INT(number_of(crun__list_pop_head(&head)), 2);
    CHECK_EQ_PTR(crun__list_pop_head(&head), NULL);
}

TEST(a_popped_link_can_be_pushed_again)
{
    crun__link head;
    struct item items[2];
    crun__list_init(&head);
    make(items, 2);
    crun__list_push_tail(&head, &items[0].link);
    crun__list_push_tail(&head, &items[1].link);
    crun__list_push_tail(&head, crun__list_pop_head(&head));
    CHECK_EQ_INT(number_of(crun__list_pop_head(&head)), 1);
    CHECK_EQ_INT(number_of(crun__list_pop_head(&head)), 0);
}

TEST_MAIN
