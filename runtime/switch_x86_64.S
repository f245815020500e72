/* SPDX-License-Identifier: MIT */

/*
 * The switch for x86-64, System V ABI. A parked stack looks like this from its saved pointer up:
 *
 *      0 r15    8 r14    16 r13    24 r12    32 rbx    40 rbp    48 return address
 *
 * Both ends of a switch have the same frame, so the unwind rules hold on either side of the moment
 * the stack pointer changes. MXCSR and the x87 control word are not saved: see switch.h.
 *
 * It ends in ret, not in an indirect jump: the processor's return predictor then stays in step with
 * the calls, and the returns after the switch are predicted as long as the contexts parked through
 * the same functions. A jump would put every one of them out of step (docs/decisions/0001).
 *
 * The property note claims indirect-branch tracking only. A switch changes stacks under the
 * processor's shadow stack, so a process that wants one has to use the ucontext build; leaving the
 * bit out makes the linker and the loader turn shadow stacks off.
 */

#if defined(__x86_64__) && defined(__LP64__) && !defined(CRUN_SWITCH_UCONTEXT)

#if defined(__CET__) && (__CET__ & 1)
#define LANDING_PAD endbr64
#else
#define LANDING_PAD
#endif

        .macro  save reg
        pushq   \reg
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset \reg, 0
        .endm

        .macro  restore reg
        popq    \reg
        .cfi_adjust_cfa_offset -8
        .cfi_restore \reg
        .endm

        .text

        .globl  crun__switch
        .hidden crun__switch
        .type   crun__switch, %function
        .p2align 5
crun__switch:
        .cfi_startproc
        LANDING_PAD
        save    %rbp
        save    %rbx
        save    %r12
        save    %r13
        save    %r14
        save    %r15
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        restore %r15
        restore %r14
        restore %r13
        restore %r12
        restore %rbx
        restore %rbp
        ret
        .cfi_endproc
        .size   crun__switch, .-crun__switch

/*
 * Where a fresh stack's first switch returns to: entry in r12, its argument in r13, rbp 0 to end
 * frame-pointer walks. The undefined return address ends every unwind here. The nop belongs to the
 * function because unwinders look up the byte before a return address.
 */
        .type   crun__switch_start, %function
        .p2align 4
crun__switch_start:
        .cfi_startproc
        .cfi_undefined %rip
        nop
.Lfirst:
        movq    %r13, %rdi
        callq   *%r12
        ud2
        .cfi_endproc
        .size   crun__switch_start, .-crun__switch_start

/*
 * void *crun__switch_prepare(char *lo, char *top, void (*entry)(void *), void *arg)
 * crun__switch_start needs the stack pointer 16-aligned; the null word above it is what a walk
 * would take for its return address.
 */
        .globl  crun__switch_prepare
        .hidden crun__switch_prepare
        .type   crun__switch_prepare, %function
        .p2align 4
crun__switch_prepare:
        .cfi_startproc
        LANDING_PAD
        leaq    -72(%rsi), %rax
        xorl    %edi, %edi
        movq    %rdi, 0(%rax)
        movq    %rdi, 8(%rax)
        movq    %rcx, 16(%rax)
        movq    %rdx, 24(%rax)
        movq    %rdi, 32(%rax)
        movq    %rdi, 40(%rax)
        leaq    .Lfirst(%rip), %rdx
        movq    %rdx, 48(%rax)
        movq    %rdi, 56(%rax)
        movq    %rdi, 64(%rax)
        ret
        .cfi_endproc
        .size   crun__switch_prepare, .-crun__switch_prepare

#if defined(__CET__) && (__CET__ & 1)
        .section .note.gnu.property, "a", %note
        .p2align 3
        .long   4                       /* name size */
        .long   16                      /* descriptor size */
        .long   5                       /* NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .long   0xc0000002              /* GNU_PROPERTY_X86_FEATURE_1_AND */
        .long   4
        .long   1                       /* IBT */
        .long   0
#endif

#endif

        .section .note.GNU-stack, "", %progbits
