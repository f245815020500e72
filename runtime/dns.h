/*
 * SPDX-License-Identifier: MIT
 *
 * Host names to addresses, in libuv's thread pool: the system's resolver blocks.
 */
#ifndef CRUN__DNS_H
#define CRUN__DNS_H

#include <netdb.h>

#include <crun/hub.h>

typedef struct crun__lookup crun__lookup;

/*
 * Told the outcome, outside of any task: 0 and the addresses, which it must free with
 * uv_freeaddrinfo; or a code.
 */
typedef void crun__lookup_done(void *arg, int code, struct addrinfo *list);

/* Looks up the host's stream addresses. Returns: 0, and `done` will be called; or a code. */
int crun__lookup_start(crun__lookup **out, crun_hub *hub, const char *host, crun__lookup_done *done,
                       void *arg);

/*
 * `done` is not called any more. A lookup that a thread is busy with cannot be stopped: its result
 * is dropped when it comes, and the hub's end waits for it.
 */
void crun__lookup_cancel(crun__lookup *lookup);

#endif
