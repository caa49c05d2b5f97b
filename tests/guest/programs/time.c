// SPDX-License-Identifier: GPL-2.0-only
// Time as a program sees it: the TSC moves inside a straight run of code, a device sees the moment
// of each access, TSC and PIT keep their ratio, HLT does not stop the clocks.
#include "lib/guest.h"

static inline u32 tsc_low(void) {
  u32 v;
  asm volatile("rdtsc" : "=a"(v)::"edx", "memory");
  return v;
}

static void straight_line(void) {
  u32 a, b, c;
  asm volatile("rdtsc\n\tmov %%eax, %0\n\trdtsc\n\tmov %%eax, %1\n\trdtsc\n\tmov %%eax, %2"
               : "=&r"(a), "=&r"(b), "=&r"(c)::"eax", "edx");
  check("two rdtsc in one block differ", b - a > 0 && b - a < 1000000 && c - b > 0);
  bool good = true;
  u64 last = rdtsc();
  for (int i = 0; i < 10000; ++i) {
    u64 now = rdtsc();
    good &= now > last;
    last = now;
  }
  check("the TSC only grows", good);

  // More instructions between take more time, in one block.
  u32 few, many;
  asm volatile("rdtsc\n\tmov %%eax, %0\n\tnop\n\trdtsc\n\tsub %0, %%eax\n\tmov %%eax, %0"
               : "=&r"(few)::"eax", "edx");
  asm volatile(
      "rdtsc\n\tmov %%eax, %0\n\t.fill 200, 1, 0x90\n\trdtsc\n\tsub %0, %%eax\n\tmov %%eax, %0"
      : "=&r"(many)::"eax", "edx");
  print("# cycles around 1 nop %u, around 200 nops %u\n", few, many);
  check_hw("200 nops take longer than one, inside one block", many > few);
  // The same loop takes the same time again (no host clock in it).
  u32 t[3];
  for (int i = 0; i < 3; ++i) {
    u32 start = tsc_low();
    for (volatile int n = 0; n < 1000; ++n) {
    }
    t[i] = tsc_low() - start;
  }
  print("# a loop of 1000 took %u %u %u cycles\n", t[0], t[1], t[2]);
  check_hw("a loop takes the same time again", t[1] == t[2]);
  // in and out cost time.
  u32 io;
  asm volatile(
      "rdtsc\n\tmov %%eax, %0\n\toutb %%al, $0x80\n\trdtsc\n\tsub %0, %%eax\n\tmov %%eax, %0"
      : "=&r"(io)::"eax", "edx");
  print("# cycles around an out %u\n", io);
  check_hw("an out between two rdtsc costs more than a nop", io > few);
}

// One latch of PIT counter 2: command, low, high byte; the TSC just before the latch.
static void latch_pair(u32* gap_tsc, u32* gap_pit) {
  // Everything from the first latch to the second in one straight block: 400 dependent
  // multiplications between them, no jump.
  u32 t0, t1, c0, c1;
  asm volatile(
      "rdtsc\n\tmov %%eax, %0\n\t"
      "mov $0x80, %%al\n\toutb %%al, $0x43\n\t"
      "inb $0x42, %%al\n\tmovzbl %%al, %2\n\tinb $0x42, %%al\n\tmovzbl %%al, %%eax\n\tshl $8, "
      "%%eax\n\tor %%eax, %2\n\t"
      "mov $3, %%eax\n\t.rept 400\n\timul %%eax, %%eax\n\t.endr\n\t"
      "rdtsc\n\tmov %%eax, %1\n\t"
      "mov $0x80, %%al\n\toutb %%al, $0x43\n\t"
      "inb $0x42, %%al\n\tmovzbl %%al, %3\n\tinb $0x42, %%al\n\tmovzbl %%al, %%eax\n\tshl $8, "
      "%%eax\n\tor %%eax, %3\n\t"
      : "=&r"(t0), "=&r"(t1), "=&r"(c0), "=&r"(c1)::"eax", "edx", "memory", "cc");
  *gap_tsc = t1 - t0;
  *gap_pit = (c0 - c1) & 0xFFFF;
}

static void device_time(void) {
  outb(0x61, (inb(0x61) & ~3) | 1);
  pit_program(2, 2, 0);
  u32 ratio = (u32)tsc_per_ms() / 1193;  // TSC cycles in a PIT clock
  u64 sum_tsc = 0, sum_pit = 0;
  bool close = true;
  for (int i = 0; i < 200; ++i) {
    u32 tsc, pit;
    latch_pair(&tsc, &pit);
    sum_tsc += tsc;
    sum_pit += pit;
    u32 want = tsc / ratio;
    if (pit + 2 < want || pit > want + 2) close = false;
  }
  print("# latches apart on average %u cycles, %u/100 PIT clocks\n", (u32)sum_tsc / 200,
        (u32)sum_pit / 2);
  check_hw("the PIT sees two latches in one block as far apart as the TSC says", close);
  check("PIT clocks pass between them", sum_pit > 0);
}

static void ratio(void) {
  // 40 PIT ticks of 1000 clocks against the TSC; counter 2, mode 2, watched through its reload.
  pit_program(2, 2, 60000);
  u16 start = pit_read(2);
  while (pit_read(2) <= start) start = pit_read(2);  // just after a reload
  u64 t0 = rdtsc();
  u16 before = pit_read(2);
  u32 clocks = 0;
  while (clocks < 120000) {
    u16 now = pit_read(2);
    clocks += now <= before ? before - now : before + 60000 - now;
    before = now;
  }
  u64 t = rdtsc() - t0;
  // 2.8e9 / 1193182 = 2346.67 cycles a clock
  u32 per_1000 = (u32)(t / 4) / (clocks / 4000);
  print("# TSC cycles per 1000 PIT clocks: %u (2.8 GHz: 2346666)\n", per_1000);
  check_hw("TSC against PIT is 2.8 GHz against 1.193182 MHz",
           per_1000 > 2345000 && per_1000 < 2348500);
  print("# TSC cycles in a millisecond by PIT gate: %u\n", (u32)tsc_per_ms());
  check_hw("calibration by the speaker gate gives 2.8 GHz",
           tsc_per_ms() > 2797000 && tsc_per_ms() < 2803000);
}

static volatile u32 ticks;
static volatile u64 tick_tsc[8];
static bool on_tick(struct frame* f) {
  (void)f;
  if (ticks < 8) tick_tsc[ticks] = rdtsc();
  ++ticks;
  pic_eoi(0);
  return true;
}

static void halted(void) {
  trap_hook[0x20] = on_tick;
  lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
  pit_program(0, 2, 11932);  // 10 ms
  pic_mask(0xFFFE);
  while (ticks < 6) halt_with_interrupts();
  pic_mask(0xFFFF);
  u32 a = (u32)(tick_tsc[3] - tick_tsc[2]), b = (u32)(tick_tsc[4] - tick_tsc[3]);
  print("# 10 ms halts took %u and %u cycles\n", a, b);
  u32 ms10 = 10 * (u32)tsc_per_ms();
  check_hw("a halted core wakes 10 ms later by the TSC",
           a > ms10 - ms10 / 1000 && a < ms10 + ms10 / 1000 && b > ms10 - ms10 / 1000 &&
               b < ms10 + ms10 / 1000);
  lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
}

static void tsc_writes(void) {
  u64 before = rdtsc();
  wrmsr(MSR_TSC, 0x123456789Aull);
  u64 after = rdtsc();
  check_hw("wrmsr sets the TSC", after >= 0x123456789Aull && after < 0x123456789Aull + 1000000000);
  u64 msr = rdmsr(MSR_TSC);
  check_hw("rdmsr of the TSC agrees with rdtsc", msr >= after && msr - after < 100000000);
  wrmsr(MSR_TSC, before);
  check("and it can be set back", rdtsc() >= before);
}

static u8 cmos(u8 index) {
  outb(0x70, index);
  return inb(0x71);
}

static void rtc(void) {
  // Two changes of the seconds are a second apart; asleep between looks, every millisecond.
  check("the RTC is in 24-hour mode", cmos(0x0B) & 2);
  lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
  pit_program(0, 2, PIT_HZ / 1000);
  pic_mask(0xFFFE);
  u64 start = 0;
  for (int change = 0; change < 2; ++change) {
    u8 s = cmos(0);
    while (cmos(0) == s) halt_with_interrupts();
    if (!change) start = rdtsc();
  }
  u32 took = (u32)((rdtsc() - start) >> 10) / ((u32)tsc_per_ms() >> 10);
  pic_mask(0xFFFF);
  lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
  print("# a second of the RTC took %u ms\n", took);
  check_hw("a second of the RTC is a second of the TSC", took >= 995 && took <= 1005);
}

void guest_main(void) {
  straight_line();
  device_time();
  ratio();
  halted();
  tsc_writes();
  rtc();
  finish("time");
}
