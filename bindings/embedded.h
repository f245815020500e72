/* SPDX-License-Identifier: MIT */
#ifndef CRUN_EMBEDDED_H
#define CRUN_EMBEDDED_H

#include <stddef.h>

/*
 * The Lua faces, carried inside the program so that it runs from any folder and uninstalled. The
 * build generates the table from lua/crun/: `name` is the module's name as `require` takes it
 * ("crun", "crun.net"), `data` its source text of `size` bytes. A NULL name ends the table.
 */
struct crun__embedded {
    const char *name;
    const char *chunk; /* its name in messages, "@crun/net.lua" */
    const char *data;
    size_t size;
};

extern const struct crun__embedded crun__embedded[];

#endif
