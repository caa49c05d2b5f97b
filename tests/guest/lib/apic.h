// SPDX-License-Identifier: GPL-2.0-only
// LAPIC, I/O APIC and 8259 as the programs use them.
#ifndef GUEST_LIB_APIC_H
#define GUEST_LIB_APIC_H

#include "cpu.h"

#define LAPIC_BASE 0xFEE00000ul
#define IOAPIC_BASE 0xFEC00000ul

// LAPIC registers (SDM Vol. 3, table 10-1).
enum lapic_register {
  LAPIC_ID = 0x20,
  LAPIC_VERSION = 0x30,
  LAPIC_TPR = 0x80,
  LAPIC_APR = 0x90,
  LAPIC_PPR = 0xA0,
  LAPIC_EOI = 0xB0,
  LAPIC_LDR = 0xD0,
  LAPIC_DFR = 0xE0,
  LAPIC_SVR = 0xF0,
  LAPIC_ISR = 0x100,
  LAPIC_TMR = 0x180,
  LAPIC_IRR = 0x200,
  LAPIC_ESR = 0x280,
  LAPIC_ICR = 0x300,
  LAPIC_ICR_HIGH = 0x310,
  LAPIC_LVT_TIMER = 0x320,
  LAPIC_LVT_THERMAL = 0x330,
  LAPIC_LVT_PERF = 0x340,
  LAPIC_LVT_LINT0 = 0x350,
  LAPIC_LVT_LINT1 = 0x360,
  LAPIC_LVT_ERROR = 0x370,
  LAPIC_TIMER_INITIAL = 0x380,
  LAPIC_TIMER_CURRENT = 0x390,
  LAPIC_TIMER_DIVIDE = 0x3E0,
};

// ICR bits.
#define ICR_FIXED 0x000u
#define ICR_LOWEST 0x100u
#define ICR_NMI 0x400u
#define ICR_INIT 0x500u
#define ICR_SIPI 0x600u
#define ICR_LOGICAL 0x800u
#define ICR_PENDING 0x1000u
#define ICR_ASSERT 0x4000u
#define ICR_LEVEL 0x8000u
#define ICR_SELF 0x40000u
#define ICR_ALL 0x80000u
#define ICR_OTHERS 0xC0000u

#define LVT_MASKED 0x10000u
#define LVT_PERIODIC 0x20000u
#define LVT_EXTINT 0x700u
#define LVT_NMI 0x400u

static inline u32 lapic_read(u32 offset) { return *(volatile u32*)(LAPIC_BASE + offset); }
static inline void lapic_write(u32 offset, u32 v) { *(volatile u32*)(LAPIC_BASE + offset) = v; }
static inline void eoi(void) { lapic_write(LAPIC_EOI, 0); }
// Bit of a vector in ISR, TMR or IRR.
static inline bool lapic_bit(u32 base, u8 vector) {
  return lapic_read(base + vector / 32 * 16) >> (vector % 32) & 1;
}

// Software-enables the calling core's LAPIC (spurious vector FFh), all LVTs masked, TPR 0, flat
// logical model with LDR = 1 << (core mod 8).
void lapic_setup(void);
// Sends an interrupt command and waits until it is delivered.
void ipi(u8 destination, u32 command);

// I/O APIC redirection entries (82093AA data sheet, 3.2.4).
u32 ioapic_read(u8 index);
void ioapic_write(u8 index, u32 v);
void ioapic_route(u8 pin, u8 destination, u32 low);  // writes high half first
u32 ioapic_low(u8 pin);
#define REDIR_MASKED 0x10000u
#define REDIR_LEVEL 0x8000u
#define REDIR_REMOTE_IRR 0x4000u
#define REDIR_LOW_ACTIVE 0x2000u
#define REDIR_PENDING 0x1000u

// Initialises both 8259 with vectors 20h and 28h, all inputs masked; all I/O APIC pins masked.
void pic_setup(void);
void pic_mask(u16 mask);
void pic_eoi(u8 irq);

#endif
