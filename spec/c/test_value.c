/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include <crun/value.h>

#include "test.h"

enum { THREADS = 4, TURNS = 20000 };

TEST(bytes_are_a_copy_with_a_zero_behind)
{
    char text[] = "one\0two";
    crun_bytes *b = crun_bytes_new(text, 7);
    REQUIRE(b != NULL);
    text[0] = 'x';
    CHECK_EQ_INT(b->size, 7);
    CHECK(memcmp(b->data, "one\0two", 8) == 0);
    crun_bytes_release(b);
}

TEST(no_bytes_are_bytes)
{
    crun_bytes *b = crun_bytes_new(NULL, 0);
    REQUIRE(b != NULL);
    CHECK_EQ_INT(b->size, 0);
    CHECK_EQ_INT(b->data[0], '\0');
    crun_bytes_release(b);
}

TEST(more_bytes_than_there_are_addresses_are_refused)
{
    CHECK_EQ_PTR(crun_bytes_new("x", SIZE_MAX), NULL);
    CHECK_EQ_PTR(crun_bytes_new("x", SIZE_MAX - sizeof(crun_bytes)), NULL);
}

TEST(retain_and_release_count)
{
    crun_bytes *b = crun_bytes_new("x", 1);
    REQUIRE(b != NULL);
    CHECK_EQ_PTR(crun_bytes_retain(b), b);
    CHECK_EQ_INT(atomic_load(&b->references), 2);
    crun_bytes_release(b);
    CHECK_EQ_INT(atomic_load(&b->references), 1);
    CHECK_STR(b->data, "x");
    crun_bytes_release(b);
}

TEST(clear_gives_up_bytes_and_makes_nil)
{
    crun_bytes *b = crun_bytes_new("x", 1);
    REQUIRE(b != NULL);
    crun_value v = {.type = CRUN_BYTES, .as.bytes = crun_bytes_retain(b)};
    crun_value_clear(&v);
    CHECK_EQ_INT(v.type, CRUN_NIL);
    CHECK_EQ_INT(atomic_load(&b->references), 1);
    crun_value_clear(&v);
    CHECK_EQ_INT(atomic_load(&b->references), 1);
    crun_bytes_release(b);
}

TEST(clear_makes_nil_of_every_type)
{
    int place;
    crun_value values[] = {
        {.type = CRUN_NIL},
        {.type = CRUN_BOOLEAN, .as.boolean = true},
        {.type = CRUN_INTEGER, .as.integer = INT64_MIN},
        {.type = CRUN_NUMBER, .as.number = 0.5},
        {.type = CRUN_POINTER, .as.pointer = &place},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        crun_value_clear(&values[i]);
        CHECK_EQ_INT(values[i].type, CRUN_NIL);
    }
}

TEST(a_value_takes_16_bytes)
{
    CHECK_EQ_INT(sizeof(crun_value), 16);
}

static void *share(void *bytes)
{
    for (int i = 0; i < TURNS; i++) {
        crun_bytes_release(crun_bytes_retain(bytes));
    }
    crun_bytes_release(bytes);
    return NULL;
}

/* The last release may happen on any of the threads. */
TEST(bytes_cross_threads)
{
    pthread_t threads[THREADS];
    crun_bytes *b = crun_bytes_new("shared", 6);
    REQUIRE(b != NULL);
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, share, crun_bytes_retain(b)) == 0);
    }
    crun_bytes_release(b);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ_INT(pthread_join(threads[i], NULL), 0);
    }
}

TEST_MAIN
