// SPDX-License-Identifier: GPL-2.0-only
// The firmware's services as the boot loader needs them: screen, disk, memory map.
#include <stdarg.h>

#include "firmware/boot/loader.h"

static void put(char c) {
  struct ServiceRegs r = {.eax = 0x0E00 | (u8)c, .ebx = 7};
  if (c == '\n') put('\r');
  call_service(0x10, &r);
}

static void put_number(u32 value, u32 base) {
  char digits[10];
  int n = 0;
  do {
    digits[n++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  while (n) put(digits[--n]);
}

// %s %c %u %x
static void print_list(const char* format, va_list arguments) {
  for (; *format; ++format) {
    if (*format != '%') {
      put(*format);
      continue;
    }
    switch (*++format) {
      case 's':
        for (const char* s = va_arg(arguments, const char*); *s; ++s) put(*s);
        break;
      case 'c':
        put(va_arg(arguments, int));
        break;
      case 'u':
        put_number(va_arg(arguments, u32), 10);
        break;
      case 'x':
        put_number(va_arg(arguments, u32), 16);
        break;
    }
  }
}

void print(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_list(format, arguments);
  va_end(arguments);
}

void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print("\nBoot loader: ");
  print_list(format, arguments);
  va_end(arguments);
  print("\nSystem halted.\n");
  halt();
}

static u8 g_drive;
static bool g_flat;  // the firmware reads to 64-bit addresses (EDD 3.0)

void disk_open(u8 drive) {
  g_drive = drive;
  struct ServiceRegs r = {.eax = 0x4100, .ebx = 0x55AA, .edx = drive};
  call_service(0x13, &r);
  if (failed(&r) || (u16)r.ebx != 0xAA55) fail("no extended disk services for drive %x", drive);
  g_flat = (r.eax >> 8 & 0xFF) >= 0x30 && (r.ecx & 8);
}

static void read_packet(u64 lba, u32 sectors, u16 segment, u16 offset, u64 flat) {
  static struct {
    u8 size, reserved;
    u16 count, offset, segment;
    u64 lba, flat;
  } __attribute__((packed)) packet;
  packet.size = segment == 0xFFFF ? 24 : 16;
  packet.count = sectors;
  packet.offset = offset;
  packet.segment = segment;
  packet.lba = lba;
  packet.flat = flat;
  struct ServiceRegs r = {.eax = 0x4200, .edx = g_drive, .esi = (u32)&packet};
  call_service(0x13, &r);
  if (failed(&r)) fail("read error %x at LBA %u", r.eax >> 8 & 0xFF, (u32)lba);
}

// INT 15h/87h
static void move_up(u32 to, u32 from, u32 bytes) {
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
  struct ServiceRegs r = {.eax = 0x8700, .ecx = bytes / 2, .esi = (u32)table};
  call_service(0x15, &r);
  if (failed(&r)) fail("the firmware can't move a block to %x", to);
}

void disk_read(u64 lba, u32 sectors, u32 address) {
  const u32 most = g_flat ? 2048 : kBounceSectors;
  while (sectors) {
    u32 count = sectors < most ? sectors : most;
    if (g_flat) {
      read_packet(lba, count, 0xFFFF, 0xFFFF, address);
    } else {
      read_packet(lba, count, kBounce >> 4, 0, 0);
      // Half at a time: CX = 8000h words is more than some firmware moves.
      for (u32 done = 0; done < count * kSectorBytes;) {
        u32 part = count * kSectorBytes - done;
        if (part > kBounceSectors * kSectorBytes / 2) part = kBounceSectors * kSectorBytes / 2;
        move_up(address + done, kBounce + done, part);
        done += part;
      }
    }
    u32 next = address + count * kSectorBytes;
    if ((next ^ address) >> 20) put('.');  // for each MB
    lba += count;
    sectors -= count;
    address = next;
  }
}

static bool usable_range(u32* index, u32* begin, u32* end) {
  static struct {
    u64 base, length;
    u32 type;
  } __attribute__((packed)) range;
  do {
    struct ServiceRegs r = {
        .eax = 0xE820, .ebx = *index, .ecx = sizeof(range), .edx = 0x534D4150, .edi = (u32)&range};
    call_service(0x15, &r);
    if (failed(&r) || r.eax != 0x534D4150) fail("the firmware has no memory map (INT 15h/E820h)");
    *index = r.ebx;
    if (range.type == 1 && range.base < 0xFFFFF000) {
      u64 top = range.base + range.length;
      *begin = range.base;
      *end = top < 0xFFFFF000 ? top : 0xFFFFF000;
      return true;
    }
  } while (*index);
  return false;
}

u32 usable_until(u32 address) {
  u32 index = 0, begin, end;
  do {
    if (usable_range(&index, &begin, &end) && begin <= address && address < end) return end;
  } while (index);
  return 0;
}

u32 highest_place(u32 bytes, u32 from, u32 until) {
  u32 index = 0, begin, end, best = 0;
  do {
    if (!usable_range(&index, &begin, &end)) break;
    if (begin < from) begin = from;
    if (end > until) end = until;
    if (end <= begin || end - begin < bytes) continue;
    u32 place = (end - bytes) & ~0xFFFu;
    if (place >= begin && place > best) best = place;
  } while (index);
  return best;
}

void copy_far(u32 to, const void* from, u32 bytes) {
  u32 offset = to & 15, segment = to >> 4;
  __asm__ volatile(
      "movw %w3, %%es\n\t"
      "rep movsb\n\t"
      "xorw %w3, %w3\n\t"
      "movw %w3, %%es"
      : "+D"(offset), "+S"(from), "+c"(bytes), "+r"(segment)
      :
      : "memory");
}
