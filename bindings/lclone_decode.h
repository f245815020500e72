/*
 * SPDX-License-Identifier: MIT
 *
 * A message being read.
 */
#ifndef CRUN__LCLONE_DECODE_H
#define CRUN__LCLONE_DECODE_H

#include <string.h>

#include "lclone_wire.h"

typedef struct object {
    uint32_t length; /* of a table's sequence; of a function, how many upvalues */
    uint8_t class;   /* of a table's other fields */
    uint8_t kind;    /* WIRE_TABLE and WIRE_FUNCTION: contents follow; else not */
} object;

typedef struct decoder {
    lua_State *L;
    const crun__clone *options;
    const uint8_t *at, *end;
    object *objects; /* from 1 */
    uint32_t count, declared;
    uint64_t promised; /* bytes, at least, of the contents of tables made but not yet read */
    int list;          /* on the stack: objects by number; by -number, what is filled instead */
    int metatables;    /* table, metatable ... to be set at the end, when they have their fields */
    uint32_t metatable_count;
    int globals; /* name, value ... to be set at the end */
    uint32_t global_count;
} decoder;

/* Raises "bad message: ...". */
_Noreturn void crun__clone_bad(decoder *d, const char *what);

static inline size_t rest(const decoder *d)
{
    return (size_t)(d->end - d->at);
}

static inline const uint8_t *take(decoder *d, size_t size)
{
    if (size > rest(d))
        crun__clone_bad(d, "it ends too early");
    const uint8_t *at = d->at;
    d->at += size;
    return at;
}

static inline unsigned take_byte(decoder *d)
{
    return *take(d, 1);
}

static inline uint64_t take_count(decoder *d)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned byte = take_byte(d);
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return n;
    }
    crun__clone_bad(d, "a number is too long");
}

/* A size and so many bytes. */
static inline const char *take_sized(decoder *d, size_t *size)
{
    uint64_t n = take_count(d);
    if (n > rest(d))
        crun__clone_bad(d, "it ends too early");
    *size = (size_t)n;
    return (const char *)take(d, *size);
}

static inline void push_sized(decoder *d)
{
    size_t size;
    const char *text = take_sized(d, &size);
    lua_pushlstring(d->L, text, size);
}

/* Reads a value and pushes it. */
void crun__clone_read_value(decoder *d);

/* Reads the fields of the table on top, or the variables of the function; its number is given. */
void crun__clone_read_fields(decoder *d, uint32_t id);
void crun__clone_read_upvalues(decoder *d, uint32_t id);

#endif
