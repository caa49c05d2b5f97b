// SPDX-License-Identifier: GPL-2.0-only
// Memory: sizes from the CMOS, the e820 map, and INT 15h.
#include "firmware/bios/bios.h"

static u32 cmos_word(u8 index) { return cmos_read(index) | cmos_read(index + 1) << 8; }

// docs/board.md, "CMOS".
void memory_size(void) {
  u32 above_16m = cmos_word(0x34);
  u32 end = above_16m ? 0x1000000 + above_16m * 0x10000 : 0x100000 + cmos_word(0x30) * 1024;
  ebda.ram_below_4g = end;
  ebda.ram_above_4g_64k = cmos_word(0x5B) | cmos_read(0x5D) << 16;
  ebda.reserved_base = end - kReservedBytes;
}

struct E820 {
  u64 base, length;
  u32 type;
} __attribute__((packed));

enum { kUsable = 1, kReserved = 2 };

// false: there is no entry of this index. An entry may be empty.
static bool e820_entry(u32 index, struct E820* entry) {
  u32 low = ebda.reserved_base;
  const struct E820 map[] = {
      {0, kEbda, kUsable},
      {kEbda, 0xA0000 - kEbda, kReserved},
      {0xE0000, 0x20000, kReserved},
      {0x100000, low - 0x100000, kUsable},
      {low, kReservedBytes, kReserved},
      {0xFEC00000, 0x1000, kReserved},
      {0xFEE00000, 0x1000, kReserved},
      {0xFFFE0000, 0x20000, kReserved},
      {0x100000000, (u64)ebda.ram_above_4g_64k << 16, kUsable},
  };
  if (index >= sizeof(map) / sizeof(map[0])) return false;
  *entry = map[index];
  return entry->length != 0;
}

static bool e820(struct Regs* r) {
  struct E820 entry;
  if (r->edx != 0x534D4150 || r->ecx < sizeof(entry) || !e820_entry(r->ebx, &entry)) return false;
  copy(far(r->es, r->di), &entry, sizeof(entry));
  struct E820 next;
  r->ebx = e820_entry(r->ebx + 1, &next) ? r->ebx + 1 : 0;
  r->eax = 0x534D4150;
  r->ecx = sizeof(entry);
  return true;
}

// INT 15h/87h: descriptors of source and destination at ES:SI + 10h and + 18h, CX words.
static void block_move(struct Regs* r) {
  const u8* table = far(r->es, r->si);
  const u8* d = table + 0x10;
  const void* from = (const void*)((u32)d[2] | d[3] << 8 | d[4] << 16 | (u32)d[7] << 24);
  d = table + 0x18;
  void* to = (void*)((u32)d[2] | d[3] << 8 | d[4] << 16 | (u32)d[7] << 24);
  copy(to, from, (u32)r->cx * 2);
  r->ah = 0;
}

// The gate itself is switched on the way back to the caller (real.asm).
static bool a20_service(struct Regs* r) {
  switch (r->al) {
    case 0:
      ebda.caller_port_92 &= ~2u;
      break;
    case 1:
      ebda.caller_port_92 |= 2;
      break;
    case 2:
      r->al = ebda.caller_port_92 >> 1 & 1;
      break;
    case 3:
      r->bx = 0x0002;
      break;  // port 92h
    default:
      return false;
  }
  r->ah = 0;
  return true;
}

// INT 15h/C0h: model FCh, second 8259, RTC, INT 16h/09h not there.
static const u8 kConfiguration[] = {8, 0, 0xFC, 0x00, 0x00, 0x70, 0x00, 0x00, 0x00, 0x00};

static u32 kb_above_1m(u32 most) {
  u32 kb = (ebda.reserved_base >> 10) - 1024;
  return kb < most ? kb : most;
}

// INT 15h
void system_service(struct Regs* r) {
  bool done = true;
  switch (r->ah) {
    case 0x24:
      done = a20_service(r);
      break;
    case 0x4F:
      set_flag(r, kCarry, true);
      return;  // keyboard intercept: take the key as it is
    case 0x86: {
      u32 rest = (u32)r->cx << 16 | r->dx;
      for (; rest > 1000000; rest -= 1000000) sleep_us(1000000);
      sleep_us(rest);
      r->ah = 0;
      break;
    }
    case 0x87:
      block_move(r);
      break;
    case 0x88:
      r->ax = kb_above_1m(0xFC00);
      break;
    case 0x90:
    case 0x91:
      r->ah = 0;
      break;  // device busy, device done: nothing else to run
    case 0xC0:
      // The table lies in ROM below F0000h; give it a segment of its own.
      r->es = (u32)kConfiguration >> 4;
      r->bx = (u32)kConfiguration & 15;
      r->ah = 0;
      break;
    case 0xC1:
      r->es = kEbda >> 4;
      break;
    case 0xE8:
      if (r->al == 0x01) {
        r->ax = r->cx = kb_above_1m(0x3C00);
        u32 end = ebda.reserved_base;
        r->bx = r->dx = end > 0x1000000 ? (end - 0x1000000) >> 16 : 0;
      } else if (r->al == 0x20) {
        done = e820(r);
      } else {
        done = false;
      }
      break;
    default:
      done = false;
  }
  set_flag(r, kCarry, !done);
  if (!done) r->ah = 0x86;
}
