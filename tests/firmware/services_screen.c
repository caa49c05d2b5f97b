// SPDX-License-Identifier: GPL-2.0-only
// INT 10h.
#include "tests/firmware/services.h"

static u16 cell(u32 column, u32 row) { return peek16(0xB8000 + 2 * (row * 80 + column)); }

static void move(u32 column, u32 row) { SERVICE(0x10, .eax = 0x0200, .edx = row << 8 | column); }

static u16 cursor(void) { return SERVICE(0x10, .eax = 0x0300).edx; }

static void teletype(char c) { SERVICE(0x10, .eax = 0x0E00 | (u8)c, .ebx = 7); }

void screen_cases(void) {
  begin("int 10h/0Fh says mode 3, 80 columns");
  struct ServiceRegs r = SERVICE(0x10, .eax = 0x0F00, .ebx = 0xFFFF);
  EXPECT_EQ((u16)r.eax, 0x5003);
  EXPECT_EQ(r.ebx & 0xFFFF, 0x00FF);
  EXPECT_EQ(peek8(0x484), 24);
  EXPECT_EQ(peek16(0x485), 16);

  begin("int 10h/00h clears the screen");
  teletype('x');
  SERVICE(0x10, .eax = 0x0003);
  EXPECT_EQ(cursor(), 0);
  for (u32 row = 0; row < 25; ++row) EXPECT_EQ(cell(row, row), 0x0720);

  begin("int 10h/0Eh writes, wraps and scrolls");
  move(78, 0);
  teletype('a');
  teletype('b');
  EXPECT_EQ(cell(78, 0), 0x0700 | 'a');
  EXPECT_EQ(cell(79, 0), 0x0700 | 'b');
  EXPECT_EQ(cursor(), 0x0100);
  teletype('c');
  teletype('\r');
  EXPECT_EQ(cursor(), 0x0100);
  teletype('\n');
  EXPECT_EQ(cursor(), 0x0200);
  move(5, 24);
  teletype('\n');
  EXPECT_EQ(cursor(), 0x1805);
  EXPECT_EQ(cell(0, 0), 0x0700 | 'c');
  EXPECT_EQ(cell(79, 0), 0x0720);
  teletype('\b');
  EXPECT_EQ(cursor(), 0x1804);

  begin("int 10h/02h moves the hardware cursor");
  move(3, 2);
  outb(0x3D4, 0x0F);
  EXPECT_EQ(inb(0x3D5), 2 * 80 + 3);

  begin("int 10h/09h, 0Ah and 08h write and read cells");
  move(10, 10);
  SERVICE(0x10, .eax = 0x0900 | 'Z', .ebx = 0x1E, .ecx = 3);
  EXPECT_EQ(cell(12, 10), 0x1E00 | 'Z');
  EXPECT_EQ(cell(13, 10), 0x0720);
  SERVICE(0x10, .eax = 0x0A00 | 'Y', .ebx = 0x2F, .ecx = 1);
  EXPECT_EQ(cell(10, 10), 0x1E00 | 'Y');
  EXPECT_EQ(cursor(), 0x0A0A);
  EXPECT_EQ((u16)SERVICE(0x10, .eax = 0x0800).eax, 0x1E00 | 'Y');

  begin("int 10h/06h and 07h scroll a window");
  SERVICE(0x10, .eax = 0x0601, .ebx = 0x4000, .ecx = 0x080A, .edx = 0x0A0A);
  EXPECT_EQ(cell(10, 9), 0x1E00 | 'Y');
  EXPECT_EQ(cell(10, 10), 0x4020);
  EXPECT_EQ(cell(11, 10), 0x1E00 | 'Z');
  SERVICE(0x10, .eax = 0x0701, .ebx = 0x5000, .ecx = 0x080A, .edx = 0x0A0A);
  EXPECT_EQ(cell(10, 10), 0x1E00 | 'Y');
  EXPECT_EQ(cell(10, 8), 0x5020);
  SERVICE(0x10, .eax = 0x0600, .ebx = 0x0700, .ecx = 0, .edx = 0x184F);
  EXPECT_EQ(cell(11, 10), 0x0720);

  begin("int 10h/13h writes a string with and without attributes");
  static const char kText[] = "hi";
  SERVICE(0x10, .eax = 0x1301, .ebx = 0x1F, .ecx = 2, .edx = 0x0404, .ebp = (u32)kText);
  EXPECT_EQ(cell(5, 4), 0x1F00 | 'i');
  EXPECT_EQ(cursor(), 0x0406);
  static const char kColoured[] = "h\x2Ei\x3E";
  SERVICE(0x10, .eax = 0x1302, .ecx = 2, .edx = 0x0505, .ebp = (u32)kColoured);
  EXPECT_EQ(cell(6, 5), 0x3E00 | 'i');
  EXPECT_EQ(cursor(), 0x0406);

  begin("int 10h/01h and 03h keep the cursor's shape");
  SERVICE(0x10, .eax = 0x0100, .ecx = 0x0607);
  EXPECT_EQ((u16)SERVICE(0x10, .eax = 0x0300).ecx, 0x0607);

  begin("int 10h/1Ah and 12h say VGA with a colour display");
  r = SERVICE(0x10, .eax = 0x1A00);
  EXPECT_EQ(r.eax & 0xFF, 0x1A);
  EXPECT_EQ(r.ebx & 0xFFFF, 0x0008);
  EXPECT_EQ(SERVICE(0x10, .eax = 0x1200, .ebx = 0x10).ebx & 0xFFFF, 0x0003);
}
