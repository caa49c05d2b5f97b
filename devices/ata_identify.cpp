// IDENTIFY DEVICE data (ATA8-ACS, 7.16).

#include <algorithm>

#include "devices/ata_commands.hpp"
#include "devices/ata_disk.hpp"

namespace mint {
namespace {

using Words = std::array<std::uint16_t, 256>;

// ATA strings: padded with spaces, the first character of a pair in the high byte.
void put_string(Words& words, unsigned first, unsigned count, const std::string& text) {
  for (unsigned i = 0; i < count; ++i) {
    const auto at = [&](std::size_t n) {
      return static_cast<std::uint8_t>(n < text.size() ? text[n] : ' ');
    };
    words[first + i] = static_cast<std::uint16_t>(at(2 * i) << 8 | at(2 * i + 1));
  }
}

void put_number(Words& words, unsigned first, unsigned count, std::uint64_t value) {
  for (unsigned i = 0; i < count; ++i)
    words[first + i] = static_cast<std::uint16_t>(value >> (16 * i));
}

}  // namespace

std::vector<std::byte> AtaDisk::identify() const {
  const DiskParameters& disk = config_.parameters;
  const std::uint64_t sectors = image_->sectors();
  const auto cylinders = static_cast<std::uint16_t>(
      std::min<std::uint64_t>(sectors / (kLogicalHeads * kLogicalSectors), kMaxLogicalCylinders));
  const std::uint8_t mode = transfer_mode_;

  Words w{};
  w[0] = 0x0040;  // ATA, fixed
  w[1] = cylinders;
  w[3] = kLogicalHeads;
  w[6] = kLogicalSectors;
  put_string(w, 10, 10, config_.serial);
  put_string(w, 23, 4, disk.firmware);
  put_string(w, 27, 20, disk.model);
  w[47] = 0x8010;  // DRQ blocks of at most 16 sectors
  w[48] = 0x4000;
  w[49] = 0x2F00;  // standby timer, IORDY, LBA, DMA
  w[50] = 0x4000;
  w[53] = 0x0007;  // words 54-58, 64-70 and 88 are valid
  w[54] = cylinders;
  w[55] = kLogicalHeads;
  w[56] = kLogicalSectors;
  put_number(w, 57, 2, std::uint64_t{cylinders} * kLogicalHeads * kLogicalSectors);
  w[59] = multiple_ != 0 ? static_cast<std::uint16_t>(0x0100 | multiple_) : 0;
  put_number(w, 60, 2, std::min<std::uint64_t>(sectors, 0x0FFFFFFF));
  w[63] = 0x0007;  // multiword DMA 0-2
  if (mode >= 0x20 && mode <= 0x22) w[63] |= static_cast<std::uint16_t>(0x0100 << (mode & 7));
  w[64] = 0x0003;                                  // PIO 3 and 4
  for (unsigned i = 65; i <= 68; ++i) w[i] = 120;  // ns
  w[75] = config_.ncq ? 31 : 0;                    // queue depth less one
  w[76] = config_.ncq ? 0x0106 : 0x0006;           // NCQ; 1.5 and 3.0 Gbit/s
  w[78] = 0x0040;                                  // settings survive a COMRESET
  w[79] = 0x0040;
  w[80] = 0x01F0;  // ATA/ATAPI-4 to ATA8-ACS
  w[81] = 0x0029;  // ATA8-ACS revision 4
  w[82] = 0x4069;  // NOP, look-ahead, write cache, power management, SMART
  w[83] = 0x7400;  // FLUSH CACHE EXT, FLUSH CACHE, 48-bit addresses
  w[84] = 0x4060;  // WRITE DMA FUA EXT, general purpose logging
  w[85] = static_cast<std::uint16_t>(0x4008 | (look_ahead_ != 0 ? 0x40 : 0) |
                                     (write_cache_ != 0 ? 0x20 : 0) | (smart_on_ != 0 ? 1 : 0));
  w[86] = 0x3400;
  w[87] = 0x4060;
  w[88] = 0x007F;  // Ultra DMA 0-6
  if (mode >= 0x40 && mode <= 0x46) w[88] |= static_cast<std::uint16_t>(0x0100 << (mode & 7));
  put_number(w, 100, 4, sectors);
  w[217] = static_cast<std::uint16_t>(disk.rpm);
  w[222] = 0x101F;  // serial: up to SATA 2.6

  std::array<std::uint8_t, 512> page{};
  for (unsigned i = 0; i < 256; ++i) {
    page[2 * i] = static_cast<std::uint8_t>(w[i]);
    page[2 * i + 1] = static_cast<std::uint8_t>(w[i] >> 8);
  }
  page[510] = 0xA5;  // integrity word
  set_checksum(page);
  const auto bytes = std::as_bytes(std::span(page));
  return {bytes.begin(), bytes.end()};
}

}  // namespace mint
