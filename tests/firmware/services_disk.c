// SPDX-License-Identifier: GPL-2.0-only
// INT 13h.
#include "tests/firmware/services.h"

enum { kTrackSectors = 63, kCylinderSectors = 255 * 63 };

static u32 g_drive;
static u32 g_sectors;  // of the disk, by 48h; at least the 16 MB of the image

struct Packet {
  u8 size, reserved;
  u16 count, offset, segment;
  u64 lba, flat;
} __attribute__((packed));

static struct ServiceRegs extended(u8 function, u64 lba, u16 count, u16 segment, u16 offset,
                                   struct Packet* packet) {
  *packet =
      (struct Packet){.size = 16, .count = count, .offset = offset, .segment = segment, .lba = lba};
  return SERVICE(0x13, .eax = function << 8, .edx = g_drive, .esi = (u32)packet);
}

static void fill(u32 address, u32 bytes, u16 value) {
  for (u32 i = 0; i < bytes; i += 2) poke16(address + i, value);
}

static void expect_pattern(u32 line, u32 address, u32 first, u32 count) {
  for (u32 i = 0; i < count; ++i) {
    expect_equal(line, peek32(address + i * 512), first + i);
    expect_equal(line, peek32(address + i * 512 + 508), first + i);
  }
}

static void packet_cases(void) {
  struct Packet packet;
  begin("int 13h/42h reads a sector and no more");
  fill(kBuffer, 1024, 0xEEEE);
  struct ServiceRegs r = extended(0x42, kPatternLba, 1, kBuffer >> 4, 0, &packet);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.eax >> 8 & 0xFF, 0);
  expect_pattern(__LINE__, kBuffer, kPatternLba, 1);
  EXPECT_EQ(peek16(kBuffer + 512), 0xEEEE);

  begin("int 13h/42h reads 64 KB and more at once");
  fill(kBuffer, 160 * 512, 0);
  r = extended(0x42, kPatternLba + 3, 160, kBuffer >> 4, 0, &packet);
  EXPECT(!failed(&r));
  EXPECT_EQ(packet.count, 160);
  expect_pattern(__LINE__, kBuffer, kPatternLba + 3, 160);

  begin("int 13h/42h reads to an odd address");
  r = extended(0x42, kPatternLba + 9, 2, kBuffer >> 4, 1, &packet);
  EXPECT(!failed(&r));
  expect_pattern(__LINE__, kBuffer + 1, kPatternLba + 9, 2);

  begin("int 13h/42h reads to a 64-bit address");
  fill(kBuffer, 1024, 0);
  packet = (struct Packet){.size = 24,
                           .count = 2,
                           .offset = 0xFFFF,
                           .segment = 0xFFFF,
                           .lba = kPatternLba + 5,
                           .flat = kBuffer};
  r = SERVICE(0x13, .eax = 0x4200, .edx = g_drive, .esi = (u32)&packet);
  EXPECT(!failed(&r));
  expect_pattern(__LINE__, kBuffer, kPatternLba + 5, 2);

  begin("int 13h/42h beyond the end fails and moves nothing");
  fill(kBuffer, 512, 0xEEEE);
  r = extended(0x42, g_sectors - 1, 2, kBuffer >> 4, 0, &packet);
  EXPECT(failed(&r));
  EXPECT_EQ(r.eax >> 8 & 0xFF, 0x04);
  EXPECT_EQ(packet.count, 0);
  EXPECT_EQ(peek16(kBuffer), 0xEEEE);
  r = extended(0x42, 0x100000000 + kPatternLba, 1, kBuffer >> 4, 0, &packet);
  EXPECT(failed(&r));

  begin("int 13h/01h gives the last status");
  r = SERVICE(0x13, .eax = 0x0100, .edx = g_drive);
  EXPECT(failed(&r));
  EXPECT_EQ(r.eax >> 8 & 0xFF, 0x04);

  begin("int 13h/43h writes what 42h reads");
  fill(kBuffer, 1024, 0x5AC3);
  r = extended(0x43, kScratchLba, 2, kBuffer >> 4, 0, &packet);
  EXPECT(!failed(&r));
  fill(kBuffer, 1536, 0);
  r = extended(0x42, kScratchLba, 3, kBuffer >> 4, 0, &packet);
  EXPECT(!failed(&r));
  EXPECT_EQ(peek16(kBuffer), 0x5AC3);
  EXPECT_EQ(peek16(kBuffer + 1022), 0x5AC3);
  EXPECT_EQ(peek16(kBuffer + 1024), 0);

  begin("int 13h/44h verifies and 47h seeks");
  r = extended(0x44, kPatternLba, 8, 0, 0, &packet);
  EXPECT(!failed(&r));
  r = extended(0x47, kPatternLba, 0, 0, 0, &packet);
  EXPECT(!failed(&r));
}

// Writes "mov ax, value; retf".
static void write_code(u32 address, u8 value) {
  poke16(address, value << 8 | 0xB8);
  poke16(address + 2, 0xCB00);
}

static u16 call_code(u32 address) {
  const u32 far_pointer = address >> 4 << 16;
  u16 value;
  __asm__ volatile("lcallw *%1" : "=a"(value) : "m"(far_pointer) : "memory");
  return value;
}

static void code_cases(void) {
  begin("a disk that reads onto code that has run replaces it");
  struct Packet packet;
  write_code(kBuffer, 1);
  struct ServiceRegs r = extended(0x43, kScratchLba, 1, kBuffer >> 4, 0, &packet);
  EXPECT(!failed(&r));
  write_code(kBuffer, 2);
  EXPECT_EQ(call_code(kBuffer), 2);
  r = extended(0x42, kScratchLba, 1, kBuffer >> 4, 0, &packet);
  EXPECT(!failed(&r));
  EXPECT_EQ(call_code(kBuffer), 1);
  write_code(kBuffer, 3);
  EXPECT_EQ(call_code(kBuffer), 3);
}

static u32 cylinders(void) {
  u32 whole = g_sectors / kCylinderSectors;
  return whole < 1024 ? whole : 1024;
}

static void chs_cases(void) {
  begin("int 13h/08h gives the geometry");
  struct ServiceRegs r = SERVICE(0x13, .eax = 0x0800, .edx = g_drive);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.ecx & 0x3F, 63);
  EXPECT_EQ(r.edx >> 8 & 0xFF, 254);
  EXPECT(((r.edx & 0xFF) >= 1));
  u32 last = (r.ecx >> 8 & 0xFF) | (r.ecx << 2 & 0x300);
  EXPECT_EQ(last, cylinders() - 1);

  begin("int 13h/02h reads by cylinder, head and sector");
  fill(kBuffer, 2048, 0);
  u32 head = kPatternLba / kTrackSectors, sector = kPatternLba % kTrackSectors + 1;
  r = SERVICE(0x13, .eax = 0x0203, .ebx = 0x0200, .ecx = sector, .edx = head << 8 | g_drive,
              .es = kBuffer >> 4);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.eax & 0xFFFF, 0x0003);
  expect_pattern(__LINE__, kBuffer + 0x200, kPatternLba, 3);
  EXPECT_EQ(peek32(kBuffer), 0);

  begin("int 13h/02h refuses sector 0");
  r = SERVICE(0x13, .eax = 0x0201, .ecx = 0, .edx = g_drive, .es = kBuffer >> 4);
  EXPECT(failed(&r));
  EXPECT_EQ(r.eax >> 8 & 0xFF, 0x01);

  begin("int 13h/03h and 04h write and verify");
  fill(kBuffer, 512, 0x1234);
  u32 cylinder = 1;
  r = SERVICE(0x13, .eax = 0x0301, .ecx = cylinder << 8 | 1, .edx = g_drive, .es = kBuffer >> 4);
  EXPECT(!failed(&r));
  r = SERVICE(0x13, .eax = 0x0401, .ecx = cylinder << 8 | 1, .edx = g_drive);
  EXPECT(!failed(&r));
  fill(kBuffer, 512, 0);
  struct Packet packet;
  r = extended(0x42, kCylinderSectors, 1, kBuffer >> 4, 0, &packet);
  EXPECT(!failed(&r));
  EXPECT_EQ(peek16(kBuffer + 510), 0x1234);

  begin("int 13h/15h says fixed disk");
  r = SERVICE(0x13, .eax = 0x1500, .edx = g_drive);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.eax >> 8 & 0xFF, 3);
  EXPECT_EQ((r.ecx & 0xFFFF) << 16 | (r.edx & 0xFFFF), cylinders() * kCylinderSectors);

  begin("int 13h/00h resets");
  r = SERVICE(0x13, .eax = 0x0000, .edx = g_drive);
  EXPECT(!failed(&r));
  EXPECT_EQ(peek8(0x474), 0);
}

static void parameter_cases(void) {
  begin("int 13h/41h says EDD 3.0 with 64-bit buffers");
  struct ServiceRegs r = SERVICE(0x13, .eax = 0x4100, .ebx = 0x55AA, .edx = g_drive);
  EXPECT(!failed(&r));
  EXPECT_EQ(r.ebx & 0xFFFF, 0xAA55);
  EXPECT_EQ(r.eax >> 8 & 0xFF, 0x30);
  EXPECT_EQ(r.ecx & 0x09, 0x09);

  begin("int 13h/48h gives the parameters that the caller has room for");
  static u8 parameters[0x42];
  *(u16*)parameters = 0x1A;
  parameters[0x1A] = 0xEE;
  r = SERVICE(0x13, .eax = 0x4800, .edx = g_drive, .esi = (u32)parameters);
  EXPECT(!failed(&r));
  EXPECT_EQ(*(u16*)parameters, 0x1A);
  EXPECT_EQ(*(u32*)(parameters + 16), g_sectors);
  EXPECT_EQ(*(u16*)(parameters + 24), 512);
  EXPECT_EQ(parameters[0x1A], 0xEE);
  *(u16*)parameters = 0x42;
  r = SERVICE(0x13, .eax = 0x4800, .edx = g_drive, .esi = (u32)parameters);
  EXPECT(!failed(&r));
  EXPECT_EQ(*(u16*)(parameters + 0x1E), 0xBEDD);
  u8 sum = 0;
  for (u32 i = 0x1E; i < 0x42; ++i) sum += parameters[i];
  EXPECT_EQ(sum, 0);
  *(u16*)parameters = 0x10;
  r = SERVICE(0x13, .eax = 0x4800, .edx = g_drive, .esi = (u32)parameters);
  EXPECT(failed(&r));

  begin("int 13h refuses unknown functions and drives");
  r = SERVICE(0x13, .eax = 0x6E00, .edx = g_drive);
  EXPECT(failed(&r));
  EXPECT_EQ(r.eax >> 8 & 0xFF, 0x01);
  r = SERVICE(0x13, .eax = 0x4100, .ebx = 0x55AA, .edx = 0x8F);
  EXPECT(failed(&r));
  r = SERVICE(0x13, .eax = 0x0800, .edx = 0x00);
  EXPECT(failed(&r));
}

void disk_cases(u32 drive) {
  g_drive = drive;
  begin("the boot sector was started with the disk's number");
  EXPECT_EQ(drive, 0x80);

  begin("the disk is at least as large as the image");
  static u8 parameters[0x1A] = {0x1A};
  struct ServiceRegs r = SERVICE(0x13, .eax = 0x4800, .edx = drive, .esi = (u32)parameters);
  EXPECT(!failed(&r));
  g_sectors = *(u32*)(parameters + 16);
  EXPECT(g_sectors >= 32768);
  packet_cases();
  code_cases();
  chs_cases();
  parameter_cases();
}
