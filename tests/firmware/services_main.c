// SPDX-License-Identifier: GPL-2.0-only
// The firmware services test: report, and the small services.
#include "tests/firmware/services.h"

enum { kCom1 = 0x3F8 };

static const char* g_name;
static u32 g_cases, g_failed_cases;
static u32 g_bad_line, g_got, g_expected;

// 115,200 baud, 8 bits, no parity, one stop bit.
static void serial_init(void) {
  outb(kCom1 + 3, 0x83);
  outb(kCom1, 1);
  outb(kCom1 + 1, 0);
  outb(kCom1 + 3, 0x03);
}

static void put(char c) {
  for (u32 i = 0; i < 100000 && !(inb(kCom1 + 5) & 0x20); ++i) {
  }
  outb(kCom1, c);
  outb(0xE9, c);
}

static void put_text(const char* text) {
  while (*text) put(*text++);
}

static void put_hex(u32 value) {
  for (int shift = 28; shift >= 0; shift -= 4) put("0123456789abcdef"[value >> shift & 15]);
}

static void put_decimal(u32 value) {
  if (value >= 10) put_decimal(value / 10);
  put('0' + value % 10);
}

static void finish_case(void) {
  if (!g_name) return;
  ++g_cases;
  put_text(g_bad_line ? "FAIL " : "ok ");
  put_text(g_name);
  if (g_bad_line) {
    ++g_failed_cases;
    put_text(": line ");
    put_decimal(g_bad_line);
    put_text(" got ");
    put_hex(g_got);
    put_text(" expected ");
    put_hex(g_expected);
  }
  put_text("\n");
}

void begin(const char* name) {
  finish_case();
  g_name = name;
  g_bad_line = 0;
}

void expect_equal(u32 line, u32 got, u32 expected) {
  if (got == expected || g_bad_line) return;
  g_bad_line = line;
  g_got = got;
  g_expected = expected;
}

static void small_cases(void) {
  begin("int 11h tells of the serial ports and no diskette");
  u16 equipment = SERVICE(0x11).eax;
  EXPECT((equipment >> 9 & 7) >= 1);
  EXPECT_EQ(equipment & 0x31, 0x20);
  EXPECT_EQ(peek16(0x400), kCom1);

  begin("int 12h is the base memory below the EBDA");
  EXPECT_EQ((u16)SERVICE(0x12).eax, 639);
  EXPECT_EQ(peek16(0x413), 639);
  EXPECT_EQ(peek16(0x40E), 0x9FC0);
  EXPECT_EQ(peek8(0x9FC00), 1);

  begin("int 14h sets the line to 9600 baud, 8 bits");
  SERVICE(0x14, .eax = 0x00E3, .edx = 0);
  EXPECT_EQ(inb(kCom1 + 3), 0x03);
  outb(kCom1 + 3, 0x83);
  EXPECT_EQ(inb(kCom1), 12);
  EXPECT_EQ(inb(kCom1 + 1), 0);
  serial_init();

  begin("int 14h gives the line status");
  struct ServiceRegs r = SERVICE(0x14, .eax = 0x0300, .edx = 0);
  EXPECT_EQ(r.eax >> 8 & 0xE0, 0x60);
  r = SERVICE(0x14, .eax = 0x0300, .edx = 9);
  EXPECT_EQ(r.eax >> 8 & 0x80, 0x80);

  begin("int 14h sends a character");
  r = SERVICE(0x14, .eax = 0x0100 | '#', .edx = 0);
  EXPECT_EQ(r.eax >> 8 & 0x80, 0);
  put('\n');

  begin("int 16h/01h sees no key and does not wait");
  r = SERVICE(0x16, .eax = 0x0100);
  EXPECT_EQ(r.flags & 0x40, 0x40);
  r = SERVICE(0x16, .eax = 0x1100);
  EXPECT_EQ(r.flags & 0x40, 0x40);
  EXPECT_EQ(SERVICE(0x16, .eax = 0x0200).eax & 0xFF, 0);

  begin("int 16h/00h takes a key from the buffer");
  poke16(0x400 + peek16(0x41C), 0x1E61);
  poke16(0x41C, peek16(0x41C) + 2);
  r = SERVICE(0x16, .eax = 0x0100);
  EXPECT_EQ(r.flags & 0x40, 0);
  EXPECT_EQ((u16)r.eax, 0x1E61);
  EXPECT_EQ((u16)SERVICE(0x16, .eax = 0).eax, 0x1E61);
  EXPECT_EQ(SERVICE(0x16, .eax = 0x0100).flags & 0x40, 0x40);

  begin("int 17h has no printer");
  EXPECT_EQ(SERVICE(0x17, .eax = 0x0200).eax >> 8 & 1, 1);

  begin("the interrupt controllers serve tick, keyboard and cascade");
  EXPECT_EQ(inb(0x21), 0xF8);
  EXPECT_EQ(inb(0xA1), 0xFF);
}

static void register_case(void) {
  begin("services keep the registers that they don't return values in");
  struct ServiceRegs r =
      SERVICE(0x15, .eax = 0x11228800, .ebx = 0x22222222, .ecx = 0x33333333, .edx = 0x44444444,
              .esi = 0x55555555, .edi = 0x66666666, .ebp = 0x77777777, .ds = 0x1234, .es = 0x4321);
  EXPECT_EQ(r.eax >> 16, 0x1122);
  EXPECT_EQ(r.ebx, 0x22222222);
  EXPECT_EQ(r.ecx, 0x33333333);
  EXPECT_EQ(r.edx, 0x44444444);
  EXPECT_EQ(r.esi, 0x55555555);
  EXPECT_EQ(r.edi, 0x66666666);
  EXPECT_EQ(r.ebp, 0x77777777);
  EXPECT_EQ(r.ds, 0x1234);
  EXPECT_EQ(r.es, 0x4321);
}

void loader_main(u32 drive) {
  serial_init();
  small_cases();
  register_case();
  screen_cases();
  disk_cases(drive);
  memory_cases();
  time_cases();
  table_cases();
  begin(NULL);
  put_decimal(g_cases - g_failed_cases);
  put_text(" of ");
  put_decimal(g_cases);
  put_text(" cases passed\n");
  outb(0xF4, g_failed_cases);
  halt();
}
