/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a follower's core begins: from real mode to long mode, then on to
 * kexec-tools' purgatory.
 *
 * This is the first object of purgatory, so it lies at offset 0 of .text and
 * that at the beginning of the core's slot, a page below 1 MB.
 *
 * What a STARTUP IPI leaves (SDM volume 3, 9.4 and table 9-1): real mode, CS
 * selector = vector << 8 and CS base = vector << 12, which is the slot; IP = 0;
 * DS, ES, SS = 0; interrupts off.  INIT before it has left CR0 at 60000010h or,
 * as it keeps CD and NW, whatever they were: after power-on both are set and
 * the core runs uncached.  The MTRRs are as the BIOS set them, EFER is 0, and
 * nothing is known of general registers and stack.
 *
 * The slot's address is known only when the boot tool loads this.  Its loader
 * can relocate 32-bit words but not 16-bit ones, so real-mode code takes
 * addresses as distances from mint_entry, through CS.
 */
#include "mint-slot.h"

#define CR0_PE		0x00000001
#define CR0_NW		0x20000000
#define CR0_CD		0x40000000
#define CR0_PG		0x80000000
#define CR4_PAE		0x00000020
#define MSR_EFER	0xc0000080
#define EFER_LME	0x00000100

#define SEL_CODE64	0x10		/* as in purgatory's own GDT */
#define SEL_DATA	0x18
#define SEL_CODE32	0x20

	.text
	.globl	mint_entry, mint_mptable, mint_cr3, mint_root

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
	ljmpl	$SEL_CODE32, $protected_mode

	.code32
protected_mode:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss

	/*
	 * Long mode needs paging.  The tables map physical memory one to one;
	 * the boot tool has put them in the follower's memory, with Accessed
	 * and Dirty set, as a change would fail purgatory's digest.
	 */
	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	mint_cr3, %eax
	testl	%eax, %eax
	jnz	1f
	/*
	 * They are above 4 GB, where CR3 cannot point yet.  Their root has one
	 * entry: it goes to the low end of the page that is the kernel's stack,
	 * which begins at its high end and is 0 otherwise.
	 */
	movl	mint_root, %eax
	movl	%eax, stack
	movl	mint_root + 4, %eax
	movl	%eax, stack + 4
	movl	$stack, %eax
1:	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PG, %eax
	movl	%eax, %cr0
	ljmpl	$SEL_CODE64, $long_mode

	.code64
long_mode:
	/*
	 * purgatory_start takes the word on top of the stack for the address
	 * to jump back to, and 0 for none; then it has a stack of its own.
	 */
	leaq	no_return(%rip), %rsp
	jmp	purgatory_start

	.balign	8
gdt:
	.quad	0
	.quad	0
	.quad	0x00af9a000000ffff	/* 10h: 64-bit code */
	.quad	0x00cf92000000ffff	/* 18h: 4 GB data */
	.quad	0x00cf9a000000ffff	/* 20h: 4 GB 32-bit code */
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt

	.balign	8
no_return:
	.quad	0

	/* Set by the boot tool: where the page tables are, or 0, and their root */
mint_root:
	.quad	0
	.size	mint_root, 8
mint_cr3:
	.long	0
	.size	mint_cr3, 4
