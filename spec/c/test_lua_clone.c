/* SPDX-License-Identifier: MIT */
/*
 * The structured clone between two states: what arrives, and that a decoder given anything at all
 * ends with values or an error, in bounded memory.
 */
#include <lauxlib.h>
#include <lualib.h>

#include "../../bindings/lclone.h"
#include "lua_memory.h"
#include "random.h"
#include "test.h"

/* --- states -------------------------------------------------------------------------------- */

static const char shape_module[] = "local Shape = {}; Shape.__index = Shape\n"
                                   "function Shape.new(n) return setmetatable({n = n}, Shape) end\n"
                                   "function Shape:area() return self.n * scale end\n"
                                   "return {Shape = Shape, data = {1, 2}}\n";

static lua_State *open_state(struct memory *memory)
{
    *memory = (struct memory){0};
    lua_State *L = lua_newstate(memory_allocate, memory);
    if (!L) {
        abort();
    }
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (luaL_dostring(L, shape_module) != LUA_OK) {
        abort();
    }
    lua_setfield(L, -2, "shape");
    (void)luaL_dostring(L, "package.searchers = {}");
    lua_settop(L, 0);
    return L;
}

static struct memory there_memory, here_memory;
static lua_State *there, *here;

static void begin(void)
{
    there = open_state(&there_memory);
    here = open_state(&here_memory);
}

static void finish(void)
{
    lua_close(there);
    lua_close(here);
    CHECK_EQ_INT(there_memory.used, 0);
    CHECK_EQ_INT(here_memory.used, 0);
}

static void run(lua_State *L, const char *text)
{
    if (!CHECK_EQ_INT(luaL_dostring(L, text), LUA_OK)) {
        (void)fprintf(stderr, "    %s\n", lua_tostring(L, -1));
    }
}

static int encode_all(lua_State *L)
{
    const crun__clone *options = lua_touserdata(L, lua_upvalueindex(1));
    (void)crun__clone_encode(L, 1, lua_gettop(L), options);
    crun__message_string(L, -1);
    crun__message_release(L, -2);
    return 1;
}

static int decode_all(lua_State *L)
{
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);
    return crun__clone_decode(L, bytes, size, lua_touserdata(L, lua_upvalueindex(1)));
}

/* Leaves the message of what the text returns on the sender's stack. */
static const char *message_of(const char *text, const crun__clone *options, size_t *size)
{
    lua_settop(there, 0);
    lua_pushlightuserdata(there, (void *)(uintptr_t)options);
    lua_pushcclosure(there, encode_all, 1);
    if (luaL_loadstring(there, text) != LUA_OK || lua_pcall(there, 0, LUA_MULTRET, 0) != LUA_OK ||
        lua_pcall(there, lua_gettop(there) - 1, 1, 0) != LUA_OK) {
        (void)fprintf(stderr, "    %s\n", lua_tostring(there, -1));
        *size = 0;
        return NULL;
    }
    return lua_tolstring(there, -1, size);
}

/* Reads a message in the other state; its values are on the stack then, or the error. */
static int receive(const char *bytes, size_t size, const crun__clone *options)
{
    lua_settop(here, 0);
    lua_pushlightuserdata(here, (void *)(uintptr_t)options);
    lua_pushcclosure(here, decode_all, 1);
    lua_pushlstring(here, bytes, size);
    return lua_pcall(here, 1, LUA_MULTRET, 0);
}

/* Sends what the text returns and runs the other text on it, as its arguments. */
static void send_with(const char *text, const char *check, const crun__clone *options)
{
    size_t size;
    const char *bytes = message_of(text, options, &size);
    REQUIRE(bytes);
    if (!CHECK_EQ_INT(receive(bytes, size, options), LUA_OK)) {
        (void)fprintf(stderr, "    %s\n", lua_tostring(here, -1));
        return;
    }
    REQUIRE(luaL_loadstring(here, check) == LUA_OK);
    lua_insert(here, 1);
    if (!CHECK_EQ_INT(lua_pcall(here, lua_gettop(here) - 1, 0, 0), LUA_OK)) {
        (void)fprintf(stderr, "    %s\n", lua_tostring(here, -1));
    }
}

static void send_text(const char *text, const char *check)
{
    send_with(text, check, NULL);
}

/* --- what arrives -------------------------------------------------------------------------- */

TEST(the_seal_is_siphash)
{
    uint8_t key[CRUN__CLONE_KEY], bytes[15];
    for (unsigned i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)i;
    }
    memcpy(bytes, key, sizeof bytes);
    CHECK(crun__siphash(key, bytes, 0) == UINT64_C(0x726fdb47dd0e0e31));
    CHECK(crun__siphash(key, bytes, 1) == UINT64_C(0x74f839c593dc67fd));
    CHECK(crun__siphash(key, bytes, 8) == UINT64_C(0x93f5f5799a932462));
    CHECK(crun__siphash(key, bytes, 15) == UINT64_C(0xa129ca6149be45e5));
}

TEST(values_arrive_in_another_state)
{
    begin();
    send_text("local t = {1, 2.0, 'x\\0y', [3.5] = true}; t.t = t; return nil, t, t, 1 << 63, -0.0",
              "local a, t, u, i, z = ...\n"
              "assert(select('#', ...) == 5 and a == nil and t == u and t.t == t)\n"
              "assert(math.type(t[1]) == 'integer' and math.type(t[2]) == 'float')\n"
              "assert(t[3] == 'x\\0y' and t[3.5] and i == math.mininteger and 1 / z < 0)");
    finish();
}

TEST(bits_of_a_nan_stay)
{
    begin();
    uint64_t bits = UINT64_C(0x7ff8000000000abc), arrived;
    lua_Number number;
    memcpy(&number, &bits, sizeof number);
    lua_pushnumber(there, number);
    lua_setglobal(there, "nan");
    size_t size;
    const char *bytes = message_of("return nan", NULL, &size);
    REQUIRE(bytes && receive(bytes, size, NULL) == LUA_OK);
    number = lua_tonumber(here, 1);
    memcpy(&arrived, &number, sizeof arrived);
    CHECK(arrived == bits);
    finish();
}

TEST(modules_are_the_receivers_own)
{
    begin();
    run(there, "scale = 2");
    run(here, "scale = 10");
    send_text(
        "local shape = require 'shape'\n"
        "return shape, shape.Shape.new(3), shape.Shape.area, string.format, shape.data, print",
        "local shape, three, area, format, data, p = ...\n"
        "local own = require 'shape'\n"
        "assert(shape == own and getmetatable(three) == own.Shape and three:area() == 30)\n"
        "assert(area == own.Shape.area and format == string.format and p == print)\n"
        "assert(data ~= own.data and data[2] == 2)");
    finish();
}

TEST(functions_take_what_they_use_along)
{
    begin();
    run(there, "count = 5\n"
               "function double(x) return x * 2 end\n"
               "function work(x) return double(x) + count end\n"
               "unused = io.stdout");
    send_text("return function(x) return work(x) end",
              "local f = ...\n"
              "assert(f(4) == 13 and count == 5 and unused == nil)\n"
              "count = 100; assert(f(4) == 108)");
    send_text("return function() return count end",
              "assert((...)() == 100, 'a global that was there stays')");
    finish();
}

TEST(variables_stay_shared)
{
    begin();
    send_text("local n = 0\n"
              "local function fact(k) return k < 2 and 1 or k * fact(k - 1) end\n"
              "return function() n = n + 1 end, function() return n end, fact",
              "local inc, get, fact = ...; inc(); inc(); assert(get() == 2 and fact(5) == 120)");
    finish();
}

/* --- hooks --------------------------------------------------------------------------------- */

static bool refer(lua_State *L, void *context)
{
    (void)context;
    lua_pushfstring(L, "object %d", *(int *)lua_touserdata(L, -1));
    return true;
}

static bool resolve(lua_State *L, void *context)
{
    const char *text = lua_tostring(L, -1);
    ++*(int *)context;
    lua_newtable(L);
    lua_pushstring(L, text);
    lua_setfield(L, -2, "proxy");
    return true;
}

TEST(objects_travel_by_reference)
{
    begin();
    int resolved = 0;
    crun__clone options = {.refer = refer, .resolve = resolve, .context = &resolved};
    *(int *)lua_newuserdatauv(there, sizeof(int), 0) = 42;
    lua_setglobal(there, "object");
    send_with("return object, {object}",
              "local a, b = ...; assert(a.proxy == 'object 42' and b[1] == a)", &options);
    CHECK_EQ_INT(resolved, 1);
    size_t size;
    const char *bytes = message_of("return object", &options, &size);
    REQUIRE(bytes);
    CHECK(receive(bytes, size, NULL) != LUA_OK);
    CHECK_STR(lua_tostring(here, -1), "bad message: a reference that means nothing here");
    finish();
}

TEST(globals_that_are_known_are_not_sent_again)
{
    begin();
    run(there, "Account = {}; Account.__index = Account; blob = ('x'):rep(1000)\n"
               "function Account.get() return blob end");
    lua_newtable(there);
    int known = 2; /* below it the function that encodes */
    crun__clone options = {.known = known};
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        lua_settop(there, 1);
        lua_pushvalue(there, 1);
        REQUIRE(luaL_dostring(there, "return setmetatable({}, Account)") == LUA_OK);
        (void)crun__clone_encode(there, 3, 1, &options);
        crun__message_string(there, -1);
        size_t size;
        const char *bytes = lua_tolstring(there, -1, &size);
        sizes[i] = size;
        CHECK_EQ_INT(receive(bytes, size, NULL), LUA_OK);
        CHECK_EQ_INT(luaL_getmetafield(here, -1, "get"), LUA_TFUNCTION);
        lua_getglobal(here, "Account");
        CHECK_EQ_INT(lua_getfield(here, -1, "get"), LUA_TFUNCTION);
        CHECK(lua_rawequal(here, -1, -3));
        crun__message_release(there, -2);
    }
    CHECK(sizes[0] > 1000 && sizes[1] < 50);
    finish();
}

TEST(a_long_string_is_a_piece_where_it_is)
{
    begin();
    (void)luaL_dostring(there, "return ('x'):rep(1 << 20), 1");
    const char *text = lua_tostring(there, 1), *bytes;
    crun__message *message = crun__clone_encode(there, 1, 2, NULL);
    size_t size, all = 0;
    REQUIRE(crun__message_piece(message, 0, &bytes, &size) && size < 100);
    char header[CRUN__CLONE_HEADER];
    memcpy(header, bytes, sizeof header);
    all += size;
    REQUIRE(crun__message_piece(message, 1, &bytes, &size));
    CHECK_EQ_PTR(bytes, text);
    all += size;
    REQUIRE(crun__message_piece(message, 2, &bytes, &size));
    all += size;
    CHECK(!crun__message_piece(message, 3, &bytes, &size));
    CHECK_EQ_INT(crun__clone_size(header), all);
    finish();
}

TEST(a_big_string_is_copied_once_on_each_side)
{
    begin();
    enum { SIZE = 100 << 20 };
    run(there, "big = ('x'):rep(100 << 20)");
    (void)lua_gc(there, LUA_GCCOLLECT);
    there_memory.most = there_memory.used;
    size_t size;
    const char *bytes = message_of("return big", NULL, &size);
    REQUIRE(bytes);
    CHECK(there_memory.most < 2 * (size_t)SIZE + (1 << 20));
    lua_settop(here, 0);
    CHECK_EQ_INT(crun__clone_decode(here, bytes, size, NULL), 1);
    CHECK(here_memory.most < SIZE + (1 << 20));
    finish();
}

/* --- anything ------------------------------------------------------------------------------ */

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

TEST(mutated_messages_give_values_or_an_error)
{
    begin();
    run(there, "function work() return 1 end");
    random_state random = 1;
    for (unsigned i = 0; i < SAMPLES * 3000; i++) {
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
