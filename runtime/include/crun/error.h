/*
 * SPDX-License-Identifier: MIT
 *
 * Result codes. Every function that can fail returns a value >= 0, or one of these negative codes.
 * The values that libuv also has are libuv's own on Unix (the negated errno), so its results pass
 * through unchanged; the codes that only crun has lie below every value that libuv uses.
 */
#ifndef CRUN_ERROR_H
#define CRUN_ERROR_H

#include <errno.h>

#include <crun/export.h>

#define CRUN_ERRORS(X)                                                                             \
    X(EAGAIN, -EAGAIN, "would have to wait")                                                       \
    X(EALREADY, -EALREADY, "already done")                                                         \
    X(EBUSY, -EBUSY, "in use by another task")                                                     \
    X(ECANCELED, -ECANCELED, "the task was cancelled")                                             \
    X(EDEADLK, -EDEADLK, "would wait for ever")                                                    \
    X(EINVAL, -EINVAL, "invalid argument")                                                         \
    X(ENOMEM, -ENOMEM, "out of memory")                                                            \
    X(EPERM, -EPERM, "not permitted here")                                                         \
    X(ENOTSUP, -ENOTSUP, "not supported by this kind of object")                                   \
    X(ETIMEDOUT, -ETIMEDOUT, "timed out")                                                          \
    X(ECLOSED, -5001, "closed")                                                                    \
    X(ENOSTACK, -5002, "no room for another C stack")                                              \
    X(EBROKEN, -5003, "broken")

enum crun_error {
#define CRUN_ERROR_ENUM(name, value, text) CRUN_##name = (value),
    CRUN_ERRORS(CRUN_ERROR_ENUM)
#undef CRUN_ERROR_ENUM
};

/*
 * The name ("ETIMEDOUT") and the text ("timed out") of a negative code, libuv's included.
 * Switches: never. Thread: any. Returns: a static string; for a number that is no code, "UNKNOWN"
 * and a general text.
 */
CRUN_API const char *crun_error_name(int code);
CRUN_API const char *crun_error_text(int code);

#endif
