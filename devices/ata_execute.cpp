// What the commands of an AtaDisk do when their time has come.

#include <algorithm>

#include "devices/ata_commands.hpp"
#include "devices/ata_disk.hpp"

namespace mint {
namespace {

constexpr std::uint32_t kChunkSectors = 128;
constexpr std::uint8_t kMaxMultiple = 16;

std::span<const std::byte> as_data(const std::array<std::uint8_t, 512>& page) {
  return std::as_bytes(std::span(page));
}

bool is_transfer_mode(std::uint8_t mode) {
  return mode <= 0x01 || (mode >= 0x08 && mode <= 0x0C) || (mode >= 0x20 && mode <= 0x22) ||
         (mode >= 0x40 && mode <= 0x46);
}

}  // namespace

void AtaDisk::execute(const AtaCommand& command) {
  const AtaCommandKind kind = kind_of(command.command);
  const Range range = range_of(command);
  const bool queued_code = is_queued(command.command);  // with NCQ off
  switch (kind.action) {
    case AtaAction::kUnknown:
      return abort(command);
    case AtaAction::kReadPio:
    case AtaAction::kWritePio:
    case AtaAction::kReadDma:
    case AtaAction::kWriteDma:
    case AtaAction::kVerify:
      if (queued_code || (kind.multiple && multiple_ == 0)) return abort(command);
      if (!range.valid) return fail(command, ata::kIdNotFound, range.lba);
      break;
    default:
      break;
  }
  switch (kind.action) {
    case AtaAction::kReadPio:
      return read_pio(command, range);
    case AtaAction::kWritePio:
      return write_pio(command, range);
    case AtaAction::kReadDma:
      return read_dma(command, range);
    case AtaAction::kWriteDma:
      return write_dma(command, range);
    default:
      break;
  }
  switch (command.command) {
    case 0xEC: {
      const std::vector<std::byte> page = identify();
      return pio_data_in(command, page);
    }
    case 0x2F:
      return read_log(command);
    case 0xB0:
      return smart(command);
    case 0xEF:
      return set_features(command);
    case 0xC6:
      return set_multiple(command);
    case 0x91:  // only the default translation
      if ((command.count & 0xFF) != kLogicalSectors || (command.device & 0xF) != kLogicalHeads - 1)
        return abort(command);
      return succeed(command);
    case 0x90: {
      host_->send_registers({.lba = 1, .count = 1, .status = ata::kGood, .error = 1}, true);
      return record(command, received_, range, kNoTag, ata::kGood, 0);
    }
    case 0xE0:
    case 0xE2:
      standby_ = 1;
      return succeed(command);
    case 0xE6:
      standby_ = 1;
      phase_ = Phase::kAsleep;
      return succeed(command);
    case 0xE5: {
      AtaCommand result = command;
      result.count = standby_ != 0 ? 0x00 : 0xFF;
      return succeed(result);
    }
    default:  // verify, flush, idle, recalibrate, seek
      return succeed(command);
  }
}

// One page of the drive's own, in DRQ blocks of a sector.
void AtaDisk::pio_data_in(const AtaCommand& command, std::span<const std::byte> data) {
  const AtaRegisters registers{.lba = command.lba,
                               .count = command.count,
                               .status = ata::kGood | ata::kDrq,
                               .device = command.device};
  while (!data.empty()) {
    const auto block = data.first(std::min<std::size_t>(data.size(), DiskImage::kSectorSize));
    data = data.subspan(block.size());
    const std::uint8_t ending =
        data.empty() ? ata::kGood : static_cast<std::uint8_t>(ata::kGood | ata::kBusy);
    if (!host_->pio_in(registers, ending, true, block))
      return fail(command, ata::kAbort, command.lba);
  }
  record(command, received_, range_of(command), kNoTag, ata::kGood, 0);
}

void AtaDisk::read_pio(const AtaCommand& command, const Range& range) {
  const std::uint32_t block = kind_of(command.command).multiple ? multiple_ : 1;
  AtaRegisters registers{
      .count = command.count, .status = ata::kGood | ata::kDrq, .device = command.device};
  std::vector<std::byte> data;
  for (std::uint32_t done = 0; done < range.sectors;) {
    const std::uint32_t here = std::min(block, range.sectors - done);
    data.resize(here * DiskImage::kSectorSize);
    registers.lba = range.lba + done;
    if (!image_->read(registers.lba, data))
      return fail(command, ata::kUncorrectable, registers.lba);
    done += here;
    const std::uint8_t ending =
        done == range.sectors ? ata::kGood : static_cast<std::uint8_t>(ata::kGood | ata::kBusy);
    if (!host_->pio_in(registers, ending, true, data))
      return fail(command, ata::kAbort, registers.lba);
  }
  record(command, received_, range, kNoTag, ata::kGood, 0);
}

void AtaDisk::write_pio(const AtaCommand& command, const Range& range) {
  const std::uint32_t block = kind_of(command.command).multiple ? multiple_ : 1;
  AtaRegisters registers{
      .count = command.count, .status = ata::kGood | ata::kDrq, .device = command.device};
  std::vector<std::byte> data;
  for (std::uint32_t done = 0; done < range.sectors;) {
    const std::uint32_t here = std::min(block, range.sectors - done);
    data.resize(here * DiskImage::kSectorSize);
    registers.lba = range.lba + done;
    // The first block is asked for without an interrupt (SATA 2.6, 11.8).
    if (!host_->pio_out(registers, ata::kGood | ata::kBusy, done != 0, data))
      return fail(command, ata::kAbort, registers.lba);
    if (!image_->write(registers.lba, data))
      return fail(command, ata::kUncorrectable, registers.lba);
    done += here;
  }
  succeed(command);
}

AtaDisk::Outcome AtaDisk::move_in(const Range& range) {
  std::vector<std::byte> data;
  for (std::uint32_t done = 0; done < range.sectors;) {
    const std::uint32_t here = std::min(kChunkSectors, range.sectors - done);
    data.resize(here * DiskImage::kSectorSize);
    if (!image_->read(range.lba + done, data)) return {ata::kUncorrectable, range.lba + done};
    if (!host_->dma_in(data)) return {ata::kCrc | ata::kAbort, range.lba + done};
    done += here;
  }
  return {};
}

AtaDisk::Outcome AtaDisk::move_out(const Range& range) {
  std::vector<std::byte> data;
  for (std::uint32_t done = 0; done < range.sectors;) {
    const std::uint32_t here = std::min(kChunkSectors, range.sectors - done);
    data.resize(here * DiskImage::kSectorSize);
    if (!host_->dma_out(data)) return {ata::kCrc | ata::kAbort, range.lba + done};
    if (!image_->write(range.lba + done, data)) return {ata::kUncorrectable, range.lba + done};
    done += here;
  }
  return {};
}

void AtaDisk::read_dma(const AtaCommand& command, const Range& range) {
  const Outcome outcome = move_in(range);
  if (outcome.error != 0) return fail(command, outcome.error, outcome.lba);
  succeed(command);
}

void AtaDisk::write_dma(const AtaCommand& command, const Range& range) {
  const Outcome outcome = move_out(range);
  if (outcome.error != 0) return fail(command, outcome.error, outcome.lba);
  succeed(command);
}

void AtaDisk::set_features(const AtaCommand& command) {
  switch (command.features & 0xFF) {
    case 0x02:
      write_cache_ = 1;
      break;
    case 0x82:  // what is buffered is written first; the next command waits for it
      mechanics_.flush(queue_.now());
      write_cache_ = 0;
      break;
    case 0xAA:
      look_ahead_ = 1;
      break;
    case 0x55:
      look_ahead_ = 0;
      break;
    case 0x03:
      if (!is_transfer_mode(static_cast<std::uint8_t>(command.count))) return abort(command);
      transfer_mode_ = static_cast<std::uint8_t>(command.count);
      break;
    case 0x66:  // keep, or not, the settings over a soft reset: they are kept
    case 0xCC:
      break;
    default:
      return abort(command);
  }
  succeed(command);
}

void AtaDisk::set_multiple(const AtaCommand& command) {
  const auto sectors = static_cast<std::uint8_t>(command.count);
  if (sectors > kMaxMultiple || (sectors & (sectors - 1)) != 0) return abort(command);
  multiple_ = sectors;
  succeed(command);
}

// SMART feature set: on and off, a healthy status, and data without attributes.
void AtaDisk::smart(const AtaCommand& command) {
  if ((command.lba >> 8 & 0xFFFF) != 0xC24F) return abort(command);
  const std::uint8_t sub = static_cast<std::uint8_t>(command.features);
  if (sub == 0xD8) {
    smart_on_ = 1;
    return succeed(command);
  }
  if (smart_on_ == 0) return abort(command);
  std::array<std::uint8_t, 512> page{};
  switch (sub) {
    case 0xD0:  // READ DATA
      page[0] = 0x10;
      page[368] = 0x03;  // attributes saved on power down and by command
      [[fallthrough]];
    case 0xD1:  // READ THRESHOLDS
      if (sub == 0xD1) page[0] = 0x01;
      set_checksum(page);
      return pio_data_in(command, as_data(page));
    case 0xD9:
      smart_on_ = 0;
      return succeed(command);
    case 0xDA:  // RETURN STATUS: the signature unchanged means no threshold exceeded
      return succeed(command);
    default:
      return abort(command);
  }
}

void AtaDisk::read_log(const AtaCommand& command) {
  const auto log = static_cast<std::uint8_t>(command.lba);
  const std::uint64_t first_page = (command.lba >> 8 & 0xFF) | (command.lba >> 32 & 0xFF) << 8;
  if (command.count != 1 || first_page != 0) return abort(command);
  if (log == 0x00) {
    std::array<std::uint8_t, 512> directory{};
    directory[0] = 1;  // version
    directory[2 * 0x10] = 1;
    return pio_data_in(command, as_data(directory));
  }
  if (log != 0x10 || !config_.ncq) return abort(command);
  // Reading this log ends what is left of the queue (SATA 2.6, 13.6.4.3).
  if (queue_error_ != 0) {
    queued_ = {};
    queue_error_ = 0;
    host_->set_device_bits(ata::kGood, 0, 0xFFFFFFFF, false);
  }
  pio_data_in(command, as_data(error_log_));
}

}  // namespace mint
