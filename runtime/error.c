/* SPDX-License-Identifier: MIT */
#include <crun/error.h>

#include <stddef.h>
#include <uv.h>

struct entry {
    int code;
    const char *name;
    const char *text;
};

static const struct entry table[] = {
#define ENTRY(name, value, text) {(value), #name, (text)},
    CRUN_ERRORS(ENTRY)
#undef ENTRY
};

static const struct entry libuv_table[] = {
#define ENTRY(name, text) {UV_##name, #name, (text)},
    UV_ERRNO_MAP(ENTRY)
#undef ENTRY
};

static const struct entry *find_in(const struct entry *entries, size_t n, int code)
{
    for (size_t i = 0; i < n; i++)
        if (entries[i].code == code)
            return &entries[i];
    return NULL;
}

/* Own texts come first: they speak of tasks where libuv's speak of system calls. */
static const struct entry *find(int code)
{
    const struct entry *e = find_in(table, sizeof table / sizeof *table, code);
    return e ? e : find_in(libuv_table, sizeof libuv_table / sizeof *libuv_table, code);
}

const char *crun_error_name(int code)
{
    const struct entry *e = find(code);
    return e ? e->name : "UNKNOWN";
}

const char *crun_error_text(int code)
{
    const struct entry *e = find(code);
    return e ? e->text : "unknown error";
}
