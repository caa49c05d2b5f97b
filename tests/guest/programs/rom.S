// SPDX-License-Identifier: GPL-2.0-only
// A ROM image of 64 KB that starts at the reset vector: looks at the state after power-on (SDM Vol. 3,
// table 9-1), prints on COM1, ends through port F4h.
.code16
.text
.globl _start
start:
        mov %eax, %ebp                  // EAX is 0 (self test passed)
        mov %edx, %edi                  // EDX has the signature
        mov %cs, %ax
        mov %ax, %ds
        xor %ax, %ax
        mov %ax, %ss
        mov %ax, %es
        mov $0x7000, %sp
        movb $0, %es:(0x610)

        mov $0x3FB, %dx                 // COM1: 115200, 8N1
        mov $0x80, %al
        out %al, %dx
        mov $0x3F8, %dx
        mov $1, %al
        out %al, %dx
        inc %dx
        xor %al, %al
        out %al, %dx
        mov $0x3FB, %dx
        mov $3, %al
        out %al, %dx

.macro verdict name
        mov $\name, %si
        call report
.endm
        cmpw $0xF000, %cs:segment
        verdict n_marker
        test %ebp, %ebp
        verdict n_eax
        mov %edi, %eax
        and $0xF00, %eax
        cmp $0x600, %eax
        verdict n_edx
        mov %cr0, %eax
        cmp $0x60000010, %eax
        verdict n_cr0
        pushf
        pop %ax
        and $0x3200, %ax
        verdict n_flags
        mov $0x1234, %ax                // RAM below works
        mov %ax, %es:(0x600)
        cmp %ax, %es:(0x600)
        verdict n_ram
        movw $0, mark                   // a ROM keeps what it has
        cmpw $0x414D, mark
        verdict n_rom

        // Protected mode, to look at the ROM's place below 4 GB.
        cli
        lgdtl gdt_pointer
        mov %cr0, %eax
        or $1, %eax
        mov %eax, %cr0
        mov $8, %ax
        mov %ax, %fs
        mov %cr0, %eax
        and $~1, %eax
        mov %eax, %cr0
        mov $0xFFFFFFF0, %ebx
        addr32 mov %fs:(%ebx), %eax
        cmp %cs:0xFFF0, %eax
        verdict n_high
        mov $0xFFFF0000 + mark, %ebx
        addr32 mov %fs:(%ebx), %eax
        cmp $0x4B52414D, %eax
        verdict n_mark

        mov %es:(0x610), %al
        mov $0xF4, %dx
        out %al, %dx
        hlt

// Prints "ok NAME" when ZF is set, "FAIL NAME" otherwise, and remembers failures at 0:610h.
report:
        push %si
        jz 1f
        movb $1, %es:(0x610)
        mov $t_fail, %si
        jmp 2f
1:      mov $t_ok, %si
2:      call text
        pop %si
        call text
        mov $t_end, %si
text:
        lodsb
        test %al, %al
        jz 9f
        mov %al, %ah
        mov $0x3FD, %dx
3:      in %dx, %al
        test $0x20, %al
        jz 3b
        mov $0x3F8, %dx
        mov %ah, %al
        out %al, %dx
        jmp text
9:      ret

t_ok:   .asciz "ok "
t_fail: .asciz "FAIL "
t_end:  .asciz "\r\n"
n_marker: .asciz "the ROM reads through CS after the far jump"
n_eax:  .asciz "EAX is 0 at reset"
n_edx:  .asciz "EDX has the family at reset"
n_cr0:  .asciz "CR0 is 60000010h at reset"
n_flags: .asciz "IF and IOPL are 0 at reset"
n_ram:  .asciz "low memory holds what is written"
n_rom:  .asciz "a write to the ROM changes nothing"
n_high: .asciz "the ROM ends at FFFFFFFFh as well as at FFFFFh"
n_mark: .asciz "and begins 64 KB before"
.balign 4
mark:   .ascii "MARK"
segment: .word 0xF000
.balign 8
gdt:    .quad 0
        .quad 0x00cf93000000ffff
gdt_pointer:
        .word 15
        .long 0xF0000 + gdt

.org 0xFFF0
_start: ljmp $0xF000, $start
.org 0x10000
.section .note.GNU-stack, "", @progbits
