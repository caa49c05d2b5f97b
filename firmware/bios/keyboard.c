// SPDX-License-Identifier: GPL-2.0-only
// 8042 keyboard controller, IRQ 1 and INT 16h.
#include "firmware/bios/bios.h"

enum { kData = 0x60, kStatus = 0x64, kOutputFull = 1, kInputFull = 2 };

static bool input_empty(void* unused) {
  (void)unused;
  return !(inb(kStatus) & kInputFull);
}

static bool output_full(void* unused) {
  (void)unused;
  return inb(kStatus) & kOutputFull;
}

static bool send(u16 port, u8 value) {
  if (!wait_until(input_empty, NULL, 20, 100)) return false;
  outb(port, value);
  return true;
}

void keyboard_init(void) {
  for (int i = 0; i < 16 && inb(kStatus) & kOutputFull; ++i) inb(kData);
  if (!send(kStatus, 0xAA) || !wait_until(output_full, NULL, 100, 500) || inb(kData) != 0x55) {
    print("Keyboard controller failed its self test\n");
    return;
  }
  // Its own A20 output low, so that port 92h alone switches A20 where the two are ORed.
  if (send(kStatus, 0xD1)) send(kData, 0xDD);
  wait_until(input_empty, NULL, 20, 100);
  outb(0x92, (inb(0x92) & 0xFC) | 2);
  // Interrupt on, translation to set 1, auxiliary port off, system flag.
  if (send(kStatus, 0x60)) send(kData, 0x65);
  send(kStatus, 0xAE);
}

// Scan codes of set 1 up to 39h: plain and with shift.
static const char kPlain[] =
    "\0\x1b"
    "1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char kShifted[] =
    "\0\x1b"
    "!@#$%^&*()_+\b\0QWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static void key(u8 code) {
  static const struct {
    u8 code, flag;
  } kShiftKeys[] = {{0x36, 1}, {0x2A, 2}, {0x1D, 4}, {0x38, 8}};
  for (u32 i = 0; i < sizeof(kShiftKeys) / sizeof(kShiftKeys[0]); ++i) {
    if ((code & 0x7F) != kShiftKeys[i].code) continue;
    bda.keyboard_flags[0] = code & 0x80 ? bda.keyboard_flags[0] & ~kShiftKeys[i].flag
                                        : bda.keyboard_flags[0] | kShiftKeys[i].flag;
    return;
  }
  if (code & 0x80) return;
  u8 character = 0;
  if (code < sizeof(kPlain) - 1) {
    character = bda.keyboard_flags[0] & 3 ? kShifted[code] : kPlain[code];
    if (bda.keyboard_flags[0] & 4) character &= 0x1F;
  }
  u16 next = bda.keyboard_tail + 2;
  if (next >= bda.keyboard_end) next = bda.keyboard_start;
  if (next == bda.keyboard_head) return;  // full
  *(volatile u16*)(0x400 + bda.keyboard_tail) = code << 8 | character;
  bda.keyboard_tail = next;
}

void keyboard_interrupt(void) {
  if (inb(kStatus) & kOutputFull) key(inb(kData));
  outb(0x20, 0x20);
}

// INT 16h
void keyboard_service(struct Regs* r) {
  switch (r->ah) {
    case 0x00:
    case 0x10:
      while (bda.keyboard_head == bda.keyboard_tail) real_halt();
      r->ax = *(volatile u16*)(0x400 + bda.keyboard_head);
      bda.keyboard_head += 2;
      if (bda.keyboard_head >= bda.keyboard_end) bda.keyboard_head = bda.keyboard_start;
      return;
    case 0x01:
    case 0x11:
      set_flag(r, kZero, bda.keyboard_head == bda.keyboard_tail);
      if (!(r->flags & kZero)) r->ax = *(volatile u16*)(0x400 + bda.keyboard_head);
      return;
    case 0x02:
      r->al = bda.keyboard_flags[0];
      return;
    case 0x12:
      r->ax = bda.keyboard_flags[1] << 8 | bda.keyboard_flags[0];
      return;
  }
}
