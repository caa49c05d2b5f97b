#include "devices/ata_commands.hpp"

#include <algorithm>
#include <numeric>

#include "devices/ata_disk.hpp"

namespace mint {
AtaCommandKind kind_of(std::uint8_t command) {
  using enum AtaAction;
  switch (command) {
    case 0x20:
    case 0x21:
      return {.action = kReadPio};
    case 0x24:
      return {.action = kReadPio, .ext = true};
    case 0xC4:
      return {.action = kReadPio, .multiple = true};
    case 0x29:
      return {.action = kReadPio, .ext = true, .multiple = true};
    case 0x30:
    case 0x31:
      return {.action = kWritePio};
    case 0x34:
      return {.action = kWritePio, .ext = true};
    case 0xC5:
      return {.action = kWritePio, .multiple = true};
    case 0x39:
      return {.action = kWritePio, .ext = true, .multiple = true};
    case 0xC8:
    case 0xC9:
      return {.action = kReadDma};
    case 0x25:
    case ata::kReadFpdma:
      return {.action = kReadDma, .ext = true};
    case 0xCA:
    case 0xCB:
      return {.action = kWriteDma};
    case 0x35:
    case ata::kWriteFpdma:
      return {.action = kWriteDma, .ext = true};
    case 0x3D:
      return {.action = kWriteDma, .ext = true, .fua = true};
    case 0x40:
    case 0x41:
      return {.action = kVerify};
    case 0x42:
      return {.action = kVerify, .ext = true};
    case 0xE0:  // STANDBY IMMEDIATE, STANDBY and SLEEP empty the write buffer first
    case 0xE2:
    case 0xE6:
    case 0xE7:
    case 0xEA:
      return {.action = kFlush};
    case 0x10:
    case 0x2F:
    case 0x70:
    case 0x90:
    case 0x91:
    case 0xB0:
    case 0xC6:
    case 0xE1:
    case 0xE3:
    case 0xE5:
    case 0xEC:
    case 0xEF:
      return {.action = kOther};
    default:
      return {};
  }
}

void set_checksum(std::array<std::uint8_t, 512>& page) {
  page[511] = 0;
  page[511] = static_cast<std::uint8_t>(-std::accumulate(page.begin(), page.end(), 0));
}

std::array<std::uint8_t, 512> queued_error_log(std::uint8_t tag, const AtaCommand& command,
                                               std::uint8_t status, std::uint8_t error,
                                               std::uint64_t lba) {
  std::array<std::uint8_t, 512> page{};
  page[0] = tag;
  page[2] = status;
  page[3] = error;
  for (unsigned i = 0; i < 3; ++i) {
    page[4 + i] = static_cast<std::uint8_t>(lba >> (8 * i));
    page[8 + i] = static_cast<std::uint8_t>(lba >> (24 + 8 * i));
  }
  page[7] = command.device;
  page[12] = static_cast<std::uint8_t>(command.count);
  page[13] = static_cast<std::uint8_t>(command.count >> 8);
  set_checksum(page);
  return page;
}

// --- What a command addresses, and how long it takes

AtaDisk::Range AtaDisk::range_of(const AtaCommand& command) const {
  const AtaCommandKind kind = kind_of(command.command);
  std::uint32_t sectors = is_queued(command.command) ? command.features : command.count;
  std::uint64_t lba = command.lba;
  bool valid = true;
  if (kind.ext) {
    if (sectors == 0) sectors = 65536;
  } else {
    sectors &= 0xFF;
    if (sectors == 0) sectors = 256;
    if ((command.device & 0x40) != 0) {
      lba = (lba & 0xFFFFFF) | std::uint64_t{command.device & 0xFu} << 24;
    } else {
      const std::uint64_t sector = lba & 0xFF, cylinder = lba >> 8 & 0xFFFF;
      valid = sector >= 1 && sector <= kLogicalSectors;
      lba = (cylinder * kLogicalHeads + (command.device & 0xF)) * kLogicalSectors +
            (valid ? sector - 1 : 0);
    }
  }
  const std::uint64_t capacity = image_->sectors();
  return {lba, sectors, valid && lba < capacity && sectors <= capacity - lba};
}

bool AtaDisk::wants_heads(std::uint8_t command) const {
  switch (kind_of(command).action) {
    case AtaAction::kUnknown:
    case AtaAction::kOther:
    case AtaAction::kFlush:
      return false;
    default:
      return true;
  }
}

DiskTime AtaDisk::time_of(const AtaCommand& command) {
  const AtaCommandKind kind = kind_of(command.command);
  const Range range = range_of(command);
  const Cycles now = queue_.now();
  const bool fua =
      kind.fua || (command.command == ata::kWriteFpdma && (command.device & 0x80) != 0);
  switch (kind.action) {
    case AtaAction::kReadPio:
    case AtaAction::kReadDma:
      if (range.valid) return mechanics_.read(range.lba, range.sectors, now, look_ahead_ != 0);
      break;
    case AtaAction::kWritePio:
    case AtaAction::kWriteDma:
      if (range.valid)
        return mechanics_.write(range.lba, range.sectors, now, write_cache_ != 0 && !fua);
      break;
    case AtaAction::kVerify:
      if (range.valid) return mechanics_.verify(range.lba, range.sectors, now);
      break;
    case AtaAction::kFlush:
      return mechanics_.flush(now);
    default:
      break;
  }
  return mechanics_.other();
}

// --- Ends

void AtaDisk::succeed(const AtaCommand& command) {
  host_->send_registers(
      {.lba = command.lba, .count = command.count, .status = ata::kGood, .device = command.device},
      true);
  record(command, received_, range_of(command), kNoTag, ata::kGood, 0);
}

void AtaDisk::fail(const AtaCommand& command, std::uint8_t error, std::uint64_t lba) {
  host_->send_registers({.lba = lba,
                         .count = command.count,
                         .status = ata::kGood | ata::kErr,
                         .error = error,
                         .device = command.device},
                        true);
  record(command, received_, range_of(command), kNoTag, ata::kGood | ata::kErr, error);
}

}  // namespace mint
