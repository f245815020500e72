/*
 * SPDX-License-Identifier: MIT
 *
 * A message in the making. Objects are numbered in the order in which they are met, and each gives
 * its contents in that order: nothing nests, however deep the values do.
 */
#ifndef CRUN__LCLONE_ENCODE_H
#define CRUN__LCLONE_ENCODE_H

#include <string.h>

#include "lclone_wire.h"

/* Who was looking at a value: an object's number, 0 for the arguments, or a global that is sent. */
enum { FROM_GLOBAL = 1U << 31 };

typedef struct message_slot {
    const void *pointer; /* NULL: free */
    uint32_t id;
    uint32_t upvalue; /* of function `id`, from 1; 0: the object itself */
} message_slot;

typedef struct message_object {
    uint32_t from; /* who met it first */
    bool has_fields;
    size_t room_at; /* of a table: where its WIRE_ROOM is */
} message_object;

/* A string that stays where it is. */
typedef struct message_long {
    size_t at; /* behind so many of the bytes */
    uint32_t id;
    const char *text;
    size_t size;
} message_long;

struct crun__message {
    uint8_t *bytes;
    size_t used, room;
    message_slot *slots; /* from addresses to numbers: a power of two of them */
    uint32_t slot_room, slots_used;
    message_object *objects; /* from 1 */
    uint32_t count, object_room;
    message_long *longs;
    uint32_t long_count, long_room;
    size_t long_size;
    bool busy;
    /* While it is made: */
    lua_State *L;
    const crun__clone *options;
    const void *globals;
    int list;    /* on the stack: the objects by number, which also keeps them */
    int names;   /* the index of names */
    int wanted;  /* globals: by number the name, by name true, by -number the function */
    int classes; /* global tables -> name; nil: not looked for yet */
    int first, values;
    uint32_t from;
    uint32_t wanted_count;
    bool fresh;  /* the index of names is known to have all modules */
    bool forced; /* it has been made anew for this message */
    bool again;  /* it was, just now: what has been done so far is void */
};

/* --- bytes --------------------------------------------------------------------------------- */

/* Makes room for so many bytes more. */
void crun__message_grow(crun__message *m, size_t size);

/* Room for so many bytes more. */
static inline uint8_t *reserve(crun__message *m, size_t size)
{
    if (m->room - m->used < size)
        crun__message_grow(m, size);
    return m->bytes + m->used;
}

static inline void put_byte(crun__message *m, unsigned byte)
{
    *reserve(m, 1) = (uint8_t)byte;
    m->used++;
}

static inline void put_bytes(crun__message *m, const void *bytes, size_t size)
{
    if (size > 0) /* memcpy may not be given NULL even for nothing */
        memcpy(reserve(m, size), bytes, size);
    m->used += size;
}

static inline void put_count(crun__message *m, uint64_t n)
{
    uint8_t *at = reserve(m, 10);
    for (; n > 0x7f; n >>= 7)
        *at++ = (uint8_t)(n | 0x80);
    *at++ = (uint8_t)n;
    m->used = (size_t)(at - m->bytes);
}

static inline void put_sized(crun__message *m, const void *bytes, size_t size)
{
    put_count(m, size);
    put_bytes(m, bytes, size);
}

/* --- numbers of objects -------------------------------------------------------------------- */

static inline uint32_t slot_of(const crun__message *m, const void *pointer)
{
    uint64_t x = (uint64_t)(uintptr_t)pointer * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(x >> 32) & (m->slot_room - 1);
}

/* The slot of an address; one that is free if it has none. */
static inline message_slot *find(const crun__message *m, const void *pointer)
{
    uint32_t i = slot_of(m, pointer);
    while (m->slots[i].pointer && m->slots[i].pointer != pointer)
        i = (i + 1) & (m->slot_room - 1);
    return &m->slots[i];
}

/* Enters an address; half of the slots stay free. */
void crun__message_enter(crun__message *m, const void *pointer, uint32_t id, uint32_t upvalue);

/* Gives the value on top a number; NULL: its address says nothing. */
message_object *crun__message_object(crun__message *m, const void *pointer, bool has_fields);

/* Puts a string that is not copied, the last object. */
void crun__message_long(crun__message *m, const char *text, size_t size);

/* --- parts of the encoder ------------------------------------------------------------------ */

/* Puts the whole message; in vain if m->again is set then. */
void crun__clone_put_message(crun__message *m);

/* Puts the bytecode of the function on top, the last object; notes the globals that it uses. */
void crun__clone_put_code(crun__message *m);

/* Puts the metatable on top by the name of the global that it is. */
bool crun__clone_put_class(crun__message *m, const void *pointer);

/* Gives the table on top a number and leaves room for its size. */
void crun__clone_put_room(crun__message *m, const void *pointer);

/* Raises that the value on top cannot be sent, with the path to it. */
_Noreturn void crun__clone_refuse(crun__message *m);

#endif
