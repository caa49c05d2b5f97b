// SPDX-License-Identifier: GPL-2.0-only
// INT 19h and INT 18h: the boot sector of the first disk that has one.
#include "firmware/bios/bios.h"

enum { kBootSector = 0x7C00 };

// The entry's frame returns to 0000:7C00 (real.asm).
void boot(struct Regs* r) {
  for (u32 i = 0; i < ebda.drives; ++i) {
    if (!ahci_command(drive_at(i), kReadDmaExt, 0, 1, kBootSector)) {
      print("Disk %2x: read error\n", 0x80 + i);
      continue;
    }
    if (*(volatile u16*)(kBootSector + 510) != 0xAA55) {
      print("Disk %2x: no boot sector\n", 0x80 + i);
      continue;
    }
    print("\nBooting from disk %2x\n", 0x80 + i);
    outb(0x80, 0xB0);
    r->edx = 0x80 + i;
    return;
  }
  no_boot_device();
}

void no_boot_device(void) {
  outb(0x80, 0xBF);
  print("\nNo bootable disk. System halted.\n");
  for (;;) real_halt();
}
