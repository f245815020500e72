/* SPDX-License-Identifier: MIT */
#include "../../runtime/switch.h"

#include <pthread.h>
#include <stdint.h>

#if defined(__GLIBC__) && !CRUN__ASAN && !CRUN__TSAN
#include <execinfo.h>
#define HAS_BACKTRACE 1
#else
#define HAS_BACKTRACE 0
#endif

#include "test.h"

#define STACK_SIZE ((size_t)256 * 1024)

/* TSan has room for some 8,000 fibres and needs megabytes for each. */
#if CRUN__TSAN
#define MANY 200
#elif CRUN__ASAN
#define MANY 2000
#else
#define MANY 10000
#endif

struct fibre {
    crun__context context;
    crun__context *back; // whom to yield to
    char *memory;
    void (*body)(struct fibre *self);
    intptr_t value;
    bool over;
};

static void yield(struct fibre *self)
{
    crun__context_switch(&self->context, self->back);
}

static void resume(struct fibre *fibre)
{
    crun__context_switch(fibre->back, &fibre->context);
}

static void run_fibre(void *arg)
{
    struct fibre *self = arg;
    self->body(self);
    self->over = true;
    yield(self);
    abort(); /* a fibre that is over must never be resumed */
}

static void open_fibre(struct fibre *fibre, crun__context *back, size_t size,
                       void (*body)(struct fibre *self))
{
    *fibre = (struct fibre){.back = back, .body = body};
    fibre->memory = aligned_alloc(64, size);
    if (fibre->memory == NULL) {
        abort();
    }
    crun__context_init(&fibre->context, fibre->memory, size, run_fibre, fibre);
}

static void close_fibre(struct fibre *fibre)
{
    crun__context_fini(&fibre->context);
    free(fibre->memory);
}

static void count_to_three(struct fibre *self)
{
    for (int i = 1; i <= 3; i++) {
        self->value = i;
        yield(self);
    }
}

TEST(a_context_runs_where_it_left_off)
{
    crun__context own;
    struct fibre fibre;
    crun__context_init_thread(&own);
    open_fibre(&fibre, &own, STACK_SIZE, count_to_three);
    for (int i = 1; i <= 3; i++) {
        resume(&fibre);
        CHECK_EQ_INT(fibre.value, i);
        CHECK(!fibre.over);
    }
    resume(&fibre);
    CHECK(fibre.over);
    close_fibre(&fibre);
    crun__context_fini(&own);
}

static void note_alignment(struct fibre *self)
{
    _Alignas(16) volatile char local[16];
    local[0] = 0;
    self->value = (intptr_t)((uintptr_t)local % 16) + local[0];
    /* printf of a double uses aligned vector stores where the ABI promises alignment */
    char text[32];
    (void)snprintf(text, sizeof text, "%.3f", 1.5 + (double)self->value);
    self->value += strcmp(text, "1.500") != 0;
}

TEST(a_fresh_stack_is_aligned_as_the_abi_demands)
{
    crun__context own;
    struct fibre fibre;
    crun__context_init_thread(&own);
    for (size_t odd = 0; odd < 64; odd += 8) {
        fibre = (struct fibre){.back = &own, .body = note_alignment};
        fibre.memory = aligned_alloc(64, STACK_SIZE);
        REQUIRE(fibre.memory != NULL);
        crun__context_init(&fibre.context, fibre.memory, STACK_SIZE - odd, run_fibre, &fibre);
        resume(&fibre);
        CHECK(fibre.over);
        CHECK_EQ_INT(fibre.value, 0);
        close_fibre(&fibre);
    }
}

/* Keeps ten values of each kind alive over a switch: more than there are preserved registers,
 * so every one of them holds one, or a stack slot does. */
static void hold_registers(struct fibre *self)
{
    volatile intptr_t seed = self->value;
    intptr_t a = seed + 1, b = seed + 2, c = seed + 3, d = seed + 4, e = seed + 5, g = seed + 6,
             h = seed + 7, i = seed + 8, j = seed + 9, k = seed + 10;
    double p = (double)seed + 0.25, q = p + 1, r = p + 2, s = p + 3, t = p + 4, u = p + 5,
           v = p + 6, w = p + 7, x = p + 8, y = p + 9;
    for (int round = 0; round < 4; round++) {
        yield(self);
        intptr_t n[] = {a, b, c, d, e, g, h, i, j, k};
        double f[] = {p, q, r, s, t, u, v, w, x, y};
        for (int m = 0; m < 10; m++) {
            CHECK_EQ_INT(n[m], seed + 1 + m + round * 16);
            CHECK(f[m] == (double)seed + 0.25 + m + round * 16);
        }
        a += 16, b += 16, c += 16, d += 16, e += 16, g += 16, h += 16, i += 16, j += 16, k += 16;
        p += 16, q += 16, r += 16, s += 16, t += 16, u += 16, v += 16, w += 16, x += 16, y += 16;
    }
}

TEST(compilers_find_their_registers_again)
{
    crun__context own;
    struct fibre fibres[3];
    int over = 0;
    crun__context_init_thread(&own);
    for (int i = 0; i < 3; i++) {
        open_fibre(&fibres[i], &own, STACK_SIZE, hold_registers);
        fibres[i].value = 1000 * i;
    }
    while (over < 3) {
        over = 0;
        for (int i = 0; i < 3; i++) {
            resume(&fibres[i]);
            over += fibres[i].over;
        }
    }
    for (int i = 0; i < 3; i++) {
        close_fibre(&fibres[i]);
    }
}

/* The instrumented builds' switch does the same with calls around it, which this would miss out. */
#if !CRUN__ASAN && !CRUN__TSAN && defined(__x86_64__)
#define HAS_PATTERN 1

/* Switches with a known value in every preserved register, and returns whether all came back. The
 * frame pointer cannot be an operand without optimization, so it is handled inside. */
static bool switch_with_pattern(crun__context *from, crun__context *to, uint64_t n)
{
    register uint64_t rbx __asm__("rbx") = n;
    register uint64_t r12 __asm__("r12") = n + 2;
    register uint64_t r13 __asm__("r13") = n + 3;
    register uint64_t r14 __asm__("r14") = n + 4;
    register uint64_t r15 __asm__("r15") = n + 5;
    register void *save __asm__("rdi") = &from->sp;
    register void *next __asm__("rsi") = to->sp;
    uint64_t frame;
    __asm__ volatile("movq %%rsp, %%rax\n\t"
                     "leaq -128(%%rsp), %%rsp\n\t" /* over the red zone */
                     "andq $-16, %%rsp\n\t"
                     "pushq %%rax\n\t"
                     "pushq %%rbp\n\t"
                     "leaq 1(%%rbx), %%rbp\n\t"
                     "callq crun__switch\n\t"
                     "movq %%rbp, %%rax\n\t"
                     "popq %%rbp\n\t"
                     "popq %%rsp"
                     : "=&a"(frame), "+r"(rbx), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15),
                       "+r"(save), "+r"(next)
                     :
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3",
                       "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                       "xmm13", "xmm14", "xmm15", "memory", "cc");
    return rbx == n && frame == n + 1 && r12 == n + 2 && r13 == n + 3 && r14 == n + 4 &&
           r15 == n + 5;
}

#elif !CRUN__ASAN && !CRUN__TSAN && defined(__aarch64__)
#define HAS_PATTERN 1

static bool switch_with_pattern(crun__context *from, crun__context *to, uint64_t n)
{
    uint64_t x[11]; /* x19 to x29 */
    double d[8];    /* d8 to d15 */
    for (int i = 0; i < 11; i++) {
        x[i] = n + (uint64_t)i;
    }
    for (int i = 0; i < 8; i++) {
        d[i] = (double)n + 0.5 + i;
    }
    register uint64_t *xs __asm__("x9") = x;
    register double *ds __asm__("x10") = d;
    register void *save __asm__("x0") = &from->sp;
    register void *next __asm__("x1") = to->sp;
    __asm__ volatile("stp x29, x30, [sp, #-32]!\n\t"
                     "stp x9, x10, [sp, #16]\n\t"
                     "ldp x19, x20, [x9]\n\t"
                     "ldp x21, x22, [x9, #16]\n\t"
                     "ldp x23, x24, [x9, #32]\n\t"
                     "ldp x25, x26, [x9, #48]\n\t"
                     "ldp x27, x28, [x9, #64]\n\t"
                     "ldr x29, [x9, #80]\n\t"
                     "ldp d8, d9, [x10]\n\t"
                     "ldp d10, d11, [x10, #16]\n\t"
                     "ldp d12, d13, [x10, #32]\n\t"
                     "ldp d14, d15, [x10, #48]\n\t"
                     "bl crun__switch\n\t"
                     "ldp x9, x10, [sp, #16]\n\t"
                     "stp x19, x20, [x9]\n\t"
                     "stp x21, x22, [x9, #16]\n\t"
                     "stp x23, x24, [x9, #32]\n\t"
                     "stp x25, x26, [x9, #48]\n\t"
                     "stp x27, x28, [x9, #64]\n\t"
                     "str x29, [x9, #80]\n\t"
                     "stp d8, d9, [x10]\n\t"
                     "stp d10, d11, [x10, #16]\n\t"
                     "stp d12, d13, [x10, #32]\n\t"
                     "stp d14, d15, [x10, #48]\n\t"
                     "ldp x29, x30, [sp], #32"
                     : "+r"(save), "+r"(next), "+r"(xs), "+r"(ds)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x11", "x12", "x13", "x14", "x15",
                       "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
                       "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8",
                       "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",
                       "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30",
                       "v31", "memory", "cc");
    for (int i = 0; i < 11; i++) {
        if (x[i] != n + (uint64_t)i) {
            return false;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (d[i] != (double)n + 0.5 + i) {
            return false;
        }
    }
    return true;
}

#else
#define HAS_PATTERN 0
#endif

#if HAS_PATTERN
static void patterned(struct fibre *self)
{
    for (uint64_t i = 0; i < 5; i++) {
        CHECK(switch_with_pattern(&self->context, self->back, 0x1111111111111111u * i));
    }
}

TEST(every_preserved_register_is_preserved)
{
    crun__context own;
    struct fibre fibre;
    crun__context_init_thread(&own);
    open_fibre(&fibre, &own, STACK_SIZE, patterned);
    for (uint64_t i = 0; i < 5; i++) {
        CHECK(switch_with_pattern(&own, &fibre.context, 0xfedcba9876543210u + i));
    }
    resume(&fibre);
    CHECK(fibre.over);
    close_fibre(&fibre);
}
#endif

static int depth(struct fibre *self, int n)
{
    volatile char ballast[512];
    ballast[n % 512] = 1;
    if (n == 0) {
        yield(self);
        return 0;
    }
    return depth(self, n - 1) + ballast[n % 512];
}

static void go_deep(struct fibre *self)
{
    self->value = depth(self, 1000);
    self->value += depth(self, 1000);
}

TEST(a_context_may_wait_at_any_depth)
{
    crun__context own;
    struct fibre fibres[2];
    crun__context_init_thread(&own);
    for (int i = 0; i < 2; i++) {
        open_fibre(&fibres[i], &own, 8 * STACK_SIZE, go_deep);
    }
    for (int round = 0; round < 3; round++) {
        resume(&fibres[0]);
        resume(&fibres[1]);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(fibres[i].over);
        CHECK_EQ_INT(fibres[i].value, 2000);
        close_fibre(&fibres[i]);
    }
}

/* Hands on to the next of a ring, without a trip through the thread's own stack. */
static void ring(struct fibre *self)
{
    struct fibre *next = (struct fibre *)self->value;
    for (;;) {
        crun__context_switch(&self->context, &next->context);
        self->body = NULL; /* marks that the second lap came by */
    }
}

static void ring_end(struct fibre *self)
{
    for (;;) {
        yield(self);
        struct fibre *first = (struct fibre *)self->value;
        crun__context_switch(&self->context, &first->context);
    }
}

TEST(thousands_of_contexts_switch_to_each_other_directly)
{
    crun__context own;
    struct fibre *fibres = calloc(MANY, sizeof *fibres);
    int reached = 0;
    REQUIRE(fibres != NULL);
    crun__context_init_thread(&own);
    for (int i = 0; i < MANY; i++) {
        open_fibre(&fibres[i], &own, 16384, i == MANY - 1 ? ring_end : ring);
        fibres[i].value = (intptr_t)&fibres[(i + 1) % MANY];
    }
    resume(&fibres[0]);
    resume(&fibres[MANY - 1]);
    for (int i = 0; i < MANY - 1; i++) {
        reached += fibres[i].body == NULL;
    }
    CHECK_EQ_INT(reached, MANY - 1);
    for (int i = 0; i < MANY; i++) {
        close_fibre(&fibres[i]);
    }
    free(fibres);
}

static void count_and_leave(struct fibre *self)
{
    self->value++;
    yield(self);
}

/* Frames that are dropped leave poison behind under ASan; a fresh context must not trip over it. */
static void leave_frames(struct fibre *self)
{
    volatile char a[64], b[64];
    for (int i = 0; i < 64; i++) {
        a[i] = (char)i;
        b[63 - i] = a[i];
    }
    self->value += b[0] == 63;
    yield(self);
}

TEST(a_stack_can_be_used_again_after_fini)
{
    crun__context own;
    struct fibre fibre;
    crun__context_init_thread(&own);
    open_fibre(&fibre, &own, STACK_SIZE, leave_frames);
    for (int i = 0; i < 100; i++) {
        resume(&fibre);
        CHECK_EQ_INT(fibre.value, i + 1);
        crun__context_fini(&fibre.context);
        fibre.body = i % 2 == 0 ? leave_frames : count_and_leave;
        crun__context_init(&fibre.context, fibre.memory, STACK_SIZE, run_fibre, &fibre);
    }
    close_fibre(&fibre); /* initialized, never run */
}

#if HAS_BACKTRACE
/* The walk must end at the fresh context's first function, and must have seen its callers. */
__attribute__((noinline)) static void walk(struct fibre *self)
{
    void *frames[64];
    self->value = backtrace(frames, 64);
    yield(self);
}

__attribute__((noinline)) static void walk_from_below(struct fibre *self)
{
    walk(self);
    self->value++; /* not a tail call */
}

TEST(a_backtrace_ends_where_the_context_began)
{
    crun__context own;
    struct fibre fibre;
    crun__context_init_thread(&own);
    open_fibre(&fibre, &own, STACK_SIZE, walk_from_below);
    resume(&fibre);
    /* walk, walk_from_below, run_fibre, and at most two of the switch's own */
    CHECK(fibre.value >= 3);
    CHECK(fibre.value <= 5);
    resume(&fibre);
    CHECK(fibre.over);
    close_fibre(&fibre);
}
#endif

static void *in_thread(void *arg)
{
    crun__context own;
    struct fibre fibre;
    crun__context_init_thread(&own);
    open_fibre(&fibre, &own, STACK_SIZE, count_to_three);
    for (int i = 0; i < 3; i++) {
        resume(&fibre);
        *(intptr_t *)arg += fibre.value;
    }
    close_fibre(&fibre);
    crun__context_fini(&own);
    return NULL;
}

TEST(each_thread_has_contexts_of_its_own)
{
    pthread_t threads[2];
    intptr_t sums[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, in_thread, &sums[i]) == 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_INT(pthread_join(threads[i], NULL), 0);
        CHECK_EQ_INT(sums[i], 6);
    }
}

TEST_MAIN
