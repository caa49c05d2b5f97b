/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One purgatory for all followers (remedy 3): every core begins here, in real
 * mode, and finds its own kernel by its APIC id in a table.  Nothing here is
 * written, there is no stack, and all followers' copies are the same, so any
 * number of cores can run through it while another one's is being placed.
 *
 * What the core finds: see mint-entry-x86_64.S.  This page is at MINT_ONE_PLACE,
 * so DS = 0 reaches all that is needed.  An entry of the table (mint-slot.h):
 *   +0   where the kernel is entered, 64 bits
 *   +8   its boot parameters, for RSI
 *   +16  page tables for long mode; a boot tool that has them gives them to every
 *        kernel
 * The mode follows from the entry (Linux boot protocol): in protected mode it is
 * the kernel's beginning, where a page begins, in long mode 200h behind that.
 * A core without an entry halts.
 *
 * Linked into the boot tool, which places it; so all addresses are distances
 * from mint_shared on top of MINT_ONE_PLACE.
 */
#include "mint-slot.h"

#define CR0_PE		0x00000001
#define CR0_NW		0x20000000
#define CR0_CD		0x40000000
#define CR0_PG		0x80000000
#define CR4_PAE		0x00000020
#define MSR_EFER	0xc0000080
#define EFER_LME	0x00000100

#define ENTRY_64	0x200

/* What the Linux boot protocol asks for, in both modes */
#define SEL_CODE	0x10
#define SEL_DATA	0x18
/* On the way to long mode */
#define SEL_CODE32	0x20

#define AT(label)	(MINT_ONE_PLACE + (label) - mint_shared)

	.section .rodata
	.globl	mint_shared, mint_shared_end

	.code16
mint_shared:
	cli
	cld
	movl	$1, %eax
	cpuid
	shrl	$24, %ebx		/* initial APIC id */
	shll	$MINT_TABLE_SHIFT, %ebx
	addl	$MINT_TABLE, %ebx
	movl	(%ebx), %eax
	orl	4(%ebx), %eax
	jz	nobody

	movl	%cr0, %eax		/* caches on */
	andl	$~(CR0_CD | CR0_NW), %eax
	orl	$CR0_PE, %eax
	movl	16(%ebx), %edx
	testw	$ENTRY_64, (%ebx)
	jnz	wide
	lgdtl	AT(gdt32_pointer)
	movl	%eax, %cr0
	ljmpl	$SEL_CODE, $AT(protected_mode)
wide:
	lgdtl	AT(gdt64_pointer)
	movl	%eax, %cr0
	ljmpl	$SEL_CODE32, $AT(on_to_long_mode)

nobody:
	hlt
	jmp	nobody

	.code32
protected_mode:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movl	8(%ebx), %esi
	movl	(%ebx), %eax
	xorl	%ebx, %ebx
	xorl	%edi, %edi
	xorl	%ebp, %ebp
	jmp	*%eax

on_to_long_mode:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	%edx, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PG, %eax
	movl	%eax, %cr0
	ljmpl	$SEL_CODE, $AT(long_mode)

	.code64
long_mode:
	movl	%ebx, %ebx		/* SIPI leaves nothing known above 32 bits */
	movq	8(%rbx), %rsi
	movq	(%rbx), %rax
	xorl	%ebx, %ebx
	jmp	*%rax

	.balign	8
gdt32:
	.quad	0
	.quad	0
	.quad	0x00cf9a000000ffff	/* 10h: 4 GB 32-bit code */
	.quad	0x00cf92000000ffff	/* 18h: 4 GB data */
gdt32_pointer:
	.word	gdt32_pointer - gdt32 - 1
	.long	AT(gdt32)

	.balign	8
gdt64:
	.quad	0
	.quad	0
	.quad	0x00af9a000000ffff	/* 10h: 64-bit code */
	.quad	0x00cf92000000ffff	/* 18h: 4 GB data */
	.quad	0x00cf9a000000ffff	/* 20h: 4 GB 32-bit code */
gdt64_pointer:
	.word	gdt64_pointer - gdt64 - 1
	.long	AT(gdt64)
mint_shared_end:

	.section .note.GNU-stack, "", @progbits
