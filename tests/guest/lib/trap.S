// SPDX-License-Identifier: GPL-2.0-only
// Entry stubs of the 256 vectors, and the way to ring 3 and back.
#include "segments.h"

.text
.balign 16
.globl trap_stubs
trap_stubs:
.set vector, 0
.rept 256
.balign 16
.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
.else
        push $0
.endif
        push $vector - (vector & 0x80) * 2   // a sign-extended byte; made whole below
        jmp trap_common
.set vector, vector + 1
.endr

#ifdef __x86_64__
trap_common:
        andq $0xff, (%rsp)
        push %rax
        push %rcx
        push %rdx
        push %rbx
        push %rbp
        push %rsi
        push %rdi
        push %r8
        push %r9
        push %r10
        push %r11
        push %r12
        push %r13
        push %r14
        push %r15
        cld
        mov %rsp, %rdi
        mov %rsp, %rbp
        and $-16, %rsp
        call trap_dispatch
        mov %rbp, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rdi
        pop %rsi
        pop %rbp
        pop %rbx
        pop %rdx
        pop %rcx
        pop %rax
        add $16, %rsp
        iretq

.globl run_user_at
run_user_at:                    // ip, cs, flags, sp
        pushfq
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, user_saved_sp
        push $SEL_UDATA | 3
        push %rcx
        push %rdx
        push %rsi
        push %rdi
        mov $SEL_UDATA | 3, %eax
        mov %eax, %ds
        mov %eax, %es
        iretq

.globl call_guarded
call_guarded:
        pushfq
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, user_saved_sp
        call *%rdi
        mov $0x5e7, %edi                // USER_RETURNED
.globl user_leave
user_leave:
        mov $SEL_KDATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov %rdi, %rax
        mov user_saved_sp, %rsp
        movq $0, user_saved_sp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        popfq
        ret
#else
trap_common:
        andl $0xff, (%esp)
        pushal
        cld
        push %esp
        call trap_dispatch
        add $4, %esp
        popal
        add $8, %esp
        iret

.globl run_user_at
run_user_at:                    // ip, cs, flags, sp
        pushf
        push %ebx
        push %ebp
        push %esi
        push %edi
        mov %esp, user_saved_sp
        lea 24(%esp), %esi
        pushl $SEL_UDATA | 3
        pushl 12(%esi)
        pushl 8(%esi)
        pushl 4(%esi)
        pushl (%esi)
        mov $SEL_UDATA | 3, %eax
        mov %eax, %ds
        mov %eax, %es
        iret

.globl call_guarded
call_guarded:
        mov 4(%esp), %eax
        pushf
        push %ebx
        push %ebp
        push %esi
        push %edi
        mov %esp, user_saved_sp
        call *%eax
        push $0x5e7                     // USER_RETURNED
        push $0
.globl user_leave
user_leave:
        mov 4(%esp), %eax
        mov $SEL_KDATA, %edx
        mov %edx, %ds
        mov %edx, %es
        mov %edx, %ss
        mov user_saved_sp, %esp
        movl $0, user_saved_sp
        pop %edi
        pop %esi
        pop %ebp
        pop %ebx
        popf
        ret
#endif
.section .note.GNU-stack, "", @progbits
