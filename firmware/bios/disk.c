// SPDX-License-Identifier: GPL-2.0-only
// INT 13h: cylinder/head/sector services and the extensions (Enhanced Disk Drive
// specification 3.0).
#include "firmware/bios/bios.h"

enum Status {
  kOk = 0x00,
  kBadCommand = 0x01,
  kSectorNotFound = 0x04,
  kControllerFailure = 0x20,
  kNotReady = 0xAA
};

enum { kHeads = 255, kSectorsPerTrack = 63, kSectorBytes = 512 };

// Moves sectors; an odd buffer, which AHCI can't reach, goes by the reserved block.
static bool transfer(const struct Drive* drive, enum DiskCommand command, u64 lba, u32 count,
                     u32 buffer) {
  if (!(buffer & 1) || command == kReadVerifyExt)
    return ahci_command(drive, command, lba, count, buffer);
  u8* sector = reserved_block(kSectorOffset);
  for (u32 i = 0; i < count; ++i, buffer += kSectorBytes) {
    if (command == kWriteDmaExt) copy(sector, (void*)buffer, kSectorBytes);
    if (!ahci_command(drive, command, lba + i, 1, (u32)sector)) return false;
    if (command == kReadDmaExt) copy((void*)buffer, sector, kSectorBytes);
  }
  return true;
}

static enum Status access(const struct Drive* drive, enum DiskCommand command, u64 lba, u32 count,
                          u32 buffer) {
  if (lba >= drive->sectors || count > drive->sectors - lba) return kSectorNotFound;
  if (count && !transfer(drive, command, lba, count, buffer)) return kControllerFailure;
  return kOk;
}

static enum DiskCommand command_of(u8 function) {
  switch (function & 0x0F) {
    case 2:
      return kReadDmaExt;
    case 3:
      return kWriteDmaExt;
    default:
      return kReadVerifyExt;
  }
}

static enum Status chs_access(struct Regs* r, const struct Drive* drive) {
  u32 cylinder = r->ch | (r->cl & 0xC0) << 2, sector = r->cl & 0x3F;
  u32 count = r->al;
  r->al = 0;
  if (!sector || !count || r->dh >= kHeads) return kBadCommand;
  u32 lba = (cylinder * kHeads + r->dh) * kSectorsPerTrack + sector - 1;
  enum Status status = access(drive, command_of(r->ah), lba, count, (u32)far(r->es, r->bx));
  if (status == kOk) r->al = count;
  return status;
}

static u32 cylinders(const struct Drive* drive, u32 most) {
  u64 whole = (u64)most * kHeads * kSectorsPerTrack;
  return drive->sectors >= whole ? most : (u32)drive->sectors / (kHeads * kSectorsPerTrack);
}

static void chs_parameters(struct Regs* r, const struct Drive* drive) {
  u32 last = cylinders(drive, 1024);
  if (last) --last;
  r->ch = last;
  r->cl = (last >> 2 & 0xC0) | kSectorsPerTrack;
  r->dh = kHeads - 1;
  r->dl = ebda.drives;
  r->bl = 0;
  r->al = 0;
}

struct AddressPacket {
  u8 size, reserved;
  u16 count;
  u16 offset, segment;
  u64 lba;
  u64 flat;
} __attribute__((packed));

static enum Status packet_access(struct Regs* r, const struct Drive* drive) {
  struct AddressPacket* packet = far(r->ds, r->si);
  if (packet->size < 16) return kBadCommand;
  u32 buffer = (u32)far(packet->segment, packet->offset);
  if (packet->segment == 0xFFFF && packet->offset == 0xFFFF) {
    if (packet->size < sizeof(*packet) || packet->flat >> 32) return kBadCommand;
    buffer = packet->flat;
  }
  enum Status status = access(drive, command_of(r->ah), packet->lba, packet->count, buffer);
  if (status != kOk) packet->count = 0;
  return status;
}

struct DriveParameters {
  u16 size, flags;
  u32 cylinders, heads, sectors_per_track;
  u64 sectors;
  u16 sector_bytes;  // up to here: 1Ah bytes
  u32 configuration;
  u16 path_signature;  // BEDDh
  u8 path_length, reserved[3];
  char bus[4], interface[8];
  u8 bus_number, device, function, reserved_bus[5];
  u8 port, reserved_port[7];
  u8 reserved_end, checksum;
} __attribute__((packed));
_Static_assert(sizeof(struct DriveParameters) == 0x42, "EDD 3.0");

static enum Status parameters(struct Regs* r, const struct Drive* drive) {
  struct DriveParameters* out = far(r->ds, r->si);
  u16 room = out->size;
  if (room < 0x1A) return kBadCommand;
  struct DriveParameters p = {.size = room < sizeof(p) ? 0x1A : sizeof(p),
                              .flags = 0,
                              .cylinders = cylinders(drive, 16383),
                              .heads = kHeads,
                              .sectors_per_track = kSectorsPerTrack,
                              .sectors = drive->sectors,
                              .sector_bytes = kSectorBytes,
                              .configuration = 0xFFFFFFFF,
                              .path_signature = 0xBEDD,
                              .path_length = 0x24,
                              .bus = {'P', 'C', 'I', ' '},
                              .interface = {'S', 'A', 'T', 'A', ' ', ' ', ' ', ' '},
                              .bus_number = 0,
                              .device = drive->function / 8,
                              .function = drive->function % 8,
                              .port = drive->number};
  const u8* path = (const u8*)&p.path_signature;
  for (u32 i = 0; i + 1 < p.path_length; ++i) p.checksum -= path[i];
  copy(out, &p, p.size);
  return kOk;
}

// INT 13h
void disk_service(struct Regs* r) {
  u32 index = r->dl - 0x80u;
  enum Status status = kBadCommand;
  if (index < ebda.drives) {
    const struct Drive* drive = drive_at(index);
    switch (r->ah) {
      case 0x00:
      case 0x09:
      case 0x0C:
      case 0x0D:
      case 0x10:
      case 0x11:
      case 0x14:
      case 0x47:
        status = kOk;
        break;
      case 0x01:
        r->ah = bda.disk_status;
        set_flag(r, kCarry, bda.disk_status != kOk);
        return;
      case 0x02:
      case 0x03:
      case 0x04:
        status = chs_access(r, drive);
        break;
      case 0x08:
        chs_parameters(r, drive);
        status = kOk;
        break;
      case 0x15: {
        u32 sectors = cylinders(drive, 1024) * kHeads * kSectorsPerTrack;
        r->cx = sectors >> 16;
        r->dx = sectors;
        r->ah = 0x03;  // a fixed disk
        bda.disk_status = kOk;
        set_flag(r, kCarry, false);
        return;
      }
      case 0x41:
        if (r->bx != 0x55AA) break;
        r->bx = 0xAA55;
        r->cx = 0x000D;  // fixed disk access, drive parameters, 64-bit buffers
        r->ah = 0x30;
        bda.disk_status = kOk;
        set_flag(r, kCarry, false);
        return;
      case 0x42:
      case 0x43:
      case 0x44:
        status = packet_access(r, drive);
        break;
      case 0x48:
        status = parameters(r, drive);
        break;
    }
  }
  bda.disk_status = status;
  r->ah = status;
  set_flag(r, kCarry, status != kOk);
}
