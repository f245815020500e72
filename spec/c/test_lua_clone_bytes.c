/* SPDX-License-Identifier: MIT */
/*
 * The structured clone given anything at all: it ends with values or an error, in bounded memory.
 */
#include "clone_support.h"
#include "random.h"

static const char *const samples[] = {
    "return",
    "return 1, -1, 1000000, 0.5, 'short', ('long'):rep(50), true, nil",
    "local t = {1, 2, nil, 4, {}, x = {y = {z = 1}}}; t.t = t; return t",
    "return setmetatable({1}, {__index = {a = 1}, __mode = 'k'}), setmetatable({}, {})",
    "local s = require 'shape'; return s, s.Shape.new(1), s.Shape.new(2), string, math.floor",
    "local t = {}; for i = 1, 50 do t[i] = {i, tostring(i)} end; return t",
    "Class = {__index = {}}; return setmetatable({}, Class), _G",
    "local n = 1; return function() n = n + 1 end, function() return n, work end",
};
enum { SAMPLES = sizeof samples / sizeof *samples };

/* Gives the bytes the header of a message of their size. */
static void fix_size(char *bytes, uint64_t size)
{
    if (size >= CRUN__CLONE_HEADER) {
        memcpy(bytes + 4, &size, sizeof size);
    }
}

/* Either all is well, or the error is one of those that are promised. */
static void check_outcome(int status)
{
    if (status != LUA_OK) {
        const char *text = lua_tostring(here, -1);
        CHECK(text && (strncmp(text, "bad message: ", 13) == 0 || strstr(text, "not found")));
    }
    CHECK(status == LUA_OK || status == LUA_ERRRUN);
}

TEST(no_truncated_message_is_read)
{
    begin();
    run(there, "function work() return 1 end");
    for (unsigned i = 0; i < SAMPLES; i++) {
        size_t size;
        const char *bytes = message_of(samples[i], NULL, &size);
        REQUIRE(bytes);
        CHECK(receive(bytes, size, NULL) == LUA_OK);
        char *copy = malloc(size);
        REQUIRE(copy);
        for (size_t n = 0; n < size; n++) {
            memcpy(copy, bytes, size);
            CHECK(receive(copy, n, NULL) == LUA_ERRRUN);
            check_outcome(LUA_ERRRUN);
            fix_size(copy, n);
            CHECK(receive(copy, n, NULL) == LUA_ERRRUN);
            check_outcome(LUA_ERRRUN);
        }
        free(copy);
    }
    finish();
}

static void mutate(char *bytes, size_t size, random_state *random)
{
    for (uint64_t n = 1 + random_below(random, 4); n > 0; n--) {
        size_t at = CRUN__CLONE_HEADER + random_below(random, size - CRUN__CLONE_HEADER);
        if (random_below(random, 2)) {
            bytes[at] = (char)random_below(random, 256);
        } else {
            bytes[at] = (char)(bytes[at] ^ (1 << random_below(random, 8)));
        }
    }
}

/* CRUN_SPEC_SCALE says how much of the work a slow flavour is to do. */
static unsigned scaled(unsigned n)
{
    const char *scale = getenv("CRUN_SPEC_SCALE");
    double part = scale ? strtod(scale, NULL) : 1;
    return part > 0 && part < 1 ? (unsigned)(n * part) : n;
}

TEST(mutated_messages_give_values_or_an_error)
{
    begin();
    run(there, "function work() return 1 end");
    random_state random = 1;
    for (unsigned i = 0; i < scaled(SAMPLES * 3000); i++) {
        size_t size;
        const char *bytes = message_of(samples[i % SAMPLES], NULL, &size);
        REQUIRE(bytes);
        char *copy = malloc(size);
        REQUIRE(copy);
        memcpy(copy, bytes, size);
        mutate(copy, size, &random);
        here_memory.limit = here_memory.used + size * 200 + 200000;
        check_outcome(receive(copy, size, NULL));
        free(copy);
    }
    finish();
}

/* A message of these bytes behind a right header. */
static int receive_raw(uint32_t objects, const char *bytes, size_t size)
{
    size_t all = CRUN__CLONE_HEADER + sizeof objects + size;
    char *copy = malloc(all);
    if (!copy) {
        abort();
    }
    size_t sample;
    memcpy(copy, message_of("return", NULL, &sample), CRUN__CLONE_HEADER);
    fix_size(copy, all);
    memcpy(copy + CRUN__CLONE_HEADER, &objects, sizeof objects);
    memcpy(copy + CRUN__CLONE_HEADER + sizeof objects, bytes, size);
    int status = receive(copy, all, NULL);
    free(copy);
    return status;
}

#define RAW(objects, text) receive_raw(objects, text, sizeof(text) - 1)

TEST(short_messages_get_little_memory)
{
    begin();
    here_memory.limit = here_memory.used + 100000;
    CHECK_EQ_INT(RAW(0, "\x01\x05\xff\xff\xff\xff\xff\xff\xff\x7f"), LUA_ERRRUN);
    CHECK_EQ_INT(RAW(0, "\xff\xff\xff\xff\x0f"), LUA_ERRRUN);
    CHECK_EQ_INT(RAW(1, "\x01\x07\xff\xff\xff\x7f\x00"), LUA_ERRRUN);
    CHECK_EQ_INT(RAW(1, "\x01\x07\x00\x00\x00\x00\x1f"), LUA_ERRRUN);
    CHECK_EQ_INT(RAW(UINT32_MAX, "\x00\x14"), LUA_ERRRUN);
    CHECK_EQ_INT(RAW(1, "\x01\x08\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"), LUA_ERRRUN);
    finish();
}

/* Else each table of many could claim what is left and give it back untouched. */
TEST(a_table_has_the_fields_that_it_says)
{
    begin();
    CHECK_EQ_INT(RAW(1, "\x01\x07\0\0\0\0\x01\x10\x81\x81\x14\x13\x04"
                        "abcd\0\x14"),
                 LUA_OK);
    CHECK_EQ_INT(RAW(1, "\x01\x07\0\0\0\0\x03\x10\x81\x81\x14\x13\x04"
                        "abcd\0\x14"),
                 LUA_ERRRUN);
    CHECK_STR(lua_tostring(here, -1), "bad message: a table is longer or shorter than it says");
    finish();
}

/* Each of many tables fits into the rest by itself; together they do not. */
TEST(tables_share_the_room_that_is_left)
{
    begin();
    enum { COUNT = 4000, EACH = 6 };
    static char bytes[2 + COUNT * EACH];
    bytes[0] = (char)(0x80 | (COUNT & 0x7f));
    bytes[1] = COUNT >> 7;
    for (int i = 0; i < COUNT; i++) {
        char *table = bytes + 2 + (size_t)i * EACH;
        uint32_t length = COUNT;
        table[0] = 7;
        memcpy(table + 1, &length, sizeof length);
    }
    here_memory.limit = here_memory.used + 1000000;
    CHECK_EQ_INT(receive_raw(COUNT, bytes, sizeof bytes), LUA_ERRRUN);
    CHECK_STR(lua_tostring(here, -1), "bad message: a table does not fit into it");
    finish();
}

TEST(without_memory_it_fails_and_works_again)
{
    begin();
    run(there, "function work() return 1 end");
    for (unsigned i = 0; i < SAMPLES; i++) {
        size_t size;
        REQUIRE(message_of(samples[i], NULL, &size));
        int status = LUA_ERRMEM;
        for (long n = 1; status != LUA_OK && n < 5000; n++) {
            const char *bytes = message_of(samples[i], NULL, &size);
            REQUIRE(bytes);
            lua_settop(here, 0);
            lua_pushcfunction(here, decode_all);
            lua_pushlstring(here, bytes, size);
            here_memory.fail_in = n;
            status = lua_pcall(here, 1, LUA_MULTRET, 0);
            here_memory.fail_in = 0;
            if (status != LUA_OK) {
                CHECK_STR(lua_tostring(here, -1), "not enough memory");
            }
        }
        CHECK_EQ_INT(status, LUA_OK);
    }
    finish();
}

TEST_MAIN
