// SPDX-License-Identifier: GPL-2.0-only
// PCI bus 0 by configuration mechanism 1: base addresses, command register, interrupt line.
#include "firmware/bios/bios.h"

enum {
  kMemoryWindow = 0xE0000000,
  kMemoryWindowEnd = 0xFEC00000,
  kIoWindow = 0xC000,
  kCommand = 0x04,
  kBar0 = 0x10,
  kInterrupt = 0x3C
};

static void select(u32 function, u32 offset) {
  outl(0xCF8, 0x80000000 | function << 8 | (offset & 0xFC));
}

u32 pci_read(u32 function, u32 offset) {
  select(function, offset);
  return inl(0xCFC);
}

void pci_write(u32 function, u32 offset, u32 value) {
  select(function, offset);
  outl(0xCFC, value);
}

static bool present(u32 function) { return (u16)pci_read(function, 0) != 0xFFFF; }

u32 pci_next(u32 function) {
  while (function < 256) {
    u32 first = function & ~7u;
    bool several = present(first) && pci_read(first, 0x0C) & 0x800000;
    if ((function == first || several) && present(function)) return function;
    function = several ? function + 1 : first + 8;
  }
  return 256;
}

// Places one base address register; returns the number of registers it takes.
static u32 place(u32 function, u32 bar, u32* memory, u32* io, u32* command) {
  u32 offset = kBar0 + bar * 4;
  u32 before = pci_read(function, offset);
  pci_write(function, offset, 0xFFFFFFFF);
  u32 mask = pci_read(function, offset);
  bool is_io = mask & 1;
  bool is_64 = !is_io && (mask & 6) == 4;
  u32 size = is_io ? -(mask & 0xFFFC) & 0xFFFF : -(mask & ~15u);
  if (!is_io && size && size < 0x1000) size = 0x1000;  // a page of its own
  u32* next = is_io ? io : memory;
  u32 address = (*next + size - 1) & -size;
  if (!mask || !size) {
    pci_write(function, offset, before);
    return 1;
  }
  if (is_io ? address + size <= 0x10000
            : address >= kMemoryWindow && address <= kMemoryWindowEnd - size) {
    pci_write(function, offset, address);
    *next = address + size;
    *command |= is_io ? 1 : 2;
  } else {
    pci_write(function, offset, 0);
  }
  if (is_64) pci_write(function, offset + 4, 0);
  return is_64 ? 2 : 1;
}

void pci_init(void) {
  u32 memory = kMemoryWindow, io = kIoWindow;
  for (u32 f = pci_next(0); f < 256; f = pci_next(f + 1)) {
    u32 header = pci_read(f, 0x0C) >> 16 & 0x7F;
    u32 class = pci_read(f, 0x08) >> 16;
    u32 command = pci_read(f, kCommand) & 0xFFFF;
    if (header == 0 && class != 0x0600) {
      command &= ~3u;
      pci_write(f, kCommand, command);
      for (u32 bar = 0; bar < 6;) bar += place(f, bar, &memory, &io, &command);
      pci_write(f, kCommand, command);
    }
    u32 interrupt = pci_read(f, kInterrupt);
    if (interrupt & 0xFF00)  // the IRQ it would have on an 8259
      pci_write(f, kInterrupt, (interrupt & ~0xFFu) | (f / 8 % 2 ? 10 : 11));
  }
}
