// SPDX-License-Identifier: GPL-2.0-only
#include "clock.h"

void pit_program(u8 counter, u8 mode, u16 count) {
  outb(0x43, counter << 6 | 0x30 | mode << 1);
  outb(0x40 + counter, count & 0xFF);
  outb(0x40 + counter, count >> 8);
}

u16 pit_read(u8 counter) {
  outb(0x43, counter << 6);
  u8 low = inb(0x40 + counter);
  return low | inb(0x40 + counter) << 8;
}

u64 tsc_per_ms(void) {
  static u64 cycles;
  if (!cycles) {
    // Mode 0 on the speaker's counter with the gate open: OUT rises at terminal count.
    outb(0x61, (inb(0x61) & ~3) | 1);
    pit_program(2, 0, PIT_HZ / 500);  // 2 ms
    u64 start = rdtsc();
    while (!(inb(0x61) & 0x20)) pause();
    cycles = (rdtsc() - start) / 2;
  }
  return cycles;
}

void delay_us(u32 us) {
  u64 per_us = (u32)tsc_per_ms() / 1000u;  // a TSC below 4.2 THz
  u64 end = rdtsc() + us * per_us;
  while (rdtsc() < end) pause();
}
