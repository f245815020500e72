/*
 * SPDX-License-Identifier: MIT
 *
 * What both directions of the structured clone share: the marks of the format, names of what
 * modules hold, names of the globals that a function uses.
 */
#ifndef CRUN__LCLONE_WIRE_H
#define CRUN__LCLONE_WIRE_H

#include "lclone.h"

/* The first byte of a value. Those marked # get the next number, by which WIRE_AGAIN refers. */
enum {
    WIRE_NIL,
    WIRE_FALSE,
    WIRE_TRUE,
    WIRE_INTEGER,   /* zigzag */
    WIRE_FLOAT,     /* 8 bytes */
    WIRE_STRING,    /* size, bytes */
    WIRE_LONG,      /* # size, bytes */
    WIRE_TABLE,     /* # room; its fields follow in its turn */
    WIRE_FUNCTION,  /* # size (4 bytes), seal (8 bytes), bytecode; its upvalues follow in turn */
    WIRE_AGAIN,     /* number */
    WIRE_NAME,      /* # parts (1 byte), for each its size and bytes: module, member ... */
    WIRE_GLOBALS,   /* the table of globals */
    WIRE_CLASS,     /* # name, room: a global table, used as a metatable; fields follow in turn */
    WIRE_KNOWN,     /* # name: a global that the receiver has got */
    WIRE_REFERENCE, /* # size, bytes, for the receiver's hook */
    WIRE_VALUES,    /* up to here: values */

    WIRE_PAIRS,  /* in a table: from here on keys and values */
    WIRE_META,   /* in a table: its metatable */
    WIRE_JOIN,   /* as an upvalue: function's number, upvalue's: the same variable */
    WIRE_DEFINE, /* between objects: name, value of a global */
    WIRE_END,    /* of a table's fields; of the message */

    WIRE_SHORT = 0x40, /* + size below 64, bytes: a string */
    WIRE_SMALL = 0x80, /* + 0 to 127: an integer */

    WIRE_SHORT_SIZES = WIRE_SMALL - WIRE_SHORT,
    WIRE_SMALL_COUNT = 0x100 - WIRE_SMALL,
    WIRE_ROOM = 5, /* bytes: length of the sequence in 4, wire_class of the other fields in 1 */
    WIRE_PARTS = 3
};

/* Native numbers are sent as they are: the header says which order of bytes that is. */
static const union {
    uint16_t number;
    uint8_t first;
} wire_order = {1};

#define WIRE_MAGIC "crn"

/* The class of a count: 0 for none, then k for counts up to 2^(k-1) and above the class below. */
static inline unsigned wire_class(uint64_t count)
{
    unsigned k = count > 0;
    while (k < 31 && k > 0 && (UINT64_C(1) << (k - 1)) < count)
        k++;
    return k;
}

/* The least count of a class. */
static inline uint64_t wire_class_least(unsigned k)
{
    return k < 2 ? k : (UINT64_C(1) << (k - 2)) + 1;
}

/* --- names (lclone_names.c) ---------------------------------------------------------------- */

/*
 * Pushes the index of this state: from a value that travels by name to a string, one byte of rank
 * and then WIRE_NAME with its parts.
 */
void crun__names_push(lua_State *L);

/*
 * Makes the index anew: always if forced, else only when another set of modules is loaded than
 * when it was made. Returns whether it did.
 */
bool crun__names_refresh(lua_State *L, bool force);

/* Whether the entry on top still is the name of the value at the index. */
bool crun__name_holds(lua_State *L, int index);

/* Whether a global of that name with the value on top belongs to Lua and not to the script. */
bool crun__global_is_standard(lua_State *L, const char *name);

/* --- globals that a function uses (lclone_globals.c) --------------------------------------- */

typedef void crun__global_found(void *arg, const char *name, size_t size);

/*
 * Calls `found` for the names that a function and those inside of it look up in the table of
 * globals, some of them repeatedly, given its bytecode and which of its upvalues are that table.
 */
void crun__globals_scan(const uint8_t *code, size_t size, const bool env[255],
                        crun__global_found *found, void *arg);

#endif
