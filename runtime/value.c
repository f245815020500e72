/* SPDX-License-Identifier: MIT */
#include <crun/value.h>

#include <stdlib.h>
#include <string.h>

crun_bytes *crun_bytes_new(const void *data, size_t size)
{
    crun_bytes *b = size < SIZE_MAX - sizeof *b ? malloc(sizeof *b + size + 1) : NULL;
    if (!b)
        return NULL;
    atomic_init(&b->references, 1);
    b->size = size;
    if (size > 0)
        memcpy(b->data, data, size);
    b->data[size] = '\0';
    return b;
}

crun_bytes *crun_bytes_retain(crun_bytes *bytes)
{
    atomic_fetch_add_explicit(&bytes->references, 1, memory_order_relaxed);
    return bytes;
}

void crun_bytes_release(crun_bytes *bytes)
{
    if (atomic_fetch_sub_explicit(&bytes->references, 1, memory_order_acq_rel) == 1)
        free(bytes);
}

void crun_value_clear(crun_value *value)
{
    if (value->type == CRUN_BYTES)
        crun_bytes_release(value->as.bytes);
    *value = (crun_value){.type = CRUN_NIL};
}
