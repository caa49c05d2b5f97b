/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of a purgatory slot: what the real-mode entry (mint-entry.S), the
 * boot tool that fills the slot in, and the follower that reads it agree on.
 *
 *   slot + 0000  real-mode entry: a jump over the table
 *   slot + 0010  MP floating pointer structure, then the MP configuration table
 *   slot + 0800  the switch to protected (and long) mode
 *                kexec-tools' purgatory: code, data, stack
 *   slot + 3000  once purgatory has run: the follower's own real-mode trampoline
 *   slot + 9000  end
 *
 * Read by C and by the assembler.
 */
#ifndef MINT_SLOT_H
#define MINT_SLOT_H

/* Slot of a core = its APIC id * the size; 28 fit below 1 MB */
#define MINT_SLOT_SIZE		0x9000
#define MINT_SLOTS		28

/* Follows the jump; room for 64 cores and 24 pins */
#define MINT_MPTABLE		0x10
#define MINT_MPTABLE_SIZE	0x7f0

/* Six pages, which is what Linux 6.1's trampoline takes */
#define MINT_TRAMPOLINE		0x3000

/*
 * Where all followers' purgatories have one place (--purgatory=locked, shared,
 * none): that, and behind it the trampoline of all followers with one core, who
 * only put it there and never use it.  A follower with more cores keeps its own
 * in the slot of its boot core.
 */
#define MINT_ONE_PLACE		0x9000
#define MINT_ONE_LOW		0x12000	/* what such followers have below 1 MB */
#define MINT_ONE_TRAMPOLINE	0x15000
#define MINT_FIRST_FREE_SLOT	3

/*
 * In the page that all kernels share (docs/board.md): the word that is not 0
 * from placing until purgatory has run, and shared purgatory's table, by APIC id
 */
#define MINT_SHARED_PAGE	0x1000
#define MINT_PLACE_LOCK		0x1010
#define MINT_TABLE		0x1400
#define MINT_TABLE_SHIFT	5
#define MINT_TABLE_CORES	64

#endif /* MINT_SLOT_H */
