/* SPDX-License-Identifier: MIT */

/*
 * The switch for AArch64, AAPCS64. A parked stack looks like this from its saved pointer up:
 *
 *      0 x29 x30    16 x19 x20    32 x21 x22    48 x23 x24    64 x25 x26    80 x27 x28
 *     96 d8 d9     112 d10 d11   128 d12 d13   144 d14 d15
 *
 * Both ends of a switch have the same frame, so the unwind rules hold on either side of the moment
 * the stack pointer changes. FPCR is not saved: see switch.h.
 *
 * With pointer authentication on, return addresses are signed against the stack pointer on entry,
 * which is what it is again when the parked context goes on.
 */

#if defined(__aarch64__) && defined(__LP64__) && !defined(CRUN_SWITCH_UCONTEXT)

/* The numbers of hint space, so that older assemblers and processors accept them as no-ops. */
#define BTI_C   hint 34
#define PACIASP hint 25
#define PACIBSP hint 27
#define AUTIASP hint 29
#define AUTIBSP hint 31
#define PACIA1716 hint 8
#define PACIB1716 hint 10

#if defined(__ARM_FEATURE_BTI_DEFAULT) && __ARM_FEATURE_BTI_DEFAULT == 1
#define PROPERTY_BTI 1
#else
#define PROPERTY_BTI 0
#endif

#if defined(__ARM_FEATURE_PAC_DEFAULT) && __ARM_FEATURE_PAC_DEFAULT
#define PROPERTY_PAC 2
#else
#define PROPERTY_PAC 0
#endif

/* Signing counts as a landing pad. */
        .macro  enter
#if PROPERTY_PAC && (__ARM_FEATURE_PAC_DEFAULT & 2)
        PACIBSP
        .cfi_negate_ra_state
#elif PROPERTY_PAC
        PACIASP
        .cfi_negate_ra_state
#elif PROPERTY_BTI
        BTI_C
#endif
        .endm

        .macro  leave
#if PROPERTY_PAC && (__ARM_FEATURE_PAC_DEFAULT & 2)
        AUTIBSP
        .cfi_negate_ra_state
#elif PROPERTY_PAC
        AUTIASP
        .cfi_negate_ra_state
#endif
        ret
        .endm

/* Signs the return address in x17 for the stack pointer in x16. */
        .macro  sign_x17
#if PROPERTY_PAC && (__ARM_FEATURE_PAC_DEFAULT & 2)
        PACIB1716
#elif PROPERTY_PAC
        PACIA1716
#endif
        .endm

        .macro  save a, b, offset
        stp     \a, \b, [sp, #\offset]
        .cfi_rel_offset \a, \offset
        .cfi_rel_offset \b, \offset + 8
        .endm

        .macro  restore a, b, offset
        ldp     \a, \b, [sp, #\offset]
        .cfi_restore \a
        .cfi_restore \b
        .endm

        .text

        .globl  crun__switch
        .hidden crun__switch
        .type   crun__switch, %function
        .p2align 5
crun__switch:
        .cfi_startproc
#if PROPERTY_PAC && (__ARM_FEATURE_PAC_DEFAULT & 2)
        .cfi_b_key_frame
#endif
        enter
        stp     x29, x30, [sp, #-160]!
        .cfi_def_cfa_offset 160
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        save    x19, x20, 16
        save    x21, x22, 32
        save    x23, x24, 48
        save    x25, x26, 64
        save    x27, x28, 80
        save    d8, d9, 96
        save    d10, d11, 112
        save    d12, d13, 128
        save    d14, d15, 144
        mov     x2, sp
        str     x2, [x0]
        mov     sp, x1
        restore x19, x20, 16
        restore x21, x22, 32
        restore x23, x24, 48
        restore x25, x26, 64
        restore x27, x28, 80
        restore d8, d9, 96
        restore d10, d11, 112
        restore d12, d13, 128
        restore d14, d15, 144
        ldp     x29, x30, [sp], #160
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        leave
        .cfi_endproc
        .size   crun__switch, .-crun__switch

/*
 * Where a fresh stack's first switch returns to: entry in x19, its argument in x20, x29 0 to end
 * frame-pointer walks. The undefined return address ends every unwind here. The nop belongs to the
 * function because unwinders look up the instruction before a return address.
 */
        .type   crun__switch_start, %function
        .p2align 4
crun__switch_start:
        .cfi_startproc
        .cfi_undefined x30
        nop
.Lfirst:
        mov     x0, x20
        blr     x19
        brk     #1
        .cfi_endproc
        .size   crun__switch_start, .-crun__switch_start

/* void *crun__switch_prepare(char *lo, char *top, void (*entry)(void *), void *arg) */
        .globl  crun__switch_prepare
        .hidden crun__switch_prepare
        .type   crun__switch_prepare, %function
        .p2align 4
crun__switch_prepare:
        .cfi_startproc
#if PROPERTY_BTI
        BTI_C
#endif
        mov     x16, x1
        adrp    x17, .Lfirst
        add     x17, x17, :lo12:.Lfirst
        sign_x17
        sub     x0, x1, #160
        stp     xzr, x17, [x0]
        stp     x2, x3, [x0, #16]
        stp     xzr, xzr, [x0, #32]
        stp     xzr, xzr, [x0, #48]
        stp     xzr, xzr, [x0, #64]
        stp     xzr, xzr, [x0, #80]
        stp     xzr, xzr, [x0, #96]
        stp     xzr, xzr, [x0, #112]
        stp     xzr, xzr, [x0, #128]
        stp     xzr, xzr, [x0, #144]
        ret
        .cfi_endproc
        .size   crun__switch_prepare, .-crun__switch_prepare

#if PROPERTY_BTI || PROPERTY_PAC
        .section .note.gnu.property, "a", %note
        .p2align 3
        .word   4                       /* name size */
        .word   16                      /* descriptor size */
        .word   5                       /* NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .word   0xc0000000              /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
        .word   4
        .word   PROPERTY_BTI | PROPERTY_PAC
        .word   0
#endif

#endif

        .section .note.GNU-stack, "", %progbits
