// SPDX-License-Identifier: GPL-2.0-only
// What the firmware leaves in memory: MP table, vectors, the page that the OSes share.
#include "tests/firmware/services.h"

static u8 cmos(u8 index) {
  outb(0x70, index);
  return inb(0x71);
}

static u8 sum(u32 address, u32 bytes) {
  u8 total = 0;
  while (bytes--) total += peek8(address++);
  return total;
}

static void mp_case(void) {
  begin("the MP table in the EBDA lists the cores, the I/O APIC and its inputs");
  u32 pointer = 0;
  for (u32 at = 0x9FC00; at < 0xA0000 && !pointer; at += 16)
    if (peek32(at) == 0x5F504D5F) pointer = at;
  EXPECT(pointer != 0);
  EXPECT_EQ(sum(pointer, 16), 0);
  EXPECT_EQ(peek8(pointer + 9), 4);
  u32 table = peek32(pointer + 4);
  u32 cores = cmos(0x5F) + 1, found = 0, boot = 0, isa = 0, pci = 0, local = 0;
  u32 io_apic = 0xFF, timer_pin = 0xFF, ext_int_pin = 0xFF;
  if (table >= 0x100000) {  // with many cores it is in reserved memory above
    EXPECT(block_move(kBuffer, table, 0x1000));
    table = kBuffer;
  }
  EXPECT_EQ(peek32(table), 0x504D4350);
  EXPECT_EQ(sum(table, peek16(table + 4)), 0);
  EXPECT_EQ(peek32(table + 36), 0xFEE00000);
  u32 at = table + 44;
  for (u32 entries = peek16(table + 34); entries; --entries) {
    u8 type = peek8(at);
    if (type == 0) {
      EXPECT_EQ(peek8(at + 1), found);
      EXPECT(peek8(at + 2) >= 0x10);
      if (peek8(at + 3) & 2) boot += found + 1;
      ++found;
      at += 20;
      continue;
    }
    if (type == 2) {
      io_apic = peek8(at + 1);
      EXPECT_EQ(peek32(at + 4), 0xFEC00000);
    }
    if (type == 3 && peek8(at + 4) == 1) {
      ++isa;
      EXPECT_EQ(peek16(at + 2), 0);
      if (peek8(at + 1) == 3) ext_int_pin = peek8(at + 7);
      if (peek8(at + 1) == 0 && peek8(at + 5) == 0) timer_pin = peek8(at + 7);
    }
    if (type == 3 && peek8(at + 4) == 0) {
      ++pci;
      EXPECT_EQ(peek16(at + 2), 0x000F);
      EXPECT_EQ(peek8(at + 7), 16 + (peek8(at + 5) >> 2) % 8);
    }
    if (type == 4) ++local;
    at += 8;
  }
  EXPECT_EQ(at, table + peek16(table + 4));
  EXPECT_EQ(found, cores);
  EXPECT_EQ(boot, 1);
  EXPECT_EQ(io_apic, (cores < 16 ? cores : 15));
  EXPECT_EQ(timer_pin, 2);
  EXPECT_EQ(ext_int_pin, 0);
  EXPECT_EQ(isa, 16);  // 15 lines and ExtINT
  EXPECT(pci >= 1);
  EXPECT_EQ(local, 2);
}

void table_cases(void) {
  mp_case();

  begin("the page that the OSes share is zero");
  for (u32 at = 0x1000; at < 0x2000; at += 2) EXPECT_EQ(peek16(at), 0);

  begin("all vectors that a program may call lead to the ROM");
  for (u32 vector = 0; vector <= 0x1C; ++vector) EXPECT_EQ(peek16(vector * 4 + 2), 0xF000);
  for (u32 vector = 0x70; vector < 0x78; ++vector) EXPECT_EQ(peek16(vector * 4 + 2), 0xF000);

  begin("an interrupt that nobody expects leaves nothing in service");
  SERVICE(0x75);
  SERVICE(0x0D);
  outb(0x20, 0x0B);
  EXPECT_EQ(inb(0x20), 0);
  outb(0xA0, 0x0B);
  EXPECT_EQ(inb(0xA0), 0);
  EXPECT_EQ(inb(0x21), 0xF8);
}
