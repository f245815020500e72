/* SPDX-License-Identifier: MIT */
#include "../../runtime/slab.h"

#include <stdint.h>

#include "../../runtime/sanitizer.h"
#include "test.h"

/* --- pages that run out, and are counted ---------------------------------------------------- */

static struct pages {
    int mapped;
    int left; /* may still be mapped */
    size_t dropped;
} pages;

static void *pages_map(void *context, void *wish)
{
    struct pages *p = context;
    (void)wish;
    if (p->left == 0) {
        return NULL;
    }
    void *memory = aligned_alloc(CRUN__SEGMENT, CRUN__SEGMENT);
    if (memory == NULL) {
        return NULL;
    }
    memset(memory, 0, CRUN__SEGMENT);
    p->left--;
    p->mapped++;
    return memory;
}

static void pages_unmap(void *context, void *memory)
{
    struct pages *p = context;
    p->mapped--;
    free(memory);
}

/* What is dropped reads as zeros, like the system's. */
static void pages_drop(void *context, void *memory, size_t size)
{
    struct pages *p = context;
    p->dropped += size;
    memset(memory, 0, size);
}

static void start(crun__slabs *slabs, int segments)
{
    pages = (struct pages){.left = segments};
    crun__slabs_init(slabs, &(crun__page_source){pages_map, pages_unmap, pages_drop, &pages});
}

static void *get(crun__slabs *slabs, size_t size)
{
    return crun__slabs_realloc(slabs, NULL, 0, size);
}

static void put(crun__slabs *slabs, void *block, size_t size)
{
    CHECK_EQ_PTR(crun__slabs_realloc(slabs, block, size, 0), NULL);
}

/* Takes blocks until there are no more, chained by their first word. Returns: the last one. */
static void **exhaust(crun__slabs *slabs, size_t size, size_t *count)
{
    void **chain = NULL, **block;
    *count = 0;
    while ((block = get(slabs, size)) != NULL) {
        *block = chain;
        chain = block;
        ++*count;
    }
    return chain;
}

static void put_chain(crun__slabs *slabs, void **chain, size_t size)
{
    while (chain != NULL) {
        void **next = *chain;
        put(slabs, chain, size);
        chain = next;
    }
}

static void end(crun__slabs *slabs)
{
    crun__slabs_fini(slabs);
    CHECK_EQ_INT(pages.mapped, 0);
}

/* --- a shadow model ------------------------------------------------------------------------- */

struct shadow {
    unsigned char *block;
    size_t size;
    unsigned char mark;
};

static uint64_t random_state = 42;

static uint64_t random_below(uint64_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % limit;
}

/* Sizes of all classes, and some of malloc's. */
static size_t random_size(void)
{
    return 1 + random_below(random_below(8) == 0 ? 5000 : CRUN__SLAB_LARGEST + 8);
}

static bool holds(const struct shadow *s, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (s->block[i] != s->mark) {
            return false;
        }
    }
    return true;
}

static void resize(crun__slabs *slabs, struct shadow *s, size_t size)
{
    unsigned char *moved = crun__slabs_realloc(slabs, s->block, s->block ? s->size : 5, size);
    if (moved == NULL && size > 0) {
        CHECK(size > s->size);
        CHECK(holds(s, s->size));
        return;
    }
    s->block = moved;
    CHECK(size > 0 || moved == NULL);
    CHECK_EQ_INT((uintptr_t)moved % CRUN__SLAB_UNIT, 0);
    CHECK(holds(s, size < s->size ? size : s->size));
    s->size = size;
    s->mark = (unsigned char)random_below(256);
    if (moved) {
        memset(moved, s->mark, size);
    }
}

static void run_shadow(crun__slabs *slabs, unsigned count, unsigned steps)
{
    struct shadow *shadows = calloc(count, sizeof *shadows);
    REQUIRE(shadows != NULL);
    for (unsigned i = 0; i < steps && test_state.checks_failed == 0; i++) {
        struct shadow *s = &shadows[random_below(count)];
        resize(slabs, s, s->block && random_below(3) == 0 ? 0 : random_size());
        if (i % 4096 == 0) {
            crun__slabs_trim(slabs);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        resize(slabs, &shadows[i], 0);
    }
    free(shadows);
}

TEST(blocks_keep_their_bytes)
{
    crun__slabs slabs;
    start(&slabs, 1000);
    run_shadow(&slabs, 20000, 300000);
    CHECK(pages.mapped > 1);
    end(&slabs);
}

TEST(blocks_keep_their_bytes_when_memory_is_short)
{
    crun__slabs slabs;
    start(&slabs, 2);
    run_shadow(&slabs, 40000, 300000);
    CHECK_EQ_INT(pages.left, 0);
    end(&slabs);
}

TEST(the_system_gives_the_pages)
{
    crun__slabs slabs;
    crun__slabs_init(&slabs, NULL);
    run_shadow(&slabs, 20000, 100000);
    crun__slabs_fini(&slabs);
}

/* --- laws one by one ------------------------------------------------------------------------ */

TEST(a_size_has_blocks_side_by_side_in_the_order_of_addresses)
{
    crun__slabs slabs;
    start(&slabs, 1);
    char *blocks[3];
    for (int i = 0; i < 3; i++) {
        blocks[i] = get(&slabs, 705 + (size_t)i);
    }
    CHECK_EQ_PTR(blocks[1], blocks[0] + 720);
    CHECK_EQ_PTR(blocks[2], blocks[1] + 720);
    put(&slabs, blocks[0], 705);
    put(&slabs, blocks[1], 706);
    CHECK_EQ_PTR(get(&slabs, 720), blocks[1]);
    CHECK_EQ_PTR(get(&slabs, 720), blocks[0]);
    for (int i = 0; i < 3; i++) {
        put(&slabs, blocks[i], 720);
    }
    end(&slabs);
}

TEST(a_block_stays_where_its_size_rounds_to_the_same)
{
    crun__slabs slabs;
    start(&slabs, 1);
    char *block = get(&slabs, 33);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, block, 33, 48), block);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, block, 48, 34), block);
    char *moved = crun__slabs_realloc(&slabs, block, 34, 49);
    CHECK(moved != block);
    put(&slabs, moved, 49);
    end(&slabs);
}

TEST(nothing_is_a_size)
{
    crun__slabs slabs;
    start(&slabs, 0);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, NULL, 7, 0), NULL);
    CHECK_EQ_PTR(get(&slabs, 1), NULL);
    end(&slabs);
}

TEST(a_small_block_shrinks_in_place_when_there_is_no_smaller_one)
{
    crun__slabs slabs;
    size_t count;
    start(&slabs, 1);
    void **chain = exhaust(&slabs, 720, &count);
    CHECK(count > 60 * 80);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, chain, 720, 100), chain);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, chain, 100, 300), chain);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, chain, 300, 800), NULL);
    put_chain(&slabs, chain, 720);
    end(&slabs);
}

TEST(a_large_block_shrinks_in_place_when_there_is_no_small_one)
{
    crun__slabs slabs;
    start(&slabs, 0);
    char *a = get(&slabs, 1025), *b = get(&slabs, 3000);
    memset(a, 1, 1025);
    memset(b, 2, 3000);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, a, 1025, 1024), a);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, b, 3000, 10), b);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, a, 1024, 1000), a);
    pages.left = 1;
    char *small = crun__slabs_realloc(&slabs, a, 1000, 20);
    CHECK(small != a && small[0] == 1 && small[19] == 1);
    b = crun__slabs_realloc(&slabs, b, 10, 2000);
    REQUIRE(b != NULL);
    CHECK(b[0] == 2 && b[9] == 2);
    put(&slabs, b, 2000);
    put(&slabs, small, 20);
    end(&slabs);
}

TEST(a_stray_that_stays_one_is_freed_as_one)
{
    crun__slabs slabs;
    start(&slabs, 0);
    char *a = get(&slabs, 2000), *b = get(&slabs, 2000);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, a, 2000, 16), a);
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, b, 2000, 16), b);
#if !CRUN__ASAN && !CRUN__TSAN /* with which malloc aborts instead */
    CHECK_EQ_PTR(crun__slabs_realloc(&slabs, a, 16, SIZE_MAX / 2), NULL);
#endif
    put(&slabs, b, 16);
    put(&slabs, a, 16);
    end(&slabs);
}

TEST(what_one_size_has_left_another_one_uses)
{
    crun__slabs slabs;
    size_t first, second, again;
    start(&slabs, 1);
    put_chain(&slabs, exhaust(&slabs, 64, &first), 64);
    put_chain(&slabs, exhaust(&slabs, 1024, &second), 1024);
    put_chain(&slabs, exhaust(&slabs, 64, &again), 64);
    /* Each size keeps at most one slab for itself. */
    CHECK(second >= (CRUN__SLABS - 1) * 63);
    CHECK(again >= first - CRUN__SLAB / 64);
    CHECK_EQ_INT(pages.dropped, 0);
    end(&slabs);
}

TEST(trimming_gives_back_what_was_not_needed_in_between)
{
    crun__slabs slabs;
    start(&slabs, 10);
    size_t count;
    put_chain(&slabs, exhaust(&slabs, 256, &count), 256);
    CHECK_EQ_INT(pages.mapped, 10);
    crun__slabs_trim(&slabs);
    CHECK_EQ_INT(pages.dropped, 0);
    put_chain(&slabs, exhaust(&slabs, 256, &count), 256);
    crun__slabs_trim(&slabs);
    CHECK_EQ_INT(pages.dropped, 0);
    crun__slabs_trim(&slabs);
    CHECK(pages.dropped > (size_t)4 * CRUN__SEGMENT && pages.dropped <= (size_t)5 * CRUN__SEGMENT);
    CHECK(pages.mapped <= 6);
    for (int i = 0; i < 12; i++) {
        crun__slabs_trim(&slabs);
    }
    CHECK_EQ_INT(pages.mapped, 0);
    pages.left = 1;
    put(&slabs, get(&slabs, 256), 256);
    end(&slabs);
}

TEST(a_million_blocks)
{
    crun__slabs slabs;
    enum { COUNT = 1000000, SIZE = 64 };
    void **chain = NULL;
    start(&slabs, 1000);
    for (int i = 0; i < COUNT; i++) {
        void **block = get(&slabs, SIZE);
        REQUIRE(block != NULL);
        *block = chain;
        chain = block;
    }
    CHECK_EQ_INT(slabs.segment_count, (size_t)COUNT * SIZE / CRUN__SEGMENT + 1);
    put_chain(&slabs, chain, SIZE);
    CHECK(slabs.slab_count <= 1);
    end(&slabs);
}

TEST_MAIN
