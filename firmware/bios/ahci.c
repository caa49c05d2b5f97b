// SPDX-License-Identifier: GPL-2.0-only
// AHCI (Serial ATA AHCI 1.3): every disk on every controller becomes an INT 13h drive, in the order
// of PCI functions and ports. Commands use slot 0; waiting for one is waiting for PxCI.
#include "firmware/bios/bios.h"

enum {  // generic host control, in dwords
  kGhc = 0x04 / 4,
  kPi = 0x0C / 4
};

enum {  // port registers, in dwords
  kClb = 0x00 / 4,
  kClbu = 0x04 / 4,
  kFb = 0x08 / 4,
  kFbu = 0x0C / 4,
  kIs = 0x10 / 4,
  kIe = 0x14 / 4,
  kCmd = 0x18 / 4,
  kTfd = 0x20 / 4,
  kSig = 0x24 / 4,
  kSsts = 0x28 / 4,
  kSctl = 0x2C / 4,
  kSerr = 0x30 / 4,
  kCi = 0x38 / 4
};

enum {
  kAhciEnable = 1u << 31,
  kStart = 1u << 0,
  kSpinUp = 1u << 1,
  kPowerOn = 1u << 2,
  kFisEnable = 1u << 4,
  kFisRunning = 1u << 14,
  kListRunning = 1u << 15,
  kTaskFileError = 1u << 30,
  kBusyOrRequest = 0x88,
  kAtaSignature = 0x00000101,
  kPortBytes = 0x800,  // of the reserved block for each drive
  kFisOffset = 0x400,
  kTableOffset = 0x500,
  kPrdBytes = 0x400000,
  kSectorBytes = 512,
  kCommandTimeoutMs = 30000
};

struct CommandHeader {
  u16 flags, prds;
  u32 bytes_done;
  u32 table, table_high;
  u32 reserved[4];
};

struct CommandTable {
  u8 fis[64], atapi[16], reserved[48];
  struct {
    u32 address, address_high, reserved, bytes_less_one;
  } prd[8];
};
_Static_assert(kTableOffset + sizeof(struct CommandTable) <= kPortBytes, "port structures");

static bool stopped(void* port) {
  return !(((volatile u32*)port)[kCmd] & (kFisRunning | kListRunning));
}

static bool linked(void* port) { return (((volatile u32*)port)[kSsts] & 15) == 3; }

static bool ready(void* port) {
  return linked(port) && !(((volatile u32*)port)[kTfd] & kBusyOrRequest);
}

static bool command_over(void* port) {
  volatile u32* p = port;
  return !(p[kCi] & 1) || (p[kIs] & kTaskFileError);
}

static void start(volatile u32* port) { port[kCmd] |= kStart; }

static void stop(volatile u32* port) {
  port[kCmd] &= ~kStart;
  wait_until(stopped, (void*)port, 500, 1000);
}

bool ahci_command(const struct Drive* drive, enum DiskCommand command, u64 lba, u32 count,
                  u32 buffer) {
  volatile u32* port = drive->port;
  struct CommandHeader* header = (struct CommandHeader*)drive->structures;
  struct CommandTable* table = (struct CommandTable*)(drive->structures + kTableOffset);
  bool data = command == kReadDmaExt || command == kWriteDmaExt || command == kIdentify;
  u32 bytes = data ? count * kSectorBytes : 0, prds = 0;
  for (; bytes; ++prds) {
    u32 part = bytes < kPrdBytes ? bytes : kPrdBytes;
    table->prd[prds].address = buffer;
    table->prd[prds].address_high = 0;
    table->prd[prds].reserved = 0;
    table->prd[prds].bytes_less_one = part - 1;
    buffer += part;
    bytes -= part;
  }
  u8* fis = table->fis;
  clear(fis, sizeof(table->fis));
  fis[0] = 0x27;  // register, host to device
  fis[1] = 0x80;  // a command
  fis[2] = command;
  for (int i = 0; i < 3; ++i) {
    fis[4 + i] = (u32)lba >> 8 * i;
    fis[8 + i] = (u32)(lba >> 24) >> 8 * i;
  }
  fis[7] = command == kIdentify ? 0 : 0x40;  // LBA
  if (command != kIdentify) {
    fis[12] = count & 0xFF;
    fis[13] = count >> 8;
  }
  clear(header, sizeof(*header));
  header->flags = 5 | (command == kWriteDmaExt ? 0x40 : 0);  // dwords of the FIS
  header->prds = prds;
  header->table = (u32)table;

  port[kIs] = port[kIs];
  port[kSerr] = port[kSerr];
  __asm__ volatile("" : : : "memory");
  port[kCi] = 1;
  bool over = false;
  for (int i = 0; i < 16 && !over; ++i) {  // a read that the disk's cache holds is over at once
    over = command_over((void*)port);
    pause();
  }
  if (!over) over = wait_until(command_over, (void*)port, kCommandTimeoutMs, 100);
  if (over && !(port[kTfd] & 0x81) && !(port[kIs] & kTaskFileError)) return true;
  stop(port);  // an error leaves the list stopped (AHCI 6.2.2)
  port[kSerr] = port[kSerr];
  port[kIs] = port[kIs];
  start(port);
  return false;
}

static void identify(struct Drive* drive, u32 index) {
  u16* words = reserved_block(kSectorOffset);
  if (!ahci_command(drive, kIdentify, 0, 1, (u32)words)) {
    print("Disk %2x     does not answer IDENTIFY\n", 0x80 + index);
    return;
  }
  copy(&drive->sectors, words + 100, 8);
  if (!(words[83] & 0x400)) drive->sectors = (u32)words[61] << 16 | words[60];
  for (int i = 0; i < 20; ++i) {
    drive->model[2 * i] = words[27 + i] >> 8;
    drive->model[2 * i + 1] = words[27 + i] & 0xFF;
  }
  int end = 40;
  while (end && drive->model[end - 1] == ' ') --end;
  drive->model[end] = 0;
  print("Disk %2x    %s, %u MB, AHCI %2x.%u port %u\n", 0x80 + index, drive->model,
        (u32)(drive->sectors >> 11), drive->function / 8, drive->function % 8, drive->number);
}

// Gives a port its structures and lets the drive spin up; all drives do that at the same time.
static void prepare(struct Drive* drive, u32 index) {
  volatile u32* port = drive->port;
  if (!stopped((void*)port)) {
    port[kCmd] &= ~(kStart | kFisEnable);
    wait_until(stopped, (void*)port, 500, 1000);
  }
  drive->structures = (u32)reserved_block(kPortsOffset + index * kPortBytes);
  clear((void*)drive->structures, kPortBytes);
  port[kClb] = drive->structures;
  port[kClbu] = 0;
  port[kFb] = drive->structures + kFisOffset;
  port[kFbu] = 0;
  port[kIe] = 0;
  port[kSerr] = port[kSerr];
  port[kCmd] |= kFisEnable | kPowerOn | kSpinUp;
}

static u32 controller(u32 function, u32 count) {
  pci_write(function, 0x04, pci_read(function, 0x04) | 0x6);  // memory, bus master
  volatile u32* hba = (volatile u32*)(pci_read(function, 0x24) & ~15u);
  if (!hba) return count;
  hba[kGhc] |= kAhciEnable;
  for (u32 number = 0; number < 32 && count < kDrivesMax; ++number) {
    if (!(hba[kPi] >> number & 1)) continue;
    struct Drive* drive = drive_at(count);
    clear(drive, sizeof(*drive));
    drive->port = hba + (0x100 + number * 0x80) / 4;
    drive->function = function;
    drive->number = number;
    prepare(drive, count++);
  }
  return count;
}

static bool all_linked(void* count) {
  for (u32 i = 0; i < *(u32*)count; ++i)
    if (!linked((void*)drive_at(i)->port)) return false;
  return true;
}

void ahci_init(void) {
  u32 ports = 0;
  for (u32 f = pci_next(0); f < 256; f = pci_next(f + 1))
    if (pci_read(f, 0x08) >> 8 == 0x010601) ports = controller(f, ports);
  // Out-of-band signalling may take 10 ms (AHCI 10.1.2).
  wait_until(all_linked, &ports, 20, 1000);
  u32 spin_up = wait_ms(kWaitSpinUp), drives = 0;
  for (u32 i = 0; i < ports; ++i) {
    struct Drive* drive = drive_at(i);
    if (!linked((void*)drive->port)) continue;
    if (!wait_until(ready, (void*)drive->port, spin_up, 10000)) {
      print("Port %u of AHCI %2x.%u: drive not ready\n", drive->number, drive->function / 8,
            drive->function % 8);
      continue;
    }
    drive->port[kSerr] = drive->port[kSerr];
    if (drive->port[kSig] != kAtaSignature) continue;
    start(drive->port);
    if (drives != i) copy(drive_at(drives), drive, sizeof(*drive));
    identify(drive_at(drives), drives);
    if (drive_at(drives)->sectors) ++drives;
  }
  ebda.drives = drives;
  bda.disk_count = drives;
}
