// SPDX-License-Identifier: GPL-2.0-only
// INT 15h.
#include "tests/firmware/services.h"

static void e820_cases(void) {
  begin("int 15h/E820h lists memory in order, without overlap");
  static struct {
    u64 base, length;
    u32 type;
  } __attribute__((packed)) range;
  u64 end = 0;
  u32 next = 0, entries = 0, low = 0, high = 0;
  bool ebda = false, io_apic = false, lapic = false, rom = false;
  do {
    struct ServiceRegs r =
        SERVICE(0x15, .eax = 0xE820, .ebx = next, .ecx = 20, .edx = 0x534D4150, .edi = (u32)&range);
    EXPECT(!failed(&r));
    EXPECT_EQ(r.eax, 0x534D4150);
    EXPECT_EQ(r.ecx, 20);
    EXPECT(range.base >= end);
    EXPECT(range.length != 0);
    end = range.base + range.length;
    if (range.type == 1 && range.base == 0) low = range.length;
    if (range.type == 1 && range.base == 0x100000) high = end;
    if (range.type == 2 && range.base == 0x9FC00) ebda = end == 0xA0000;
    if (range.type == 2 && range.base == 0xFEC00000) io_apic = true;
    if (range.type == 2 && range.base == 0xFEE00000) lapic = true;
    if (range.type == 2 && range.base == 0xFFFE0000) rom = end == 0x100000000;
    next = r.ebx;
  } while (next && ++entries < 32);
  EXPECT_EQ(low, 0x9FC00);
  EXPECT(high > 0x1000000);
  EXPECT(ebda && io_apic && lapic && rom);

  begin("int 15h/E820h wants SMAP and 20 bytes");
  struct ServiceRegs r =
      SERVICE(0x15, .eax = 0xE820, .ecx = 20, .edx = 0x534D4151, .edi = (u32)&range);
  EXPECT(failed(&r));
  EXPECT_EQ(r.eax >> 8 & 0xFF, 0x86);
  r = SERVICE(0x15, .eax = 0xE820, .ecx = 16, .edx = 0x534D4150, .edi = (u32)&range);
  EXPECT(failed(&r));

  begin("int 15h/E801h and 88h agree with E820h");
  r = SERVICE(0x15, .eax = 0xE801);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.eax & 0xFFFF, 0x3C00);
  EXPECT_EQ((r.ebx & 0xFFFF) << 16, high - 0x1000000);
  EXPECT_EQ(r.ecx & 0xFFFF, 0x3C00);
  EXPECT_EQ(r.edx & 0xFFFF, r.ebx & 0xFFFF);
  u32 kb = (high >> 10) - 1024;
  r = SERVICE(0x15, .eax = 0x8800);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.eax & 0xFFFF, kb < 0xFC00 ? kb : 0xFC00);
}

bool block_move(u32 to, u32 from, u32 bytes) {
  static struct {
    u16 limit, base_low;
    u8 base_middle, access, flags, base_high;
  } table[6];
  for (int i = 2; i < 4; ++i) {
    u32 base = i == 2 ? from : to;
    table[i].limit = 0xFFFF;
    table[i].base_low = base;
    table[i].base_middle = base >> 16;
    table[i].access = 0x93;
    table[i].base_high = base >> 24;
  }
  struct ServiceRegs r = SERVICE(0x15, .eax = 0x8700, .ecx = bytes / 2, .esi = (u32)table);
  return !failed(&r) && !(r.eax >> 8 & 0xFF);
}

static void block_move_case(void) {
  begin("int 15h/87h moves blocks above 1 MB and back");
  for (u32 i = 0; i < 0x1000; i += 2) poke16(kBuffer + i, i * 7);
  EXPECT(block_move(0x1234562, kBuffer, 0x1000));
  EXPECT(block_move(kBuffer + 0x2000, 0x1234562, 0x1000));
  for (u32 i = 0; i < 0x1000; i += 2) EXPECT_EQ(peek16(kBuffer + 0x2000 + i), (u16)(i * 7));
}

static void a20_case(void) {
  begin("int 15h/24xxh switches A20");
  struct ServiceRegs r = SERVICE(0x15, .eax = 0x2402);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.eax & 0xFFFF, 1);
  r = SERVICE(0x15, .eax = 0x2400);
  EXPECT(!failed(&r));
  EXPECT_EQ(SERVICE(0x15, .eax = 0x2402).eax & 0xFF, 0);
  r = SERVICE(0x15, .eax = 0x2401);
  EXPECT(!failed(&r));
  EXPECT_EQ(SERVICE(0x15, .eax = 0x2402).eax & 0xFF, 1);
  r = SERVICE(0x15, .eax = 0x2403);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.ebx & 2, 2);
}

// The word at FFFF:0510, which is 100500h, or 500h without A20.
static u16 peek_above_1m(void) {
  u16 value;
  __asm__ volatile("movw %w1, %%fs\n\tmovw %%fs:0x510, %0" : "=r"(value) : "r"(0xFFFF) : "memory");
  return value;
}

static void a20_wrap_case(void) {
  begin("without A20 addresses wrap at 1 MB, with it they don't");
  poke16(kBuffer, 0x1111);
  EXPECT(block_move(0x100500, kBuffer, 2));
  poke16(0x500, 0x2222);
  EXPECT_EQ(peek_above_1m(), 0x1111);
  SERVICE(0x15, .eax = 0x2400);
  u16 wrapped = peek_above_1m();
  SERVICE(0x15, .eax = 0x2401);
  EXPECT_EQ(wrapped, 0x2222);
  EXPECT_EQ(peek_above_1m(), 0x1111);
}

void memory_cases(void) {
  e820_cases();
  block_move_case();
  a20_case();
  a20_wrap_case();

  begin("int 15h/C0h gives the configuration table");
  struct ServiceRegs r = SERVICE(0x15, .eax = 0xC000);
  EXPECT(!failed(&r));
  u32 table = ((u32)r.es << 4) + (r.ebx & 0xFFFF);
  EXPECT_EQ(peek16(table), 8);
  EXPECT_EQ(peek8(table + 2), 0xFC);

  begin("int 15h refuses what there is not");
  static const u16 kAbsent[] = {0x5300, 0xE980, 0xEC00, 0x8300, 0xE881, 0x2450};
  for (u32 i = 0; i < sizeof(kAbsent) / sizeof(kAbsent[0]); ++i) {
    r = SERVICE(0x15, .eax = kAbsent[i]);
    EXPECT(failed(&r));
    EXPECT_EQ(r.eax >> 8 & 0xFF, 0x86);
  }
}
