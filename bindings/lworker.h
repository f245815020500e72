/*
 * SPDX-License-Identifier: MIT
 *
 * What a process and the worker processes that it starts have to agree on.
 *
 * A worker is the `crun` program with the hidden option --worker. Its port to the parent is
 * descriptor 3, a stream socket. Before the port's framing begins, the parent writes a greeting
 * there: who it is, and the key that seals bytecode, which so is in no argument and no variable of
 * the environment.
 */
#ifndef CRUN__LWORKER_H
#define CRUN__LWORKER_H

#include <stdint.h>

#include "lclone.h"

enum {
    CRUN__WORKER_PORT = 3,     /* the descriptor */
    CRUN__WORKER_PROTOCOL = 1, /* of what follows the greeting */
    CRUN__GREETING_VERSION = 24
};

/* All versions have the fields up to `version` in these places, so that each can name the other. */
typedef struct crun__greeting {
    char magic[8];
    uint32_t size;
    uint32_t protocol;
    char version[CRUN__GREETING_VERSION]; /* CRUN_VERSION, filled up with zeros */
    uint32_t abi;
    uint32_t clone;
    uint32_t lua;
    int32_t parent; /* its process id */
    uint8_t key[CRUN__CLONE_KEY];
} crun__greeting;

/* What this process says to its workers, but for the key. */
crun__greeting crun__greeting_plain(void);

/* This process is the `crun` program: what starts itself again starts a worker. */
void crun__worker_set_program(void);

/* This process is a worker of that name, which must stay. Before any state is opened. */
void crun__worker_set_name(const char *name);

/* NULL: it is nobody's worker. */
const char *crun__worker_name(void);

#endif
