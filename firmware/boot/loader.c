// SPDX-License-Identifier: GPL-2.0-only
// The boot loader: reads what to boot from the header at LBA 63 (docs/board.md, "Leader's disk").
#include "firmware/boot/loader.h"

enum { kHeaderLba = 63, kCommandLineLba = 64, kCommandLineSectors = 4, kVersion = 1 };

static union {
  struct BootHeader header;
  u8 sector[kSectorBytes];
} g_boot;
static char g_command_line[kCommandLineSectors * kSectorBytes];
_Static_assert(sizeof(g_command_line) <= kCommandLineMax, "command line");

static bool has_signature(void) {
  static const char kSignature[] = "MINTBOOT";
  for (int i = 0; i < 8; ++i)
    if (g_boot.header.signature[i] != kSignature[i]) return false;
  return true;
}

void loader_main(u32 drive) {
  print("Mint boot loader");
  disk_open(drive);
  disk_read(kHeaderLba, 1, (u32)&g_boot);
  if (!has_signature()) fail("no boot header at LBA %u", kHeaderLba);
  const struct BootHeader* boot = &g_boot.header;
  if (boot->version != kVersion) fail("boot header of unknown version %u", boot->version);
  if (boot->command_line_bytes >= sizeof(g_command_line))
    fail("the command line of %u bytes is too long", boot->command_line_bytes);
  disk_read(kCommandLineLba, kCommandLineSectors, (u32)g_command_line);
  g_command_line[boot->command_line_bytes] = 0;
  print("\n");
  boot_linux(boot, g_command_line);
}
