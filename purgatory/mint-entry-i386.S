/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a follower's core begins: from real mode to protected mode, then on to
 * kexec-tools' 32-bit purgatory, which boots 32-bit kernels and, through their
 * 32-bit entry, 64-bit ones.
 *
 * What the core finds and how this is placed: see mint-entry-x86_64.S, which
 * goes on to long mode.
 */
#include "mint-slot.h"

#define CR0_PE		0x00000001
#define CR0_NW		0x20000000
#define CR0_CD		0x40000000

#define SEL_DATA	0x08		/* as in purgatory's own GDT */
#define SEL_CODE	0x10

	.text
	.globl	mint_entry, mint_mptable

	.code16
mint_entry:
	cli
	cld
	jmp	real_mode

	/* Filled in by the boot tool: tells the follower its cores and pins */
	.org	MINT_MPTABLE
mint_mptable:
	.skip	MINT_MPTABLE_SIZE
	.size	mint_mptable, MINT_MPTABLE_SIZE

real_mode:
	/* The operand size prefix makes it load all 32 bits of the base */
	lgdtl	%cs:(gdt_pointer - mint_entry)

	/* Caches on; protected mode, still with real mode's CS */
	movl	%cr0, %eax
	andl	$~(CR0_CD | CR0_NW), %eax
	orl	$CR0_PE, %eax
	movl	%eax, %cr0
	ljmpl	$SEL_CODE, $protected_mode

	.code32
protected_mode:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss

	/*
	 * purgatory_start takes the word on top of the stack for the address
	 * to jump back to, and 0 for none; then it has a stack of its own.
	 */
	movl	$no_return, %esp
	jmp	purgatory_start

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf92000000ffff	/* 08h: 4 GB data */
	.quad	0x00cf9a000000ffff	/* 10h: 4 GB code */
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt

	.balign	4
no_return:
	.long	0
