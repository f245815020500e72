/*
 * SPDX-License-Identifier: MIT
 *
 * The orderly end of a server: core.drain. On SIGTERM it stops accepting connections, lets those
 * that it has come to their end, and only then is cancelled as any program is by SIGTERM. So a
 * server's script needs to know nothing of it.
 *
 * Process-wide, as signals are, and for the main thread's hub alone.
 */
#ifndef CRUN__LDRAIN_H
#define CRUN__LDRAIN_H

#include <stdbool.h>

/* Whether a drain has come to its end and has cancelled everything: no failure of the program. */
bool crun__drain_over(void);

#endif
