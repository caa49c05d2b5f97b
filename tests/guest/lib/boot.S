// SPDX-License-Identifier: GPL-2.0-only
// Multiboot header (specification 0.6.96, 3.1) and 32-bit entry; the way of a started core from real
// mode to C; the GDT. Assembled for 32-bit and for 64-bit programs: the latter are linked as ELF64
// and wrapped as ELF32, which is what multiboot loaders take.
#include "segments.h"

#define MULTIBOOT_FLAGS 3

.section .multiboot, "a"
.balign 4
        .long 0x1BADB002, MULTIBOOT_FLAGS, -(0x1BADB002 + MULTIBOOT_FLAGS)

.text
.code32
.globl _start
_start:
        cli
        cld
        mov $boot_stack_top, %esp
        mov %eax, multiboot_magic
        mov %ebx, multiboot_info
        lgdt gdt_pointer
        ljmp $SEL_KCODE32, $1f
1:      mov $SEL_KDATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        mov %eax, %ss
        push $0
        popf
#ifdef __x86_64__
        call build_identity_map
        call enable_long_mode
        ljmp $SEL_KCODE64, $2f
.code64
2:      xor %ebp, %ebp
        mov $boot_stack_top, %rsp
        call guest_start

.code32
// Identity map of the first 4 GB with 2 MB pages, present, writable, user.
build_identity_map:
        mov $boot_pdpt, %eax
        or $7, %eax
        mov %eax, boot_pml4
        xor %ecx, %ecx
1:      mov %ecx, %eax
        shl $12, %eax
        add $boot_pd + 7, %eax
        mov %eax, boot_pdpt(, %ecx, 8)
        inc %ecx
        cmp $4, %ecx
        jne 1b
        xor %ecx, %ecx
2:      mov %ecx, %eax
        shl $21, %eax
        or $0x87, %eax
        mov %eax, boot_pd(, %ecx, 8)
        inc %ecx
        cmp $2048, %ecx
        jne 2b
        ret

// SDM Vol. 3, 9.8.5: PAE, CR3, EFER.LME, PG; the caller's far jump enters 64-bit code.
enable_long_mode:
        mov %cr4, %eax
        or $0x20, %eax
        mov %eax, %cr4
        mov $boot_pml4, %eax
        mov %eax, %cr3
        mov $0xC0000080, %ecx
        rdmsr
        or $0x100, %eax
        wrmsr
        mov %cr0, %eax
        or $0x80000001, %eax
        mov %eax, %cr0
        ret
#else
        call guest_start
#endif
1:      hlt
        jmp 1b

// Copied to the page of the SIPI vector; runs there with CS = vector * 100h, IP = 0.
.code16
.globl trampoline, trampoline_end
trampoline:
        cli
        xor %ax, %ax
        mov %ax, %ds
        lgdtl gdt_pointer_low
        mov %cr0, %eax
        and $0x9fffffff, %eax           // INIT leaves CD and NW set
        or $1, %eax
        mov %eax, %cr0
        ljmpl $SEL_KCODE32, $core_entry
        // The descriptor table register is loaded from a copy that 16-bit code can reach.
.set gdt_pointer_low, 0x600
trampoline_end:

.code32
core_entry:
        mov $SEL_KDATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        mov %eax, %ss
        mov $1, %eax                    // initial APIC id picks the stack
        cpuid
        shr $24, %ebx
        imul $STACK_BYTES, %ebx, %eax
        add $core_stacks + STACK_BYTES, %eax
        mov %eax, %esp
        push $0
        popf
        mov %ebx, %edi
#ifdef __x86_64__
        call enable_long_mode
        ljmp $SEL_KCODE64, $1f
.code64
1:      mov %esp, %esp
        mov %edi, %edi
        call core_main
1:      hlt
        jmp 1b
#else
        push %edi
        call core_main
1:      hlt
        jmp 1b
#endif

.data
.balign 16
.globl gdt, gdt_pointer
gdt:    .quad 0
#ifdef __x86_64__
        .quad 0x00af9b000000ffff        // 08 ring 0 code
#else
        .quad 0x00cf9b000000ffff
#endif
        .quad 0x00cf93000000ffff        // 10 ring 0 data
        .quad 0x00cffb000000ffff        // 18 ring 3 code, 32-bit
        .quad 0x00cff3000000ffff        // 20 ring 3 data
        .quad 0x00affb000000ffff        // 28 ring 3 code, 64-bit
        .quad 0x00cff3000000ffff        // 30 ring 3 data
        .quad 0x00cf9b000000ffff        // 38 ring 0 code, 32-bit
        .quad 0x00af9b000000ffff        // 40 ring 0 code, 64-bit
        .quad 0x00009b000000ffff        // 48 16-bit code
        .quad 0x000093000000ffff        // 50 16-bit data
        .fill (GDT_BYTES - (. - gdt)) / 8, 8, 0
gdt_pointer:
        .word GDT_BYTES - 1
        .long gdt
        .long 0

.bss
.balign 4096
#ifdef __x86_64__
.globl boot_pml4, boot_pdpt, boot_pd
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd: .skip 4 * 4096
#endif
.globl boot_stack, boot_stack_top, core_stacks, multiboot_magic, multiboot_info
boot_stack: .skip 32768
boot_stack_top:
core_stacks: .skip STACK_BYTES * MAX_CORES
multiboot_magic: .skip 4
multiboot_info: .skip 4
.section .note.GNU-stack, "", @progbits
