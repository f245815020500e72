/*
 * SPDX-License-Identifier: MIT
 *
 * Which globals a function uses, read off its bytecode as string.dump writes it: `name` alone is
 * the instruction GETTABUP on the upvalue that is _ENV. Where _ENV itself, or _G, is used as a
 * value, every string in the function counts as a name.
 */
#include <string.h>

#include "lclone_wire.h"

/* From Lua's lopcodes.h and lobject.h, the same in all of Lua 5.4. */
enum { OP_GETUPVAL = 9, OP_GETTABUP = 11 };
enum { K_NIL, K_FALSE, K_INTEGER = 3, K_SHORT, K_TRUE = 17, K_FLOAT = 19, K_LONG };
enum { DEEPEST = 250 }; /* Lua's parser nests functions at most 200 deep */

typedef struct scanner {
    const uint8_t *at, *end;
    crun__global_found *found;
    void *arg;
    bool failed;
} scanner;

typedef struct proto {
    const uint8_t *code;
    size_t instructions;
    const uint8_t *constants;
    uint32_t env[8]; /* a bit for each upvalue: it is the globals */
} proto;

/* Which constants are names; kept apart from the proto, of which there is one for each depth. */
typedef struct wanted {
    uint32_t bits[8];
    bool all;
} wanted;

static inline bool has_bit(const uint32_t bits[8], unsigned i)
{
    return bits[i / 32] >> i % 32 & 1;
}

static inline void set_bit(uint32_t bits[8], unsigned i)
{
    bits[i / 32] |= UINT32_C(1) << i % 32;
}

static const uint8_t *skip(scanner *s, size_t size)
{
    const uint8_t *at = s->at;
    if (size > (size_t)(s->end - at)) {
        s->failed = true;
        s->at = s->end;
        return at;
    }
    s->at += size;
    return at;
}

static uint8_t byte(scanner *s)
{
    const uint8_t *at = skip(s, 1);
    return s->failed ? 0 : *at;
}

/* Seven bits a byte, the highest first; the last one has the eighth bit. */
static size_t number(scanner *s)
{
    size_t n = 0;
    while (!s->failed) {
        uint8_t b = byte(s);
        n = n << 7 | (b & 0x7f);
        if (b & 0x80)
            return n;
    }
    return 0;
}

/* The size is stored with one more; 0 is no string. */
static const uint8_t *string(scanner *s, size_t *size)
{
    *size = number(s);
    *size -= *size > 0;
    return skip(s, *size);
}

static void skip_string(scanner *s)
{
    size_t size;
    (void)string(s, &size);
}

static void skip_sized(scanner *s, size_t each)
{
    size_t count = number(s);
    if (count > (size_t)(s->end - s->at))
        s->failed = true;
    else
        (void)skip(s, count * each);
}

/* Goes over the constants and tells those that are wanted. */
static void constants(scanner *s, const wanted *w)
{
    size_t count = number(s);
    for (size_t i = 0; i < count && !s->failed; i++) {
        uint8_t type = byte(s);
        if (type == K_SHORT || type == K_LONG) {
            size_t size;
            const uint8_t *text = string(s, &size);
            if (!s->failed && (w->all || (i < 256 && has_bit(w->bits, (unsigned)i))))
                s->found(s->arg, (const char *)text, size);
        } else if (type == K_INTEGER || type == K_FLOAT) {
            (void)skip(s, type == K_INTEGER ? sizeof(lua_Integer) : sizeof(lua_Number));
        } else if (type != K_NIL && type != K_FALSE && type != K_TRUE) {
            s->failed = true;
        }
    }
}

static void upvalues(scanner *s, proto *p, const uint32_t outer[8])
{
    size_t count = number(s);
    for (unsigned i = 0; i < count && i < 256 && !s->failed; i++) {
        bool in_stack = byte(s);
        uint8_t index = byte(s);
        (void)byte(s);
        if (!in_stack && has_bit(outer, index))
            set_bit(p->env, i);
    }
}

static void instructions(const proto *p, wanted *w)
{
    for (size_t i = 0; i < p->instructions; i++) {
        uint32_t code;
        memcpy(&code, p->code + i * sizeof code, sizeof code);
        unsigned op = code & 0x7f, b = code >> 16 & 0xff, c = code >> 24;
        if (op == OP_GETTABUP && has_bit(p->env, b))
            set_bit(w->bits, c);
        else if (op == OP_GETUPVAL && has_bit(p->env, b))
            w->all = true;
    }
}

static void note_globals_table(void *arg, const char *name, size_t size)
{
    wanted *w = arg;
    if (size == 2 && memcmp(name, "_G", 2) == 0)
        w->all = true;
}

static void tell(const scanner *s, const proto *p)
{
    wanted names = {{0}, false};
    instructions(p, &names);
    scanner look = {p->constants, s->end, note_globals_table, &names, false};
    constants(&look, &names);
    scanner report = {p->constants, s->end, s->found, s->arg, false};
    constants(&report, &names);
}

static void skip_debug(scanner *s)
{
    skip_sized(s, 1); /* lines */
    for (size_t n = number(s); n > 0 && !s->failed; n--) {
        (void)number(s);
        (void)number(s);
    }
    for (size_t n = number(s); n > 0 && !s->failed; n--) { /* local variables */
        skip_string(s);
        (void)number(s);
        (void)number(s);
    }
    for (size_t n = number(s); n > 0 && !s->failed; n--)
        skip_string(s); /* names of upvalues */
}

/* `env` tells which upvalues are the globals; inside of a function `outer`, those of that one. */
static void function(scanner *s, const uint32_t *outer, const bool *env, int depth)
{
    static const wanted none;
    proto p = {0};
    skip_string(s); /* source */
    (void)number(s);
    (void)number(s); /* lines */
    (void)skip(s, 3);
    p.instructions = number(s);
    if (p.instructions > (size_t)(s->end - s->at) / sizeof(uint32_t))
        s->failed = true;
    p.code = skip(s, s->failed ? 0 : p.instructions * sizeof(uint32_t));
    p.constants = s->at;
    constants(s, &none);
    upvalues(s, &p, outer ? outer : p.env);
    for (unsigned i = 0; env && i < 255; i++)
        if (env[i])
            set_bit(p.env, i);
    if (s->failed || depth > DEEPEST)
        return;
    tell(s, &p);
    for (size_t n = number(s); n > 0 && !s->failed; n--)
        function(s, p.env, NULL, depth + 1);
    skip_debug(s);
}

void crun__globals_scan(const uint8_t *code, size_t size, const bool env[255],
                        crun__global_found *found, void *arg)
{
    /* "\x1bLua", version, format, 6 bytes, three sizes, two numbers, count of upvalues. */
    size_t header = 4 + 1 + 1 + 6 + 3 + sizeof(lua_Integer) + sizeof(lua_Number) + 1;
    if (size < header)
        return;
    scanner s = {code + header, code + size, found, arg, false};
    function(&s, NULL, env, 0);
}
