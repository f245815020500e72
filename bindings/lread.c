/*
 * SPDX-License-Identifier: MIT
 *
 * stream:read and stream:lines: the formats of io.read, over a stream that brings its bytes when it
 * likes.
 *
 * What a format takes stays in the stream's own buffer until all of it is there, so a read that
 * times out or is cancelled half-way takes nothing.
 */
#include <ctype.h>
#include <locale.h>
#include <string.h>

#include "lstream.h"

/* A peer that never ends its line must not fill the memory. */
static const size_t LINE_MAX_SIZE = (size_t)64 << 20;

/* Of the stack while a read goes on: the stream, the deadline, the formats, then the results. */
enum { DEADLINE = 2, FORMATS = 3 };

/* --- numerals ----------------------------------------------------------------------------- */

enum { NUMERAL_MAX = 200 };

/* A numeral at the start of bytes of which more may come. */
typedef struct scan {
    const char *next;
    const char *end;
    bool complete; /* nothing comes after these bytes */
    bool starved;  /* what comes after these bytes matters */
    bool overlong;
    int size;
    char text[NUMERAL_MAX + 1];
} scan;

/* The next byte; 0 for none, which no numeral contains. */
static int look(scan *s)
{
    if (s->next < s->end)
        return (unsigned char)*s->next;
    if (!s->complete)
        s->starved = true;
    return 0;
}

static bool keep(scan *s)
{
    if (s->size == NUMERAL_MAX) {
        s->overlong = true;
        return false;
    }
    s->text[s->size++] = *s->next++;
    return true;
}

static bool accept_any(scan *s, const char *set)
{
    int c = look(s);
    return c != 0 && strchr(set, c) && keep(s);
}

static int accept_digits(scan *s, bool hex)
{
    int count = 0;
    while ((hex ? isxdigit(look(s)) : isdigit(look(s))) && keep(s))
        count++;
    return count;
}

/* Takes the longest prefix that looks like a numeral, as Lua's own io library does. */
static void scan_numeral(scan *s)
{
    const char point[3] = {localeconv()->decimal_point[0], '.', '\0'};
    accept_any(s, "+-");
    bool hex = false;
    int count = 0;
    if (accept_any(s, "0")) {
        hex = accept_any(s, "xX");
        count = !hex;
    }
    count += accept_digits(s, hex);
    if (accept_any(s, point))
        count += accept_digits(s, hex);
    if (count > 0 && accept_any(s, hex ? "pP" : "eE")) {
        accept_any(s, "+-");
        accept_digits(s, false);
    }
    look(s);
    s->text[s->overlong ? 0 : s->size] = '\0';
}

static void skip_space(crun_stream *stream)
{
    size_t size, n = 0;
    const char *data = crun__stream_peek(stream, &size);
    while (n < size && isspace((unsigned char)data[n]))
        n++;
    crun__stream_consume(stream, n);
}

static void scan_stream(crun_stream *stream, scan *s)
{
    size_t size;
    const char *data = crun__stream_peek(stream, &size);
    *s = (scan){.next = data, .end = data + size, .complete = crun__stream_end(stream) != 0};
    scan_numeral(s);
}

/* --- what a format waits for, and takes --------------------------------------------------- */

enum outcome {
    FAILED, /* with a code */
    ENDED,  /* nothing fits the format: nil is pushed */
    TAKEN   /* the value is pushed */
};

static char letter(const char *format)
{
    return format[*format == '*'];
}

static bool is_count(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TNUMBER;
}

static crun__goal goal_of(lua_State *L, crun_stream *s, int format)
{
    crun__goal goal = {.count = 1};
    if (is_count(L, format)) {
        goal.count = (size_t)lua_tointeger(L, format);
        if (goal.count == 0)
            goal.count = 1; /* to see whether it is the end */
        return goal;
    }
    switch (letter(lua_tostring(L, format))) {
    case 'a':
        goal.count = SIZE_MAX;
        break;
    case 'n': {
        scan numeral;
        skip_space(s);
        scan_stream(s, &numeral);
        crun__stream_peek(s, &goal.count);
        goal.count += numeral.starved;
        break;
    }
    default:
        goal = (crun__goal){.count = LINE_MAX_SIZE, .line = true};
    }
    return goal;
}

static enum outcome take(lua_State *L, crun_stream *s, size_t size, size_t cut)
{
    size_t there;
    lua_pushlstring(L, crun__stream_peek(s, &there), size - cut);
    crun__stream_consume(s, size);
    return TAKEN;
}

/* What is left before the end, unless that is an error or nothing is. */
static enum outcome take_rest(lua_State *L, crun_stream *s, size_t size, int *code)
{
    int end = crun__stream_end(s);
    if (end < 0) {
        *code = end;
        return FAILED;
    }
    if (size > 0)
        return take(L, s, size, 0);
    lua_pushnil(L);
    return ENDED;
}

static enum outcome take_line(lua_State *L, crun_stream *s, bool keep_feed, int *code)
{
    size_t size, line = crun__stream_line(s);
    if (line > 0)
        return take(L, s, line, !keep_feed);
    crun__stream_peek(s, &size);
    if (crun__stream_end(s) == 0) {
        *code = -EMSGSIZE;
        return FAILED;
    }
    return take_rest(L, s, size, code);
}

static enum outcome take_number(lua_State *L, crun_stream *s, int *code)
{
    scan numeral;
    skip_space(s);
    scan_stream(s, &numeral);
    if (crun__stream_end(s) < 0 && numeral.next == numeral.end) {
        *code = crun__stream_end(s);
        return FAILED;
    }
    crun__stream_consume(s, (size_t)numeral.size);
    if (lua_stringtonumber(L, numeral.text) != 0)
        return TAKEN;
    lua_pushnil(L);
    return ENDED;
}

static enum outcome take_all(lua_State *L, crun_stream *s, int *code)
{
    size_t size;
    crun__stream_peek(s, &size);
    if (size == 0 && crun__stream_end(s) == 1) {
        lua_pushliteral(L, "");
        return TAKEN;
    }
    return take_rest(L, s, size, code);
}

static enum outcome take_count(lua_State *L, crun_stream *s, size_t count, int *code)
{
    size_t size;
    crun__stream_peek(s, &size);
    if (size > 0 && size >= count)
        return take(L, s, count, 0);
    return take_rest(L, s, size, code);
}

static enum outcome take_format(lua_State *L, crun_stream *s, int format, int *code)
{
    if (is_count(L, format))
        return take_count(L, s, (size_t)lua_tointeger(L, format), code);
    switch (letter(lua_tostring(L, format))) {
    case 'a':
        return take_all(L, s, code);
    case 'n':
        return take_number(L, s, code);
    case 'L':
        return take_line(L, s, true, code);
    default:
        return take_line(L, s, false, code);
    }
}

/* --- reading ------------------------------------------------------------------------------ */

/* Who reads: what is done about a failure. It travels with the format's index through the wait. */
enum { READ, LINES };

/* After the results so far, as many as on top. */
static int fail(lua_State *L, const crun_stream *s, int code, int results, int who)
{
    if (who == LINES && code != CRUN_EBUSY)
        return luaL_error(L, "%s: %s", crun_error_name(code), crun_error_text(code));
    return results + crun__lstream_fail(L, code, s ? crun_stream_reader(s) : NULL, "read");
}

static int read_finish(lua_State *L, int status, lua_KContext context);

/* Reads formats from index i on; the results of those before it are on top. */
static int read_from(lua_State *L, crun_stream *s, int i, int who)
{
    int last = lua_gettop(L) - (i - FORMATS);
    crun_task *self = crun__lua_self(L);
    enum outcome outcome = TAKEN;
    for (; i <= last && outcome == TAKEN; i++) {
        crun__goal goal = goal_of(L, s, i);
        int code = crun__read_begin(s, self, &goal);
        if (code == 0)
            return crun__lstream_park(L, self, lua_tointeger(L, DEADLINE), 2 * i + who,
                                      read_finish);
        outcome = code < 0 ? FAILED : take_format(L, s, i, &code);
        if (outcome == FAILED)
            return fail(L, s, code, lua_gettop(L) - last, who);
    }
    return lua_gettop(L) - last;
}

static int read_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    int i = (int)context / 2, who = (int)context % 2;
    int rc = crun__lua_result(L);
    crun_stream *s = crun__lstream_again(L);
    if (rc < 0)
        return fail(L, s, rc, i - FORMATS, who);
    return read_from(L, s, i, who);
}

static void check_format(lua_State *L, int index)
{
    if (is_count(L, index)) {
        luaL_argcheck(L, luaL_checkinteger(L, index) >= 0, index,
                      "a number of bytes >= 0 expected");
        return;
    }
    const char *format = luaL_checkstring(L, index);
    if (!letter(format) || !strchr("nlLa", letter(format)))
        luaL_argerror(L, index, "invalid format");
}

/* Checks the formats from index 2 on; there is at least one afterwards. Returns their number. */
static int check_formats(lua_State *L)
{
    if (lua_gettop(L) == 1 || (lua_gettop(L) == 2 && lua_isnil(L, 2))) {
        lua_settop(L, 1);
        lua_pushliteral(L, "l");
        return 1;
    }
    int count = lua_gettop(L) - 1;
    for (int i = 2; i <= count + 1; i++)
        check_format(L, i);
    return count;
}

/*
 * stream:read([format... [, seconds]]) -> as many values, up to the first for which nothing is
 * left, which is nil; or, after those read so far, nil, message, code. What has not been returned
 * stays to be read. May wait.
 */
int crun__lstream_read(lua_State *L)
{
    crun_stream *s = crun__lstream_check(L);
    crun_time deadline = CRUN_FOREVER;
    if (crun__lstream_timed(L)) {
        deadline = crun__lua_deadline(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    int count = check_formats(L);
    if (!s)
        return crun__lua_fail(L, CRUN_ECLOSED);
    luaL_checkstack(L, count + 4, NULL);
    lua_pushinteger(L, deadline);
    lua_insert(L, DEADLINE);
    return read_from(L, s, FORMATS, READ);
}

/* --- lines -------------------------------------------------------------------------------- */

/* Upvalues of the iterator; the formats follow. */
enum { LINES_STREAM = 1, LINES_TIMEOUT, LINES_COUNT, LINES_FORMATS, LINES_MAX = 250 };

static int lines_next(lua_State *L)
{
    int count = (int)lua_tointeger(L, lua_upvalueindex(LINES_COUNT));
    lua_settop(L, 0);
    luaL_checkstack(L, 2 * count + 6, NULL);
    lua_pushvalue(L, lua_upvalueindex(LINES_STREAM));
    lua_pushinteger(L, crun__lua_deadline(L, lua_upvalueindex(LINES_TIMEOUT)));
    for (int i = 0; i < count; i++)
        lua_pushvalue(L, lua_upvalueindex(LINES_FORMATS + i));
    crun_stream *s = crun__lstream_again(L);
    return s ? read_from(L, s, FORMATS, LINES) : fail(L, NULL, CRUN_ECLOSED, 0, LINES);
}

/*
 * for line in stream:lines([format... [, seconds]]) do: up to the end of the stream. As io.lines
 * does, it raises what read would return as a failure. The seconds are those of each step. Waits in
 * each step.
 */
int crun__lstream_lines(lua_State *L)
{
    crun__lstream_check(L);
    bool limited = false;
    lua_Number seconds = 0;
    if (crun__lstream_timed(L)) {
        limited = crun__lua_deadline(L, lua_gettop(L)) != CRUN_FOREVER;
        seconds = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    int count = check_formats(L);
    luaL_argcheck(L, count <= LINES_MAX, LINES_MAX + 2, "too many formats");
    luaL_checkstack(L, count + 3, NULL);
    lua_pushvalue(L, 1);
    if (limited)
        lua_pushnumber(L, seconds);
    else
        lua_pushnil(L);
    lua_pushinteger(L, count);
    for (int i = 0; i < count; i++)
        lua_pushvalue(L, 2 + i);
    lua_pushcclosure(L, lines_next, LINES_FORMATS - 1 + count);
    return 1;
}
