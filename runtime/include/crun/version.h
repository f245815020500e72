/*
 * SPDX-License-Identifier: MIT
 *
 * The version, stated here only: the build, the man page and the module read it from this file.
 */
#ifndef CRUN_VERSION_H
#define CRUN_VERSION_H

#include <crun/export.h>

#define CRUN_VERSION_MAJOR 0
#define CRUN_VERSION_MINOR 1
#define CRUN_VERSION_PATCH 0
#define CRUN_VERSION "0.1.0"

/* Changes whenever a host and a module built from different sources must not share a hub. */
#define CRUN_ABI 1

/*
 * The version of the libuv that is in use. Switches: never. Thread: any. Returns: a static string.
 */
CRUN_API const char *crun_libuv_version(void);

#endif
