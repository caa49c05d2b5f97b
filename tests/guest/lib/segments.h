// SPDX-License-Identifier: GPL-2.0-only
// Selectors of the guest programs' GDT (boot.S), for C and assembly.
// The order serves SYSENTER/SYSEXIT (CS, CS+8, CS+16, ...) and SYSRET (base, base+8, base+16).
#ifndef GUEST_LIB_SEGMENTS_H
#define GUEST_LIB_SEGMENTS_H

#define SEL_KCODE 0x08    // ring 0 code of the program's own mode (32-bit or 64-bit)
#define SEL_KDATA 0x10    // ring 0 flat data
#define SEL_UCODE32 0x18  // ring 3 32-bit code (use with |3)
#define SEL_UDATA 0x20    // ring 3 data
#define SEL_UCODE64 0x28  // ring 3 64-bit code
#define SEL_UDATA2 0x30   // ring 3 data once more, where SYSEXIT64 expects it
#define SEL_KCODE32 0x38  // ring 0 32-bit code, whatever the program's mode
#define SEL_KCODE64 0x40  // ring 0 64-bit code
#define SEL_CODE16 0x48   // ring 0 16-bit code, base 0, limit FFFFh
#define SEL_DATA16 0x50   // ring 0 16-bit data, base 0, limit FFFFh
#define SEL_SPARE 0x58    // five descriptors a program fills in itself: 58h to 78h
#define SEL_TSS 0x80      // one 16-byte slot per core
#define MAX_CORES 64
#define GDT_BYTES (SEL_TSS + 16 * MAX_CORES)

#define STACK_BYTES 8192       // per core, for the program
#define TRAP_STACK_BYTES 8192  // per core, for traps from ring 3
#define TRAMPOLINE 0x8000      // where cores start by default (SIPI vector 08h)

#endif
