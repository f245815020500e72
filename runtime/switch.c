/* SPDX-License-Identifier: MIT */
#include "switch.h"

#if CRUN__TSAN
#include <setjmp.h>
#endif

#if CRUN__VALGRIND
#include <valgrind/valgrind.h>
#endif
#if CRUN__ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#endif

#define STACK_ALIGN ((size_t)16)

static void init_common(crun__context *ctx, char *lo, size_t size)
{
    *ctx = (crun__context){.lo = lo, .size = size};
}

#if CRUN__ASAN

/* The first code on a fresh stack. A frame of its own in ASan's fake stack would be taken before
 * ASan knows of the switch, hence not instrumented. */
__attribute__((no_sanitize_address)) static void asan_start(void *arg)
{
    crun__context *ctx = arg;
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    ctx->asan_entry(ctx->asan_arg);
}

static void asan_init_thread(crun__context *ctx)
{
    pthread_attr_t attr;
    void *lo = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        (void)pthread_attr_getstack(&attr, &lo, &size); /* fails only for an invalid attr */
        (void)pthread_attr_destroy(&attr);
    }
    ctx->asan_lo = lo;
    ctx->asan_size = size;
}

/* A stack that is used again may carry the poison of frames that were dropped, not returned. */
static void asan_init(crun__context *ctx, void (*entry)(void *), void *arg)
{
    __asan_unpoison_memory_region(ctx->lo, ctx->size);
    ctx->asan_lo = ctx->lo;
    ctx->asan_size = ctx->size;
    ctx->asan_entry = entry;
    ctx->asan_arg = arg;
}

/* ASan frees a fake stack only on a switch away that saves nothing; so this pretends to go to the
 * dead context and to leave it that way. Nothing may be instrumented in between. */
__attribute__((no_sanitize_address)) static void asan_fini(crun__context *ctx)
{
    void *own_fake_stack;
    const void *own_lo;
    size_t own_size;
    __sanitizer_start_switch_fiber(&own_fake_stack, ctx->asan_lo, ctx->asan_size);
    __sanitizer_finish_switch_fiber(ctx->asan_fake_stack, &own_lo, &own_size);
    __sanitizer_start_switch_fiber(NULL, own_lo, own_size);
    __sanitizer_finish_switch_fiber(own_fake_stack, NULL, NULL);
    __asan_unpoison_memory_region(ctx->lo, ctx->size);
}

#endif

#if CRUN__TSAN

/*
 * TSan keeps a call stack of its own and follows longjmp, but not the variant that a Lua built
 * with _FORTIFY_SOURCE calls: each error or yield would leave a frame there until it overflows.
 */
_Noreturn void __longjmp_chk(struct __jmp_buf_tag buffer[1], int value);

__attribute__((visibility("default"))) void __longjmp_chk(struct __jmp_buf_tag buffer[1], int value)
{
    longjmp(buffer, value);
}

#endif

void crun__context_init_thread(crun__context *ctx)
{
    init_common(ctx, NULL, 0);
#if CRUN__ASAN
    asan_init_thread(ctx);
#endif
#if CRUN__TSAN
    ctx->tsan_fiber = __tsan_get_current_fiber();
#endif
}

void crun__context_init(crun__context *ctx, char *lo, size_t size, void (*entry)(void *), void *arg)
{
    init_common(ctx, lo, size);
#if CRUN__VALGRIND
    ctx->valgrind_id = VALGRIND_STACK_REGISTER(lo, lo + size);
#endif
#if CRUN__ASAN
    asan_init(ctx, entry, arg);
    entry = asan_start;
    arg = ctx;
#endif
#if CRUN__TSAN
    ctx->tsan_fiber = __tsan_create_fiber(0);
#endif
    ctx->sp = crun__switch_prepare(lo, lo + (size & ~(STACK_ALIGN - 1)), entry, arg);
}

void crun__context_fini(crun__context *ctx)
{
    if (ctx->size == 0) {
        return; /* the thread's own stack: nothing was registered */
    }
#if CRUN__VALGRIND
    VALGRIND_STACK_DEREGISTER(ctx->valgrind_id);
#endif
#if CRUN__ASAN
    asan_fini(ctx);
#endif
#if CRUN__TSAN
    __tsan_destroy_fiber(ctx->tsan_fiber);
#endif
    init_common(ctx, NULL, 0);
}
