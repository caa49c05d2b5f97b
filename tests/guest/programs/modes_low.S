// SPDX-License-Identifier: GPL-2.0-only
// The parts of `modes` that are no 32-bit protected mode. What runs in 16-bit code is copied to
// 10000h (segment 1000h); its labels count from the start of the copy.
#include "lib/segments.h"

#define SEL_LOW_CODE SEL_SPARE          // 16-bit, base 10000h
#define SEL_LOW_DATA (SEL_SPARE + 8)
#define LOW 0x10000
#define O(label) (label - low_start)

.text
.code32
.globl real_run
real_run:
        pushal
        pushf
        cli
        sidt saved_idt
        mov %esp, saved_esp
        lidt real_idt
        mov $SEL_LOW_DATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov $SEL_KDATA, %eax
        mov %eax, %fs                   // keeps its 4 GB limit in real mode
        ljmp $SEL_LOW_CODE, $O(leave_protected)

.globl real_back
real_back:
        mov $SEL_KDATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %ss
        mov saved_esp, %esp
        lidt saved_idt
        popf
        popal
        ret

.globl call_low
call_low:                               // EAX in and out, through 16-bit protected-mode code
        push %ebx
        push %esi
        push %edi
        push %ebp
        mov $0xABCD0000, %eax
        lcall $SEL_LOW_CODE, $O(protected16)
        pop %ebp
        pop %edi
        pop %esi
        pop %ebx
        ret

.globl run_v86
run_v86:                                // offset in segment 1000h, flags
        mov 4(%esp), %eax
        mov 8(%esp), %edx
        pushf
        push %ebx
        push %ebp
        push %esi
        push %edi
        mov %esp, user_saved_sp
        push $0x3333                    // GS
        push $0x2222                    // FS
        push $0x3000                    // DS
        push $0x3000                    // ES
        push $0x3000                    // SS
        push $0x1000                    // ESP
        push %edx
        push $0x1000                    // CS
        push %eax
        iret

// Into long mode by way of compatibility mode, and back out of it.
.globl go_long
go_long:
        pushal
        mov %cr4, %eax
        or $0x20, %eax
        mov %eax, %cr4
        mov long_cr3, %eax
        mov %eax, %cr3
        mov $0xC0000080, %ecx
        rdmsr
        or $0x100, %eax
        wrmsr
        rdmsr
        mov %eax, long_efer_before
        mov %cr0, %eax
        or $0x80000000, %eax
        mov %eax, %cr0
        jmp 1f
1:      rdmsr
        mov %eax, long_efer_after
        mov $1, %eax
        .byte 0x48                      // dec %eax in compatibility mode, REX.W in 64-bit mode
        nop
        mov %eax, long_compat_dec
        ljmp $SEL_KCODE64, $2f
.code64
2:      mov $0x123456789ABCDEF0, %rax
        mov %rax, long_rax(%rip)
        mov $1, %eax
        .byte 0x48
        nop
        mov %eax, long_64_dec(%rip)
        mov %cs, %eax
        mov %eax, long_cs(%rip)
        mov $0x1111111122222222, %r9
        mov %r9, %r10
        add %r9, %r10
        mov %r10, long_r10(%rip)
        mov $0xFFFFFFFFFFFFFFFF, %rax
        mov $5, %eax                    // a 32-bit result clears the upper half
        mov %rax, long_zero_extended(%rip)
        pushq $SEL_KCODE32
        mov $3f, %ecx
        push %rcx
        lretq
.code32
3:      mov %cs, %eax
        mov %eax, long_back_cs
        mov %cr0, %eax
        and $0x7FFFFFFF, %eax
        mov %eax, %cr0
        jmp 4f
4:      mov $0xC0000080, %ecx
        rdmsr
        mov %eax, long_efer_left
        and $~0x100, %eax
        wrmsr
        mov %cr4, %eax
        and $~0x20, %eax
        mov %eax, %cr4
        popal
        ret

.data
.balign 8
real_idt: .word 0x3FF
        .long 0
saved_idt: .skip 8
saved_esp: .skip 4
.globl long_cr3, long_efer_before, long_efer_after, long_compat_dec, long_rax, long_64_dec, long_cs
.globl long_r10, long_zero_extended, long_back_cs, long_efer_left
long_cr3: .long 0
long_efer_before: .long 0
long_efer_after: .long 0
long_compat_dec: .long 77
long_64_dec: .long 77
long_cs: .long 0
long_back_cs: .long 0
long_efer_left: .long 0
.balign 8
long_rax: .quad 0
long_r10: .quad 0
long_zero_extended: .quad 0

// --- Copied to 10000h ---
.section .text.low, "ax"
.code16
.globl low_start, low_end, low_results
low_start:
leave_protected:
        mov %cr0, %eax
        and $0xFFFFFFFE, %eax
        mov %eax, %cr0
        ljmp $0x1000, $O(1f)
1:      mov %cs, %ax
        mov %ax, %ds
        mov %ax, %ss
        mov $0xFF00, %sp
        xor %ax, %ax
        mov %ax, %es
        movw $O(handler_0), %es:(0)
        movw $0x1000, %es:(2)
        movw $O(handler_6), %es:(6 * 4)
        movw $0x1000, %es:(6 * 4 + 2)
        movw $O(handler_60), %es:(0x60 * 4)
        movw $0x1000, %es:(0x60 * 4 + 2)
        movw $O(handler_tick), %es:(0x20 * 4)
        movw $0x1000, %es:(0x20 * 4 + 2)

        sti
        int $0x60
1:      cli
        movw $O(1b), O(r_int_next)

        mov $O(2f), %bx                 // division by zero
        xor %cx, %cx
        movw $O(1f), O(r_div_ip_want)
1:      div %cx
2:      mov %ax, %ax
        mov O(r_fault_ip), %ax
        mov %ax, O(r_div_ip)
        mov O(r_fault_vector), %ax
        mov %ax, O(r_div_vector)

        mov $O(2f), %bx
        movw $O(1f), O(r_ud_ip_want)
1:      ud2
2:      mov O(r_fault_ip), %ax
        mov %ax, O(r_ud_ip)
        mov O(r_fault_vector), %ax
        mov %ax, O(r_ud_vector)

        mov O(p_high), %ebx             // a 32-bit address through FS, loaded in protected mode
        addr32 mov %fs:(%ebx), %eax
        mov %eax, O(r_unreal)

        // FFFF:0010 is 100000h with A20, 0 without. A20 is on when the 8042's output port or port
        // 92h has it on.
        mov $0xDD, %cl
        call keyboard_port
        mov $0xFFFF, %ax
        mov %ax, %es
        in $0x92, %al
        mov %al, %ah
        or $2, %al
        and $0xFE, %al
        out %al, $0x92
        mov %es:(0x10), %ebx
        mov %ebx, O(r_a20_on)
        and $0xFD, %al
        out %al, $0x92
        mov %es:(0x10), %ebx
        mov %ebx, O(r_a20_off)
        mov %ah, %al
        or $2, %al
        and $0xFE, %al
        out %al, $0x92
        mov %es:(0x10), %ebx
        mov %ebx, O(r_a20_on_again)
        mov $0xDF, %cl
        call keyboard_port
        xor %ax, %ax
        mov %ax, %es
        mov %es:(0), %ebx
        mov %ebx, O(r_ivt0)

        in $0x21, %al                   // IRQ 0 through the IVT, waking hlt
        and $0xFE, %al
        out %al, $0x21
1:      sti
        hlt
        cli
        cmpw $3, O(r_ticks)
        jb 1b
        in $0x21, %al
        or $1, %al
        out %al, $0x21

        lidtl O(p_idt)                  // interrupt table elsewhere
        int $0x61
        lidtl O(p_idt0)

        mov $0x3000, %ax                // string instructions wrap at 64 KB
        mov %ax, %es
        mov $0xFFFE, %di
        mov $4, %cx
        mov $0x5A, %al
        rep stosb
        mov %di, O(r_stos_di)

        lcall $0x1000, $O(far_function)
        mov %ax, O(r_far_call)
        mov %sp, O(r_sp)

        mov $0x10003, %ecx              // loop counts CX
        xor %ax, %ax
1:      inc %ax
        loop 1b
        mov %ax, O(r_loop)
        mov %ecx, O(r_loop_ecx)

        mov %cr0, %eax
        or $1, %eax
        mov %eax, %cr0
        ljmpl $SEL_KCODE32, $real_back

keyboard_port:                          // CL: output port of the 8042
        in $0x64, %al
        test $2, %al
        jnz keyboard_port
        mov $0xD1, %al
        out %al, $0x64
1:      in $0x64, %al
        test $2, %al
        jnz 1b
        mov %cl, %al
        out %al, $0x60
1:      in $0x64, %al
        test $2, %al
        jnz 1b
        ret
handler_0:
        movw $0, %cs:O(r_fault_vector)
        jmp handler_fault
handler_6:
        movw $6, %cs:O(r_fault_vector)
handler_fault:
        push %bp
        mov %sp, %bp
        mov 2(%bp), %ax
        mov %ax, %cs:O(r_fault_ip)
        mov %bx, 2(%bp)
        pop %bp
        iret
handler_60:
        push %bp
        mov %sp, %bp
        mov 2(%bp), %ax
        mov %ax, O(r_int_ip)
        mov 4(%bp), %ax
        mov %ax, O(r_int_cs)
        mov 6(%bp), %ax
        mov %ax, O(r_int_flags)
        pushf
        pop %ax
        mov %ax, O(r_int_inner)
        pop %bp
        iret
handler_tick:
        push %ax
        incw %cs:O(r_ticks)
        mov $0x20, %al
        out %al, $0x20
        pop %ax
        iret
.globl low_handler_61, low_handler_93, low_v86
low_handler_61:
        movw $0x61, %cs:O(r_61)
        iret
far_function:
        mov $0xFA, %ax
        lret

// 16-bit protected mode: default sizes, a 16-bit stack, a 16-bit interrupt gate.
protected16:
        mov $0x1234, %ax                // leaves the upper half
        mov %esp, %esi
        mov %ss, %di
        mov $SEL_LOW_DATA, %bx
        mov %bx, %ds
        mov %bx, %ss
        mov $0x12348100, %esp
        pushw $0x55AA
        mov %esp, %ecx
        popw %dx
        mov %ecx, O(r_16_esp)
        mov %dx, O(r_16_pop)
        int $0x93
1:      movw $O(1b), O(r_16_int_want)
        mov %di, %ss
        mov %esi, %esp
        mov $SEL_KDATA, %bx
        mov %bx, %ds
        lretl
low_handler_93:
        push %bp
        mov %sp, %bp
        mov 2(%bp), %dx
        mov %dx, O(r_16_int_ip)
        mov 4(%bp), %dx
        mov %dx, O(r_16_int_cs)
        mov %sp, O(r_16_int_sp)
        pop %bp
        iret

// Virtual-8086 mode.
low_v86:
        mov %cs, %ax
        mov %ds, %bx
        mov $0x77, %cl
        mov %cl, (0x10)                 // 30010h
        cli                             // IOPL decides
        int $0x80

.balign 4
low_results:
r_int_ip: .word 0
r_int_next: .word 0
r_int_cs: .word 0
r_int_flags: .word 0
r_int_inner: .word 0
r_div_ip: .word 0
r_div_ip_want: .word 0
r_div_vector: .word 0xFFFF
r_ud_ip: .word 0
r_ud_ip_want: .word 0
r_ud_vector: .word 0xFFFF
r_ticks: .word 0
r_61: .word 0
r_stos_di: .word 0
r_far_call: .word 0
r_sp: .word 0
r_loop: .word 0
r_16_pop: .word 0
r_16_int_ip: .word 0
r_16_int_want: .word 0
r_16_int_cs: .word 0
r_16_int_sp: .word 0
r_fault_ip: .word 0
r_fault_vector: .word 0
r_unreal: .long 0
r_a20_on: .long 0
r_a20_off: .long 0
r_a20_on_again: .long 0
r_ivt0: .long 0
r_loop_ecx: .long 0
r_16_esp: .long 0
p_high: .long 0
p_idt:  .word 0x3FF
        .long 0x20000
p_idt0: .word 0x3FF
        .long 0
low_end:
.section .note.GNU-stack, "", @progbits
