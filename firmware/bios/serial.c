// SPDX-License-Identifier: GPL-2.0-only
// Serial ports: which there are, and INT 14h.
#include "firmware/bios/bios.h"

enum { kDataReady = 0x01, kHolderEmpty = 0x20 };

static void set_line(u16 port, u16 divisor, u8 control) {
  outb(port + 3, 0x80);
  outb(port, divisor & 0xFF);
  outb(port + 1, divisor >> 8);
  outb(port + 3, control);
}

// All ports are left at 9600 baud, 8 bits.
void serial_init(void) {
  static const u16 kPorts[] = {0x3F8, 0x2F8, 0x3E8, 0x2E8};
  u32 found = 0;
  for (u32 i = 0; i < 4; ++i) {
    outb(kPorts[i] + 7, 0x5A);  // scratch register
    if (inb(kPorts[i] + 7) != 0x5A) continue;
    outb(kPorts[i] + 1, 0);
    set_line(kPorts[i], 12, 0x03);
    bda.com[found] = kPorts[i];
    bda.com_timeout[found++] = 1;
  }
  bda.equipment = (bda.equipment & ~0x0E00) | found << 9;
}

struct LineWait {
  u16 port;
  u8 mask;
};

static bool line_ready(void* arg) {
  const struct LineWait* wait = arg;
  return inb(wait->port + 5) & wait->mask;
}

static bool wait_line(u16 port, u8 mask) {
  struct LineWait wait = {port, mask};
  return wait_until(line_ready, &wait, 1000, 100);
}

// INT 14h
void serial_service(struct Regs* r) {
  u16 port = r->dx < 4 ? bda.com[r->dx] : 0;
  if (!port) {
    r->ah = 0x80;
    return;
  }
  switch (r->ah) {
    case 0x00: {
      static const u16 kDivisors[] = {1047, 768, 384, 192, 96, 48, 24, 12};
      set_line(port, kDivisors[r->al >> 5], r->al & 0x1F);
      break;
    }
    case 0x01:
      if (!wait_line(port, kHolderEmpty)) {
        r->ah = 0x80;
        return;
      }
      outb(port, r->al);
      r->ah = inb(port + 5) & 0x7F;
      return;
    case 0x02:
      if (!wait_line(port, kDataReady)) {
        r->ah = 0x80;
        return;
      }
      r->al = inb(port);
      r->ah = inb(port + 5) & 0x1E;
      return;
    case 0x03:
      break;
    default:
      r->ah = 0x80;
      return;
  }
  r->ah = inb(port + 5);
  r->al = inb(port + 6);
}
