/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * dlsym and dlopen ask a picker in C and then jump to libc's: no frame of ours is on the stack, so libc sees the real
 * caller. A wrapper in C would make RTLD_NEXT relative to this library (two such wrappers recurse for ever) and would
 * lose the RUNPATH of the library that calls dlopen.
 */
/* glibc's two versions of each, at one address. Without a version a program would find them as well, but not another
 * library that looks for its next dlsym by dlvsym, as they do: it would go past us. */
#if defined(__x86_64__)
#define BASE_VERSION GLIBC_2.2.5
#else
#define BASE_VERSION GLIBC_2.17
#endif
#define TWICE(name)                                                                                                    \
    .globl gpuslice_##name;                                                                                            \
    .globl gpuslice_base_##name;                                                                                       \
    .set gpuslice_base_##name, gpuslice_##name;                                                                        \
    .symver gpuslice_##name, name@@GLIBC_2.34, remove;                                                                 \
    .symver gpuslice_base_##name, name@BASE_VERSION, remove

#if defined(__x86_64__)
#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif

    .text
    TWICE(dlsym)
    .type gpuslice_dlsym, @function
gpuslice_dlsym:
    .cfi_startproc
    _CET_ENDBR
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    movq 16(%rsp), %rdx             /* the caller */
    subq $8, %rsp                   /* 16-byte alignment for the call */
    .cfi_adjust_cfa_offset 8
    call gpuslice_pick_symbol
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %rsi
    .cfi_adjust_cfa_offset -8
    popq %rdi
    .cfi_adjust_cfa_offset -8
    testq %rax, %rax
    jnz 1f
    jmp *gpuslice_real_dlsym(%rip)
1:  ret
    .cfi_endproc
    .size gpuslice_dlsym, . - gpuslice_dlsym

    TWICE(dlopen)
    .type gpuslice_dlopen, @function
gpuslice_dlopen:
    .cfi_startproc
    _CET_ENDBR
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    movl %esi, %edi
    call gpuslice_pick_flags        /* one push: aligned */
    popq %rdi
    .cfi_adjust_cfa_offset -8
    movl %eax, %esi
    jmp *gpuslice_real_dlopen(%rip)
    .cfi_endproc
    .size gpuslice_dlopen, . - gpuslice_dlopen

#elif defined(__aarch64__)

    .text
    TWICE(dlsym)
    .type gpuslice_dlsym, %function
gpuslice_dlsym:
    .cfi_startproc
    hint #34                        /* bti c */
    stp x29, x30, [sp, #-32]!
    .cfi_adjust_cfa_offset 32
    .cfi_offset 29, -32
    .cfi_offset 30, -24
    mov x29, sp
    stp x0, x1, [sp, #16]
    mov x2, x30                     /* the caller */
    bl gpuslice_pick_symbol
    mov x16, x0
    ldp x0, x1, [sp, #16]
    ldp x29, x30, [sp], #32
    .cfi_restore 29
    .cfi_restore 30
    .cfi_adjust_cfa_offset -32
    cbz x16, 1f
    mov x0, x16
    ret
1:  adrp x16, gpuslice_real_dlsym
    ldr x16, [x16, :lo12:gpuslice_real_dlsym]
    br x16
    .cfi_endproc
    .size gpuslice_dlsym, . - gpuslice_dlsym

    TWICE(dlopen)
    .type gpuslice_dlopen, %function
gpuslice_dlopen:
    .cfi_startproc
    hint #34                        /* bti c */
    stp x29, x30, [sp, #-32]!
    .cfi_adjust_cfa_offset 32
    .cfi_offset 29, -32
    .cfi_offset 30, -24
    mov x29, sp
    str x0, [sp, #16]
    mov w0, w1
    bl gpuslice_pick_flags
    mov w1, w0
    ldr x0, [sp, #16]
    ldp x29, x30, [sp], #32
    .cfi_restore 29
    .cfi_restore 30
    .cfi_adjust_cfa_offset -32
    adrp x16, gpuslice_real_dlopen
    ldr x16, [x16, :lo12:gpuslice_real_dlopen]
    br x16
    .cfi_endproc
    .size gpuslice_dlopen, . - gpuslice_dlopen

#else
#error "dlsym and dlopen are written for x86-64 and aarch64"
#endif

    .section .note.GNU-stack, "", %progbits
