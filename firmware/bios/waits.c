// SPDX-License-Identifier: GPL-2.0-only
// The waits of a POST. A machine writes its own milliseconds into this table of the ROM image
// (docs/board.md, "Firmware ROM"); as built, POST waits for nothing and a drive has 15 s to spin
// up.
#include "firmware/bios/bios.h"

struct WaitTable {
  char signature[8];
  u16 count;
  struct {
    char name[28];
    u32 milliseconds;
  } __attribute__((packed)) wait[kWaits];
} __attribute__((packed));

__attribute__((aligned(16), used)) static const struct WaitTable kTable = {
    {'M', 'I', 'N', 'T', 'P', 'O', 'S', 'T'},
    kWaits,
    {[kWaitChipset] = {"chipset_init", 0},
     [kWaitMemory] = {"memory_init", 0},
     [kWaitCores] = {"core_init", 0},
     [kWaitVideoRom] = {"video_option_rom", 0},
     [kWaitUsb] = {"usb_init", 0},
     [kWaitKeyboard] = {"keyboard_init", 0},
     [kWaitStorageRom] = {"storage_option_rom", 0},
     [kWaitSpinUp] = {"drive_spin_up_max", 15000},
     [kWaitSetupPrompt] = {"setup_prompt", 0},
     [kWaitBootMenu] = {"boot_device_select", 0}}};

// Volatile: what the compiler knows about the table need not be what is in the ROM.
u32 wait_ms(enum Wait wait) { return *(const volatile u32*)&kTable.wait[wait].milliseconds; }

void post_wait(enum Wait wait) {
  for (u32 rest = wait_ms(wait); rest;) {
    u32 part = rest < 1000 ? rest : 1000;
    sleep_us(part * 1000);
    rest -= part;
  }
}
