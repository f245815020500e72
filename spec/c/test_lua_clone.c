/* SPDX-License-Identifier: MIT */
/* The structured clone between two states: what arrives, the hooks, a message's pieces. */
#include "clone_support.h"

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

/* --- errors ------------------------------------------------------------------------------- */

TEST(errors_use_the_names_that_they_are_given)
{
    begin();
    crun__clone options = {.first = "target", .to = "to a process"};
    lua_pushlightuserdata(there, (void *)(uintptr_t)&options);
    lua_pushcclosure(there, encode_all, 1);
    lua_setglobal(there, "encode");
    run(there, "local function says(words, ...)\n"
               "    local ok, err = pcall(encode, ...)\n"
               "    assert(not ok and err:find(words, 1, true), err)\n"
               "end\n"
               "says('target: thread cannot be sent to a process', coroutine.create(print), 1)\n"
               "local sock = io.tmpfile()\n"
               "says('args[2].x: userdata cannot be sent to a process', 1, 2, {x = sock})\n"
               "says('upvalue \\'sock\\' (userdata) of function at', function() return sock end)\n"
               "sock:close()");
    finish();
}

TEST_MAIN
