// SPDX-License-Identifier: GPL-2.0-only
// Local APICs, the other cores, and the MP table (MultiProcessor Specification 1.4).
#include "firmware/bios/bios.h"

enum {
  kId = 0x20,
  kVersion = 0x30,
  kTpr = 0x80,
  kSvr = 0xF0,
  kIcrLow = 0x300,
  kIcrHigh = 0x310,
  kLvtLint0 = 0x350,
  kLvtLint1 = 0x360,
  kLvtError = 0x370
};

// Virtual wire: the 8259's interrupts come through LINT0, NMI through LINT1.
void lapic_init(void) {
  *lapic(kSvr) = 0x100 | kLapicSpuriousVector;
  *lapic(kTpr) = 0;
  *lapic(kLvtLint0) = 0x700;
  *lapic(kLvtLint1) = 0x400;
  *lapic(kLvtError) = 0x10000;
}

static bool ipi_sent(void* unused) {
  (void)unused;
  return !(*lapic(kIcrLow) & 0x1000);
}

static void ipi_to_others(u32 command) {
  *lapic(kIcrHigh) = 0;
  *lapic(kIcrLow) = 0xC0000 | command;
  wait_until(ipi_sent, NULL, 10, 100);
}

static bool all_started(void* expected) { return ebda.ap_count >= *(u32*)expected; }

// INIT, SIPI, SIPI to all others (SDM volume 3, 9.4.4.1). CMOS 5Fh says how many there should be;
// the cores that answer are the machine's.
void cores_start(void) {
  u32 expected = cmos_read(0x5F);
  ebda.ap_count = 0;
  ipi_to_others(0x4500);
  sleep_us(10000);
  for (int i = 0; i < 2; ++i) {
    ipi_to_others(0x46F0);  // F0000h: ap_entry
    sleep_us(200);
  }
  if (!wait_until(all_started, &expected, 100, 100))
    print("%u of %u application processors started\n", ebda.ap_count, expected);
  ebda.cores = ebda.ap_count + 1;
}

struct MpPointer {
  char signature[4];
  u32 table;
  u8 length, revision, checksum, feature[5];
};

struct MpHeader {
  char signature[4];
  u16 length;
  u8 revision, checksum;
  char oem[8], product[12];
  u32 oem_table;
  u16 oem_size, entries;
  u32 lapic;
  u16 extended_length;
  u8 extended_checksum, reserved;
};

struct MpProcessor {
  u8 type, id, version, flags;
  u32 signature, features, reserved[2];
};

struct MpBus {
  u8 type, id;
  char name[6];
};

struct MpIoApic {
  u8 type, id, version, flags;
  u32 address;
};

struct MpInterrupt {
  u8 type, kind;
  u16 flags;
  u8 bus, irq, apic, pin;
};

enum { kPciBus = 0, kIsaBus = 1, kIoApic = 0xFEC00000 };
enum { kVectored = 0, kNmi = 1, kExtInt = 3, kLevelLow = 0x000F };

static void put(char** to, const void* entry, u32 bytes) {
  copy(*to, entry, bytes);
  *to += bytes;
}

static u8 checksum(const void* data, u32 bytes) {
  u8 sum = 0;
  for (const u8* at = data; bytes--; ++at) sum += *at;
  return -sum;
}

static void put_processors(char** to) {
  u32 id[4];
  cpuid(1, id);
  for (u32 core = 0; core < ebda.cores; ++core) {
    struct MpProcessor entry = {0, core, *lapic(kVersion), core ? 1 : 3, id[0], id[3], {0, 0}};
    put(to, &entry, sizeof(entry));
  }
}

static void put_interrupts(char** to, u8 io_apic, u16* entries) {
  struct MpInterrupt entry = {3, kExtInt, 0, kIsaBus, 0, io_apic, 0};
  put(to, &entry, sizeof(entry));
  ++*entries;
  entry.kind = kVectored;
  for (u8 irq = 0; irq < 16; ++irq) {
    if (irq == 2) continue;
    entry.irq = irq;
    entry.pin = irq ? irq : 2;
    put(to, &entry, sizeof(entry));
    ++*entries;
  }
  entry.flags = kLevelLow;
  entry.bus = kPciBus;
  u32 last_device = 256;
  for (u32 f = pci_next(0); f < 256; f = pci_next(f + 1)) {
    u32 device = f / 8;
    if ((pci_read(f, 0x3C) >> 8 & 0xFF) != 1 || device == last_device) continue;
    last_device = device;
    entry.irq = device << 2;
    entry.pin = 16 + device % 8;
    put(to, &entry, sizeof(entry));
    ++*entries;
  }
  struct MpInterrupt local = {4, kExtInt, 0, kIsaBus, 0, 0xFF, 0};
  put(to, &local, sizeof(local));
  local.kind = kNmi;
  local.pin = 1;
  put(to, &local, sizeof(local));
  *entries += 2;
}

static void io_apic_write(u32 index, u32 value) {
  *(volatile u32*)kIoApic = index;
  *(volatile u32*)(kIoApic + 0x10) = value;
}

static u32 io_apic_read(u32 index) {
  *(volatile u32*)kIoApic = index;
  return *(volatile u32*)(kIoApic + 0x10);
}

// The pointer is in the EBDA; so is the table, unless there are so many cores that it has to go to
// the reserved block.
void mp_table_build(void) {
  // Its id has four bits; with more cores it is one core's, too, which nobody minds: messages have
  // gone over the system bus since the Pentium 4, and carry no sender.
  u8 io_apic = ebda.cores < 16 ? ebda.cores : 15;
  io_apic_write(0, (u32)io_apic << 24);

  char* table = reserved_block(kMpOffset);
  char* at = table + sizeof(struct MpHeader);
  u16 entries = ebda.cores;
  put_processors(&at);
  static const struct MpBus kBuses[] = {{1, kPciBus, {'P', 'C', 'I', ' ', ' ', ' '}},
                                        {1, kIsaBus, {'I', 'S', 'A', ' ', ' ', ' '}}};
  put(&at, kBuses, sizeof(kBuses));
  entries += 2;
  struct MpIoApic io = {2, io_apic, io_apic_read(1), 1, kIoApic};
  put(&at, &io, sizeof(io));
  ++entries;
  put_interrupts(&at, io_apic, &entries);

  u32 length = at - table;
  struct MpHeader header = {
      {'P', 'C', 'M', 'P'}, length, 4, 0, "MINT    ", "MINTSIM PC  ", 0, 0, entries,
      0xFEE00000,           0,      0, 0};
  copy(table, &header, sizeof(header));
  ((struct MpHeader*)table)->checksum = checksum(table, length);
  if (length <= kEbda + 1024 - kMpTable) {
    copy((void*)kMpTable, table, length);
    table = (char*)kMpTable;
  }
  struct MpPointer pointer = {{'_', 'M', 'P', '_'}, (u32)table, 1, 4, 0, {0}};
  pointer.checksum = checksum(&pointer, sizeof(pointer));
  copy((void*)kMpPointer, &pointer, sizeof(pointer));
}
