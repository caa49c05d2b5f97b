#include "devices/ethernet.hpp"

#include <fmt/format.h>

#include <algorithm>

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

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

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

std::optional<MacAddress> parse_mac(std::string_view text) {
  MacAddress address{};
  if (text.size() != 3 * address.size() - 1) return std::nullopt;
  for (std::size_t i = 0; i < address.size(); ++i) {
    const auto high = hex_digit(text[3 * i]);
    const auto low = hex_digit(text[3 * i + 1]);
    if (!high || !low || (i + 1 < address.size() && text[3 * i + 2] != ':')) return std::nullopt;
    address[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return address;
}

std::string to_string(const MacAddress& a) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", a[0], a[1], a[2], a[3], a[4],
                     a[5]);
}

bool is_broadcast(std::span<const std::uint8_t> address) {
  return std::all_of(address.begin(), address.begin() + 6,
                     [](std::uint8_t b) { return b == 0xFF; });
}

}  // namespace mint
