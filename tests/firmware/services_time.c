// SPDX-License-Identifier: GPL-2.0-only
// Tick, waits and the real-time clock.
#include "tests/firmware/services.h"

static volatile u32 g_hook_calls;

static u32 ticks(void) {
  struct ServiceRegs r = SERVICE(0x1A, .eax = 0);
  return r.ecx << 16 | (r.edx & 0xFFFF);
}

static bool is_bcd(u32 value, u32 from, u32 to) {
  u32 number = (value >> 4 & 15) * 10 + (value & 15);
  return (value & 15) < 10 && (value >> 4 & 15) < 10 && number >= from && number <= to;
}

// Counts calls of INT 1Ch; the hook is 16-bit code that saves what it changes.
__asm__(
    ".code16\n"
    "hook:\n\t"
    "pushw %ds\n\t"
    "pushw $0\n\t"
    "popw %ds\n\t"
    "incl g_hook_calls\n\t"
    "popw %ds\n\t"
    "iretw\n"
    ".code16gcc\n");
extern const u8 hook[];

static void tick_cases(void) {
  begin("the tick counts and calls int 1Ch");
  u32 old = peek32(0x1C * 4);
  poke16(0x1C * 4, (u32)hook);
  poke16(0x1C * 4 + 2, 0);
  u32 before = ticks();
  while (ticks() < before + 2) __asm__ volatile("hlt");
  poke16(0x1C * 4, old);
  poke16(0x1C * 4 + 2, old >> 16);
  EXPECT(g_hook_calls == 2 || g_hook_calls == 3);

  begin("int 1Ah/01h sets the counter");
  before = ticks();
  SERVICE(0x1A, .eax = 0x0100, .ecx = 0x0001, .edx = 0x8000);
  u32 now = ticks();
  EXPECT(now == 0x18000 || now == 0x18001);
  SERVICE(0x1A, .eax = 0x0100, .ecx = before >> 16, .edx = before);

  begin("at midnight the counter wraps and the flag is set, once");
  SERVICE(0x1A, .eax = 0x0100, .ecx = 0x18, .edx = 0x00AF);
  while (ticks() > 2) __asm__ volatile("hlt");
  SERVICE(0x1A, .eax = 0x0100, .ecx = 0x18, .edx = 0x00AF);
  struct ServiceRegs r;
  do {
    __asm__ volatile("hlt");
    r = SERVICE(0x1A, .eax = 0);
  } while ((r.ecx & 0xFFFF) == 0x18);
  EXPECT_EQ(r.eax & 0xFF, 1);
  EXPECT_EQ(SERVICE(0x1A, .eax = 0).eax & 0xFF, 0);
  SERVICE(0x1A, .eax = 0x0100, .ecx = before >> 16, .edx = before);

  begin("int 15h/86h waits as long as it is told");
  before = ticks();
  r = SERVICE(0x15, .eax = 0x8600, .ecx = 0x0004, .edx = 0x93E0);  // 300,000 us: 5.46 ticks
  EXPECT(!failed(&r));
  u32 waited = ticks() - before;
  EXPECT(waited >= 5 && waited <= 7);
}

void time_cases(void) {
  tick_cases();

  begin("int 1Ah/02h and 04h read time and date");
  struct ServiceRegs r = SERVICE(0x1A, .eax = 0x0200);
  EXPECT(!failed(&r));
  EXPECT(is_bcd(r.ecx >> 8 & 0xFF, 0, 23));
  EXPECT(is_bcd(r.ecx & 0xFF, 0, 59));
  EXPECT(is_bcd(r.edx >> 8 & 0xFF, 0, 59));
  r = SERVICE(0x1A, .eax = 0x0400);
  EXPECT(!failed(&r));
  EXPECT(is_bcd(r.ecx >> 8 & 0xFF, 19, 21));
  EXPECT(is_bcd(r.edx >> 8 & 0xFF, 1, 12));
  EXPECT(is_bcd(r.edx & 0xFF, 1, 31));

  begin("int 1Ah/03h sets the time");
  u16 old_hour_minute = SERVICE(0x1A, .eax = 0x0200).ecx;
  r = SERVICE(0x1A, .eax = 0x0300, .ecx = 0x1234, .edx = 0x1000);
  EXPECT(!failed(&r));
  EXPECT_EQ(SERVICE(0x1A, .eax = 0x0200).ecx & 0xFFFF, 0x1234);
  SERVICE(0x1A, .eax = 0x0300, .ecx = old_hour_minute, .edx = 0);

  begin("int 1Ah/B101h says PCI by mechanism 1, one bus");
  r = SERVICE(0x1A, .eax = 0xB101);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.edx, 0x20494350);
  EXPECT_EQ(r.eax & 0xFFFF, 0x0001);
  EXPECT_EQ(r.ecx & 0xFF, 0);
}
