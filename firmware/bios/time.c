// SPDX-License-Identifier: GPL-2.0-only
// 8259 pair, 8254 tick, real-time clock (INT 1Ah), and waiting. Whoever waits halts until the local
// APIC's timer interrupts, so that an idle machine is idle.
#include "firmware/bios/bios.h"

enum {
  kPic1 = 0x20,
  kPic2 = 0xA0,
  kPitHz = 1193182,
  kLvtMasked = 0x10000,
  kLapicEoi = 0xB0,
  kLapicSvr = 0xF0,
  kLapicLvtTimer = 0x320,
  kLapicInitialCount = 0x380,
  kLapicCurrentCount = 0x390,
  kLapicDivide = 0x3E0,
  kDivideBy16 = 3
};

void pic_init(void) {
  static const u8 command[][4] = {{0x11, 0x08, 0x04, 0x01}, {0x11, 0x70, 0x02, 0x01}};
  for (int chip = 0; chip < 2; ++chip) {
    u16 port = chip ? kPic2 : kPic1;
    outb(port, command[chip][0]);
    for (int i = 1; i < 4; ++i) outb(port + 1, command[chip][i]);
  }
  outb(0x4D0, 0);  // ISA lines are edge triggered
  outb(0x4D1, 0);
  outb(kPic1 + 1, 0xF8);  // tick, keyboard, cascade
  outb(kPic2 + 1, 0xFF);
}

static void pit_rate(u16 count) {
  outb(0x43, 0x34);  // channel 0, mode 2
  outb(0x40, count & 0xFF);
  outb(0x40, count >> 8);
}

static void wait_for_tick(void) {
  u32 now = bda.ticks;
  while (bda.ticks == now) real_halt();
}

// Measures the local APIC's timer with four periods of 1 ms of the 8254, then sets the rate of 18.2
// Hz that the tick has on every PC.
void timers_init(void) {
  *lapic(kLapicDivide) = kDivideBy16;
  *lapic(kLapicLvtTimer) = kLvtMasked | kLapicTimerVector;
  pit_rate(kPitHz / 1000);
  wait_for_tick();
  *lapic(kLapicInitialCount) = 0xFFFFFFFF;
  u32 begin = *lapic(kLapicCurrentCount);
  for (int i = 0; i < 4; ++i) wait_for_tick();
  ebda.timer_ticks_per_ms = (begin - *lapic(kLapicCurrentCount)) / 4;
  *lapic(kLapicInitialCount) = 0;
  pit_rate(0);
  bda.ticks = 0;
}

void sleep_us(u32 microseconds) {
  if (!(*lapic(kLapicSvr) & 0x100)) {  // an operating system has switched the APIC off
    for (u32 i = 0; i < 1000; ++i) pause();
    return;
  }
  u32 per_ms = ebda.timer_ticks_per_ms;
  while (microseconds) {
    u32 part = microseconds < 1000000 ? microseconds : 1000000;
    u32 count = part / 1000 * per_ms + part % 1000 * per_ms / 1000;
    ebda.timer_fired = 0;
    *lapic(kLapicDivide) = kDivideBy16;
    *lapic(kLapicLvtTimer) = kLapicTimerVector;
    *lapic(kLapicInitialCount) = count ? count : 1;
    while (!ebda.timer_fired) real_halt();
    *lapic(kLapicEoi) = 0;
    microseconds -= part;
  }
  *lapic(kLapicLvtTimer) = kLvtMasked | kLapicTimerVector;
}

bool wait_until(bool (*done)(void*), void* arg, u32 timeout_ms, u32 step_us) {
  u32 steps_per_ms = step_us < 1000 ? 1000 / step_us : 1;
  u32 ms_per_step = step_us < 1000 ? 1 : step_us / 1000;
  for (u32 ms = 0; ms <= timeout_ms; ms += ms_per_step) {
    for (u32 i = 0; i < steps_per_ms; ++i) {
      if (done(arg)) return true;
      sleep_us(step_us);
    }
  }
  return done(arg);
}

u8 from_bcd(u8 value) { return (value >> 4) * 10 + (value & 15); }

static bool rtc_stable(void* unused) {
  (void)unused;
  return !(cmos_read(0x0A) & 0x80);
}

// 24 hours, BCD, no interrupts; the tick counter starts with the time of day.
void clock_init(void) {
  cmos_write(0x0A, 0x26);
  cmos_write(0x0B, 0x02);
  cmos_read(0x0C);
  wait_until(rtc_stable, NULL, 3, 250);
  u32 seconds =
      from_bcd(cmos_read(4)) * 3600 + from_bcd(cmos_read(2)) * 60 + from_bcd(cmos_read(0));
  bda.ticks = seconds * 18 + seconds * 2065 / 10000;
}

void rtc_interrupt(void) {
  cmos_read(0x0C);
  outb(kPic2, 0x20);
  outb(kPic1, 0x20);
}

// INT 1Ah
void time_service(struct Regs* r) {
  set_flag(r, kCarry, false);
  switch (r->ah) {
    case 0x00:
      r->cx = bda.ticks >> 16;
      r->dx = bda.ticks;
      r->al = bda.midnight;
      bda.midnight = 0;
      return;
    case 0x01:
      bda.ticks = (u32)r->cx << 16 | r->dx;
      bda.midnight = 0;
      return;
    case 0x02:
      wait_until(rtc_stable, NULL, 3, 250);
      r->ch = cmos_read(4);
      r->cl = cmos_read(2);
      r->dh = cmos_read(0);
      r->dl = cmos_read(0x0B) & 1;
      r->ah = 0;
      r->al = r->ch;
      return;
    case 0x03:
      cmos_write(0x0B, cmos_read(0x0B) | 0x80);
      cmos_write(0, r->dh);
      cmos_write(2, r->cl);
      cmos_write(4, r->ch);
      cmos_write(0x0B, 0x02 | (r->dl & 1));
      return;
    case 0x04:
      wait_until(rtc_stable, NULL, 3, 250);
      r->ch = cmos_read(0x32);
      r->cl = cmos_read(9);
      r->dh = cmos_read(8);
      r->dl = cmos_read(7);
      r->ah = 0;
      return;
    case 0x05:
      cmos_write(0x0B, cmos_read(0x0B) | 0x80);
      cmos_write(7, r->dl);
      cmos_write(8, r->dh);
      cmos_write(9, r->cl);
      cmos_write(0x32, r->ch);
      cmos_write(0x0B, cmos_read(0x0B) & 0x7F);
      return;
    case 0xB1:
      if (r->al == 0x01) {  // PCI BIOS present: mechanism 1, version 2.10, last bus 0
        r->edx = 0x20494350;
        r->ax = 0x0001;
        r->bx = 0x0210;
        r->cl = 0;
        return;
      }
      r->ah = 0x81;
      break;
  }
  set_flag(r, kCarry, true);
}
