// ATA8-ACS command codes, and what is fixed about a command: how its data move and how it addresses
// sectors (ATA8-ACS, table 12).
#pragma once

#include <array>
#include <cstdint>

#include "devices/sata_fis.hpp"

namespace mint {

namespace ata {
constexpr std::uint8_t kReadLogExt = 0x2F, kReadFpdma = 0x60, kWriteFpdma = 0x61;
}

enum class AtaAction : std::uint8_t {
  kUnknown,
  kReadPio,
  kWritePio,
  kReadDma,
  kWriteDma,
  kVerify,
  kFlush,
  kOther,  // known, without sectors
};

struct AtaCommandKind {
  AtaAction action = AtaAction::kUnknown;
  bool ext = false;       // 48-bit
  bool multiple = false;  // DRQ blocks of SET MULTIPLE MODE's size
  bool fua = false;       // past the write cache
};

AtaCommandKind kind_of(std::uint8_t command);
inline bool is_queued(std::uint8_t command) {
  return command == ata::kReadFpdma || command == ata::kWriteFpdma;
}

// Log 10h, NCQ Command Error (ATA8-ACS, A.7).
std::array<std::uint8_t, 512> queued_error_log(std::uint8_t tag, const AtaCommand& command,
                                               std::uint8_t status, std::uint8_t error,
                                               std::uint64_t lba);

// Sets the last byte so that all 512 add up to 0.
void set_checksum(std::array<std::uint8_t, 512>& page);

// The default translation of IDENTIFY words 1, 3 and 6.
constexpr std::uint32_t kLogicalHeads = 16, kLogicalSectors = 63, kMaxLogicalCylinders = 16383;

}  // namespace mint
