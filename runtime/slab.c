/* SPDX-License-Identifier: MIT */
#include "slab.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum slab_state {
    SLAB_UNUSED,  /* by a class; in `spare`, or in no list if its pages are untouched */
    SLAB_CURRENT, /* its class allocates from it; in no list */
    SLAB_PARTIAL, /* in its class's list */
    SLAB_FULL     /* in no list */
};

struct crun__slab {
    void *freed; /* blocks that were freed, each pointing at the next */
    char *fresh; /* the blocks from here to `end` were never handed out */
    char *end;
    uint32_t live; /* blocks handed out */
    uint16_t size; /* of a block */
    uint8_t state;
    crun__link link;
};

typedef struct segment {
    crun__link link; /* in crun__slabs.segments */
    uint64_t fresh;  /* slabs without a class and without pages, by bits */
    crun__slab slabs[CRUN__SLABS];
} segment;

/* What a class allocates from as long as it has nothing: never any room, never written to. */
static crun__slab nothing = {.state = SLAB_FULL};

#define ALL_FRESH (~(uint64_t)0)

/* Sizes above CRUN__SLAB_LARGEST are malloc's; there is room for a link behind that many bytes. */
#define LARGE_LEAST ((size_t)CRUN__SLAB_LARGEST + sizeof(void *))

/* --- the system's pages -------------------------------------------------------------------- */

static void *map(void *wish, size_t size)
{
    void *memory = mmap(wish, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Where the wish is not granted, twice the size holds what is aligned. */
static void *system_map(void *context, void *wish)
{
    (void)context;
    char *base = wish ? map(wish, CRUN__SEGMENT) : NULL;
    if (base && (uintptr_t)base % CRUN__SEGMENT == 0)
        return base;
    if (base)
        (void)munmap(base, CRUN__SEGMENT);
    size_t room = 2 * (size_t)CRUN__SEGMENT;
    base = map(NULL, room);
    if (!base)
        return NULL;
    size_t before = -(uintptr_t)base % CRUN__SEGMENT;
    if (before)
        (void)munmap(base, before);
    (void)munmap(base + before + CRUN__SEGMENT, room - before - CRUN__SEGMENT);
    return base + before;
}

static void system_unmap(void *context, void *memory)
{
    (void)context;
    (void)munmap(memory, CRUN__SEGMENT);
}

/* A refusal leaves the pages resident, which is all that can be done about it. */
static void system_drop(void *context, void *pages, size_t size)
{
    (void)context;
    uintptr_t unit = (uintptr_t)sysconf(_SC_PAGESIZE), address = (uintptr_t)pages;
    uintptr_t first = (address + unit - 1) / unit * unit;
    if (first < address + size)
        (void)madvise((void *)first, address + size - first, MADV_DONTNEED);
}

static const crun__page_source system_source = {system_map, system_unmap, system_drop, NULL};

/* --- segments ------------------------------------------------------------------------------ */

static inline segment *segment_of(const void *address)
{
    return (segment *)((uintptr_t)address & ~(uintptr_t)(CRUN__SEGMENT - 1));
}

static inline crun__slab *slab_of_block(const void *block)
{
    return &segment_of(block)->slabs[(uintptr_t)block / CRUN__SLAB % CRUN__SLABS];
}

static inline crun__slab *slab_of_link(crun__link *link)
{
    return crun__container_of(link, crun__slab, link);
}

static inline unsigned slab_index(const crun__slab *slab)
{
    return (unsigned)(slab - segment_of(slab)->slabs);
}

/* The first slab of a segment begins behind the segment's own data. */
static char *slab_start(const crun__slab *slab)
{
    unsigned index = slab_index(slab);
    size_t own = (sizeof(segment) + CRUN__SLAB_UNIT - 1) / CRUN__SLAB_UNIT * CRUN__SLAB_UNIT;
    return (char *)segment_of(slab) + (index ? (size_t)index * CRUN__SLAB : own);
}

static char *slab_limit(const crun__slab *slab)
{
    return (char *)segment_of(slab) + ((size_t)slab_index(slab) + 1) * CRUN__SLAB;
}

/*
 * Wished for below the latest one, where the system merges it into the same mapping. Its slabs are
 * zeroed, which is their state without class and list.
 */
static segment *segment_new(crun__slabs *s)
{
    segment *seg = s->source.map(s->source.context, s->wish);
    if (!seg)
        return NULL;
    s->wish = (char *)seg - CRUN__SEGMENT;
    seg->fresh = ALL_FRESH;
    crun__list_push_head(&s->segments, &seg->link);
    s->segment_count++;
    return seg;
}

static void segment_free(crun__slabs *s, segment *seg)
{
    crun__list_remove(&seg->link);
    s->segment_count--;
    s->source.unmap(s->source.context, seg);
}

/* An untouched slab. Returns: NULL without memory. */
static crun__slab *take_fresh(crun__slabs *s)
{
    segment *seg = crun__container_of(s->segments.next, segment, link);
    if (crun__list_empty(&s->segments) || !seg->fresh)
        seg = segment_new(s);
    if (!seg)
        return NULL;
    unsigned index = (unsigned)__builtin_ctzll(seg->fresh);
    seg->fresh &= seg->fresh - 1;
    if (!seg->fresh) {
        crun__list_remove(&seg->link);
        crun__list_push_tail(&s->segments, &seg->link);
    }
    return &seg->slabs[index];
}

/* Gives a spare slab's pages to the system; its segment as well if that was the last of it. */
static void release(crun__slabs *s, crun__slab *slab)
{
    segment *seg = segment_of(slab);
    crun__list_remove(&slab->link);
    s->spare_count--;
    char *start = slab_start(slab);
    s->source.drop(s->source.context, start, (size_t)(slab_limit(slab) - start));
    seg->fresh |= (uint64_t)1 << slab_index(slab);
    if (seg->fresh == ALL_FRESH) {
        segment_free(s, seg);
        return;
    }
    crun__list_remove(&seg->link);
    crun__list_push_head(&s->segments, &seg->link);
}

/* --- slabs --------------------------------------------------------------------------------- */

/* A slab without class, with pages if possible. Returns: NULL without memory. */
static crun__slab *take_slab(crun__slabs *s)
{
    crun__link *link = crun__list_pop_head(&s->spare);
    if (!link)
        return take_fresh(s);
    if (--s->spare_count < s->spare_least)
        s->spare_least = s->spare_count;
    return slab_of_link(link);
}

/*
 * Makes another slab its class's current one. Returns: NULL, and nothing changes, if there is
 * none.
 */
static crun__slab *next_current(crun__slabs *s, unsigned kind)
{
    crun__link *link = crun__list_pop_head(&s->partial[kind]);
    crun__slab *slab = link ? slab_of_link(link) : take_slab(s);
    if (!slab)
        return NULL;
    if (!link) {
        size_t size = kind * (size_t)CRUN__SLAB_UNIT;
        char *start = slab_start(slab);
        size_t room = (size_t)(slab_limit(slab) - start) / size * size;
        *slab = (crun__slab){.fresh = start, .end = start + room, .size = (uint16_t)size};
        s->slab_count++;
    }
    if (s->current[kind] != &nothing)
        s->current[kind]->state = SLAB_FULL;
    slab->state = SLAB_CURRENT;
    s->current[kind] = slab;
    return slab;
}

/* The slab, in no list, has lost its last block. */
static void retire(crun__slabs *s, crun__slab *slab)
{
    slab->state = SLAB_UNUSED;
    crun__list_push_head(&s->spare, &slab->link);
    s->spare_count++;
    s->slab_count--;
}

/* A block of a slab that was full, or its last one, has been freed. */
static void freed_first_or_last(crun__slabs *s, crun__slab *slab)
{
    if (slab->state == SLAB_CURRENT)
        return;
    if (slab->state == SLAB_PARTIAL) {
        crun__list_remove(&slab->link);
        retire(s, slab);
        return;
    }
    slab->state = SLAB_PARTIAL;
    crun__list_push_tail(&s->partial[slab->size / CRUN__SLAB_UNIT], &slab->link);
}

static inline unsigned class_of(size_t size)
{
    return (unsigned)((size + CRUN__SLAB_UNIT - 1) / CRUN__SLAB_UNIT);
}

static inline void *small_alloc(crun__slabs *s, size_t size)
{
    unsigned kind = class_of(size);
    crun__slab *slab = s->current[kind];
    if (!slab->freed && slab->fresh == slab->end) {
        slab = next_current(s, kind);
        if (!slab)
            return NULL;
    }
    void *block = slab->freed;
    if (block) {
        memcpy(&slab->freed, block, sizeof slab->freed);
    } else {
        block = slab->fresh;
        slab->fresh += slab->size;
    }
    slab->live++;
    return block;
}

static inline void small_free(crun__slabs *s, void *block)
{
    crun__slab *slab = slab_of_block(block);
    memcpy(block, &slab->freed, sizeof slab->freed);
    slab->freed = block;
    if (--slab->live == 0 || slab->state == SLAB_FULL)
        freed_first_or_last(s, slab);
}

/* --- strays: large blocks that have become small where there was no small one ---------------- */

static inline void **stray_link(void *block)
{
    return (void **)(void *)((char *)block + CRUN__SLAB_LARGEST);
}

static void stray_add(crun__slabs *s, void *block)
{
    *stray_link(block) = s->strays;
    s->strays = block;
}

/* Returns: whether the block was one; then it no longer is. */
static bool stray_remove(crun__slabs *s, const void *block)
{
    for (void **at = &s->strays; *at; at = stray_link(*at)) {
        if (*at == block) {
            *at = *stray_link(*at);
            return true;
        }
    }
    return false;
}

/* --- resizing ------------------------------------------------------------------------------ */

static size_t large_size(size_t size)
{
    return size < LARGE_LEAST ? LARGE_LEAST : size;
}

/* A block of malloc's, to any size. What cannot be shrunk stays as long as it was. */
static void *large_resize(crun__slabs *s, void *block, size_t osize, size_t nsize)
{
    if (nsize > CRUN__SLAB_LARGEST) {
        void *moved = realloc(block, large_size(nsize));
        return moved || nsize > osize ? moved : block;
    }
    void *small = nsize ? small_alloc(s, nsize) : NULL;
    if (nsize && !small) {
        stray_add(s, block);
        return block;
    }
    if (small)
        memcpy(small, block, nsize);
    free(block);
    return small;
}

/* To a stray the same, but what stays must be found again. */
static void *stray_resize(crun__slabs *s, void *block, size_t osize, size_t nsize)
{
    void *moved = large_resize(s, block, osize, nsize);
    if (!moved && nsize)
        stray_add(s, block);
    return moved;
}

static void *small_resize(crun__slabs *s, void *block, size_t osize, size_t nsize)
{
    size_t room = slab_of_block(block)->size;
    if (nsize <= room && nsize > room - CRUN__SLAB_UNIT)
        return block;
    void *moved = nsize > CRUN__SLAB_LARGEST ? malloc(large_size(nsize)) : small_alloc(s, nsize);
    if (!moved)
        return nsize <= room ? block : NULL;
    memcpy(moved, block, osize < nsize ? osize : nsize);
    small_free(s, block);
    return moved;
}

void *crun__slabs_realloc(void *slabs, void *block, size_t osize, size_t nsize)
{
    crun__slabs *s = slabs;
    if (!block) {
        if (nsize > CRUN__SLAB_LARGEST)
            return malloc(large_size(nsize));
        return nsize ? small_alloc(s, nsize) : NULL;
    }
    if (osize > CRUN__SLAB_LARGEST)
        return large_resize(s, block, osize, nsize);
    if (s->strays && stray_remove(s, block))
        return stray_resize(s, block, osize, nsize);
    if (nsize)
        return small_resize(s, block, osize, nsize);
    small_free(s, block);
    return NULL;
}

/* --- life ---------------------------------------------------------------------------------- */

void crun__slabs_init(crun__slabs *s, const crun__page_source *source)
{
    *s = (crun__slabs){.source = source ? *source : system_source};
    for (unsigned kind = 0; kind <= CRUN__SLAB_CLASSES; kind++) {
        s->current[kind] = &nothing;
        crun__list_init(&s->partial[kind]);
    }
    crun__list_init(&s->spare);
    crun__list_init(&s->segments);
}

/* Makes a class's current slab spare too if it has no block. */
static void retire_idle(crun__slabs *s)
{
    for (unsigned kind = 1; kind <= CRUN__SLAB_CLASSES; kind++) {
        crun__slab *slab = s->current[kind];
        if (slab != &nothing && slab->live == 0) {
            s->current[kind] = &nothing;
            retire(s, slab);
        }
    }
}

void crun__slabs_trim(crun__slabs *s)
{
    for (size_t count = (s->spare_least + 1) / 2; count > 0; count--)
        release(s, slab_of_link(s->spare.prev));
    retire_idle(s);
    s->spare_least = s->spare_count;
}

void crun__slabs_fini(crun__slabs *s)
{
    retire_idle(s);
    assert(s->slab_count == 0 && !s->strays);
    while (!crun__list_empty(&s->segments))
        segment_free(s, crun__container_of(s->segments.next, segment, link));
}
