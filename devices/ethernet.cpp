#include "devices/ethernet.hpp"

#include <algorithm>
#include <array>

namespace mint {
namespace {

// Table of the CRC-32 of 3.2.9, bits reflected.
constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1) != 0 ? value >> 1 ^ 0xEDB88320u : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrcTable = make_table();

}  // namespace

std::uint32_t frame_check_sequence(std::span<const std::uint8_t> frame) {
  std::uint32_t crc = ~0u;
  for (const std::uint8_t byte : frame) crc = crc >> 8 ^ kCrcTable[(crc ^ byte) & 0xFF];
  return ~crc;
}

std::uint16_t internet_sum(std::span<const std::uint8_t> data, std::uint32_t sum) {
  std::uint64_t total = sum;
  for (std::size_t i = 0; i + 1 < data.size(); i += 2) total += big16(data, i);
  if (data.size() % 2 != 0) total += static_cast<std::uint64_t>(data.back()) << 8;
  while (total > 0xFFFF) total = (total & 0xFFFF) + (total >> 16);
  return static_cast<std::uint16_t>(total);
}

bool is_broadcast(std::span<const std::uint8_t> address) {
  return std::all_of(address.begin(), address.begin() + 6,
                     [](std::uint8_t b) { return b == 0xFF; });
}

}  // namespace mint
