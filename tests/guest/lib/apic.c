// SPDX-License-Identifier: GPL-2.0-only
#include "apic.h"

void lapic_setup(void) {
  lapic_write(LAPIC_SVR, 0x1FF);
  lapic_write(LAPIC_TPR, 0);
  lapic_write(LAPIC_DFR, 0xFFFFFFFF);
  lapic_write(LAPIC_LDR, 1u << (24 + core_id() % 8));
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | 0xFE);
  lapic_write(LAPIC_LVT_THERMAL, LVT_MASKED | 0xFE);
  lapic_write(LAPIC_LVT_PERF, LVT_MASKED | 0xFE);
  lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | 0xFE);
  lapic_write(LAPIC_LVT_LINT1, LVT_MASKED | 0xFE);
  lapic_write(LAPIC_LVT_ERROR, LVT_MASKED | 0xFE);
  lapic_write(LAPIC_TIMER_INITIAL, 0);
  lapic_write(LAPIC_ESR, 0);
  lapic_write(LAPIC_ESR, 0);
  for (int i = 0; i < 256; ++i) {
    bool in_service = false;
    for (int r = 0; r < 8; ++r) in_service |= lapic_read(LAPIC_ISR + 16 * r) != 0;
    if (!in_service) break;
    eoi();
  }
}

void ipi(u8 destination, u32 command) {
  while (lapic_read(LAPIC_ICR) & ICR_PENDING) pause();
  lapic_write(LAPIC_ICR_HIGH, (u32)destination << 24);
  lapic_write(LAPIC_ICR, command);
  while (lapic_read(LAPIC_ICR) & ICR_PENDING) pause();
}

u32 ioapic_read(u8 index) {
  *(volatile u32*)IOAPIC_BASE = index;
  return *(volatile u32*)(IOAPIC_BASE + 0x10);
}

void ioapic_write(u8 index, u32 v) {
  *(volatile u32*)IOAPIC_BASE = index;
  *(volatile u32*)(IOAPIC_BASE + 0x10) = v;
}

void ioapic_route(u8 pin, u8 destination, u32 low) {
  ioapic_write(0x10 + 2 * pin, REDIR_MASKED);
  ioapic_write(0x11 + 2 * pin, (u32)destination << 24);
  ioapic_write(0x10 + 2 * pin, low);
}

u32 ioapic_low(u8 pin) { return ioapic_read(0x10 + 2 * pin); }

void pic_setup(void) {
  outb(0x20, 0x11);  // ICW1: edge, cascade, ICW4
  outb(0xA0, 0x11);
  outb(0x21, 0x20);  // ICW2: vectors
  outb(0xA1, 0x28);
  outb(0x21, 0x04);  // ICW3: slave on input 2
  outb(0xA1, 0x02);
  outb(0x21, 0x01);  // ICW4: 8086 mode
  outb(0xA1, 0x01);
  pic_mask(0xFFFF);
  outb(0x4D0, 0);  // ELCR: a BIOS may have made PCI's inputs level-triggered
  outb(0x4D1, 0);
  for (u8 pin = 0; pin < 24; ++pin) ioapic_write(0x10 + 2 * pin, REDIR_MASKED);
}

void pic_mask(u16 mask) {
  outb(0x21, mask & 0xFF);
  outb(0xA1, mask >> 8);
}

void pic_eoi(u8 irq) {
  if (irq >= 8) outb(0xA0, 0x20);
  outb(0x20, 0x20);
}
