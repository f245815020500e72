/*
 * SPDX-License-Identifier: MIT
 *
 * Structured clone: Lua values as a message, and a message as values of another state.
 *
 * Nothing here needs a hub, and neither side calls Lua code, except that decoding a value that
 * travels by a module's name requires that module. docs/clone.md says what travels and how; the
 * format of messages is there, too.
 */
#ifndef CRUN__LCLONE_H
#define CRUN__LCLONE_H

#include <lauxlib.h>
#include <lua.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CRUN__CLONE_VERSION = 1,
    CRUN__CLONE_HEADER = 12, /* bytes at the start of a message, from which its size is known */
    CRUN__CLONE_LONG = 128,  /* bytes from which a string is an object of its message */
    CRUN__CLONE_KEY = 16
};

/* How a message is made or read; zeroed: as crun.core.encode and decode do it. */
typedef struct crun__clone {
    const char *root;  /* error texts call the values root[1] ...; NULL: "args" */
    const char *first; /* what they call the first value, "target"; root[1] is then the second */
    const char *to;    /* ends an error text: "to a process"; NULL: nothing */
    /*
     * Sending by reference. Called with a full userdata on top that no module has: true when it
     * has pushed a string that stands for it, false when it has pushed nothing.
     */
    bool (*refer)(lua_State *L, void *context);
    /* The other end: gets such a string on top; true when it has pushed the object. */
    bool (*resolve)(lua_State *L, void *context);
    void *context;
    /*
     * Absolute index of a table whose keys are the names of globals that the receiver has got
     * already, each with true; those sent are added. 0: it has got none.
     */
    int known;
} crun__clone;

/* A message made; a userdata, so that it goes away with an error, too. */
typedef struct crun__message crun__message;

/*
 * Makes a message of `count` values from index `first` on and pushes it. Raises an error that says
 * where in the values something is that cannot be sent; `options` may be NULL.
 */
crun__message *crun__clone_encode(lua_State *L, int first, int count, const crun__clone *options);

/*
 * Its bytes, piece by piece: 0, 1 ... until it gives false. Pieces stay as long as the message does
 * and is not released. A long string is a piece by itself, in the place where Lua has it.
 */
bool crun__message_piece(crun__message *message, size_t number, const char **bytes, size_t *size);

/* Pushes all bytes of the message at the index as a string, of which no other copy is made. */
void crun__message_string(lua_State *L, int index);

/*
 * The message at the index, which was made with that `known`, is not sent: the globals in it are
 * not among those any more.
 */
void crun__message_unsent(lua_State *L, int index, int known);

/* Forgets what it holds; its memory is used by the next message of this state. */
void crun__message_release(lua_State *L, int index);

/*
 * The size of the message that starts with these CRUN__CLONE_HEADER bytes, or 0 if no message of
 * this version and machine starts like that.
 */
uint64_t crun__clone_size(const char *header);

/* Pushes the values of a message; returns how many. Raises "bad message: ..." for anything else. */
int crun__clone_decode(lua_State *L, const char *bytes, size_t size, const crun__clone *options);

/*
 * Shortcuts for messages of nothing but nils, booleans, numbers and short strings. The first writes
 * the message of such values: returns its size, or 0 if there are others, or no room for it. The
 * second pushes the values of such a message: returns how many, or -1 for every other message, and
 * for what is none. It raises only where there is no memory.
 */
size_t crun__clone_flat(lua_State *L, int first, int count, char *bytes, size_t room);
int crun__clone_push_flat(lua_State *L, const char *bytes, size_t size);

/*
 * The key that seals the bytecode in messages of this process; made of random bytes when first
 * needed. A child that is to exchange functions with its parent must be given the parent's before
 * any message is made or read.
 */
const uint8_t *crun__clone_key(void);
void crun__clone_set_key(const uint8_t key[CRUN__CLONE_KEY]);

/* SipHash-2-4 of the bytes. */
uint64_t crun__siphash(const uint8_t key[CRUN__CLONE_KEY], const void *bytes, size_t size);

/* Whether the seal is that of the bytes under this process's key. */
bool crun__clone_sealed(const void *bytes, size_t size, uint64_t seal);

#endif
