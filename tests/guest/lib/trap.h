// SPDX-License-Identifier: GPL-2.0-only
// Exceptions and interrupts: one IDT for all cores, a recorder of the last exception with a resume
// address, hooks per vector, and ring 3.
//
//   asm volatile(TRAPPING("ud2") ::: "memory");
//   check("ud2 is #UD", trap_take() == 6 && trap_last.f.ip == trap_site);
#ifndef GUEST_LIB_TRAP_H
#define GUEST_LIB_TRAP_H

#include "cpu.h"

struct frame {
#ifdef __x86_64__
  ulong r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
#else
  ulong di, si, bp, unused_sp, bx, dx, cx, ax;
#endif
  ulong vector, error;
  ulong ip, cs, flags;
  ulong sp, ss;  // 32-bit mode: pushed only on a change of privilege
};

struct trap {
  struct frame f;  // as pushed, error 0 where the exception has none
  ulong cr2;
  u32 count;  // exceptions since trap_clear()
};

#define NO_TRAP 0xFFFFu
extern struct trap trap_last;
// Where execution goes on after the next exception; 0: an exception is the end of the program.
extern volatile ulong trap_resume;
extern volatile ulong trap_site, trap_after;

// An instruction that may trap: sets trap_site (its address), trap_after (the next) and resumes
// there.
#define TRAPPING(instruction)                                         \
  "mov" W " $773f, trap_resume\n\tmov" W " $772f, trap_site\n\tmov" W \
  " $773f, trap_after\n772:\t" instruction "\n773:\tmov" W " $0, trap_resume\n\t"

// Forgets the last exception.
void trap_clear(void);
// Vector of the last exception, NO_TRAP if none; forgets it (trap_last stays to be read).
u32 trap_take(void);

// A hook sees the frame first; true means handled (return to the interrupted code as it left it).
typedef bool (*trap_hook_t)(struct frame*);
extern trap_hook_t trap_hook[256];

enum gate { GATE_TASK = 5, GATE_INT16 = 6, GATE_TRAP16 = 7, GATE_INT = 0xE, GATE_TRAP = 0xF };
// Points a vector somewhere else than the common handler (handler 0 restores that).
void set_gate(u8 vector, ulong handler, u16 selector, enum gate type, u8 dpl, u8 ist);
// Changes only the privilege level that `int n` needs.
void set_gate_dpl(u8 vector, u8 dpl);
// Writes an 8-byte GDT descriptor: base, limit in bytes (made 4K-granular above 1 MB), the access
// byte and the flags nibble (bit 1: long, bit 2: 32-bit).
void set_descriptor(u16 selector, u32 base, u32 limit, u8 access, u8 flags);
extern u64 gdt[];
extern u64 idt[];

// Loads GDT, IDT, TSS of the calling core.
void trap_setup_core(u32 core);

// The TSS of a core as 32-bit words; layout by mode (SDM Vol. 3, 7.2.1 and 7.7).
extern u32 tss[MAX_CORES][32];
extern u8 trap_stack[MAX_CORES][TRAP_STACK_BYTES];

// Runs fn in ring 3 until it traps (recorded in trap_last) or executes `int 0x80`, whose EAX is the
// result; the result of a trap is -1, that of a return from fn USER_RETURNED.  IF and IOPL come
// from flags.
#define USER_RETURNED 0x5E7
long run_user(void (*fn)(void), ulong flags);
// The same with a chosen code selector (e.g. 32-bit code in a 64-bit program) and stack pointer.
long run_user_at(ulong ip, ulong cs, ulong flags, ulong sp);
extern u8 user_stack[16384];
// Runs fn in ring 0 until it returns (USER_RETURNED) or anything traps, in whatever ring it then is
// (-1).
long run_guarded(void (*fn)(void));
// Leaves ring 3 from a hook: run_user returns value.
void user_leave(long value) __attribute__((noreturn));

#endif
