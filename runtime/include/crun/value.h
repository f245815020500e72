/*
 * SPDX-License-Identifier: MIT
 *
 * Values that travel through channels: what every host language understands, in 16 bytes.
 */
#ifndef CRUN_VALUE_H
#define CRUN_VALUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crun/export.h>

typedef enum crun_value_type {
    CRUN_NIL,
    CRUN_BOOLEAN,
    CRUN_INTEGER,
    CRUN_NUMBER,
    CRUN_POINTER, /* an address that the parties agree on; nobody frees it */
    CRUN_BYTES,
    CRUN_HOST /* internal to the host language that owns the channel */
} crun_value_type;

/* An immutable, counted string of bytes. The count is atomic: bytes may cross threads. */
typedef struct crun_bytes {
    atomic_size_t references;
    size_t size;
    char data[]; /* followed by a zero byte that size does not count */
} crun_bytes;

typedef struct crun_value {
    crun_value_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        void *pointer;
        crun_bytes *bytes; /* the value owns one reference */
    } as;
} crun_value;

/* A copy of `size` bytes with one reference, or NULL without memory. Thread: any, for all three. */
CRUN_API crun_bytes *crun_bytes_new(const void *data, size_t size);
CRUN_API crun_bytes *crun_bytes_retain(crun_bytes *bytes);
CRUN_API void crun_bytes_release(crun_bytes *bytes);

/* Gives up what the value owns, and makes it nil. */
CRUN_API void crun_value_clear(crun_value *value);

#endif
