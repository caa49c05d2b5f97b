#include "emu/scenario/units.hpp"

#include <fmt/format.h>

#include <charconv>

namespace mint {

namespace {

std::optional<std::uint64_t> parse_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  text = trim(text);
  if (text.starts_with("0x") || text.starts_with("0X")) return parse_number(text.substr(2), 16);
  if (text.empty()) return std::nullopt;
  unsigned shift = 0;
  switch (text.back()) {
    case 'k':
    case 'K':
      shift = 10;
      break;
    case 'm':
    case 'M':
      shift = 20;
      break;
    case 'g':
    case 'G':
      shift = 30;
      break;
    default:
      break;
  }
  if (shift != 0) text.remove_suffix(1);
  const auto number = parse_number(text, 10);
  if (!number || *number > (~std::uint64_t{0} >> shift)) return std::nullopt;
  return *number << shift;
}

std::optional<MemoryRange> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto start = parse_size(text.substr(0, dash));
  const auto end = parse_size(text.substr(dash + 1));
  if (!start || !end || *start >= *end) return std::nullopt;
  return MemoryRange{PhysAddr{*start}, PhysAddr{*end}};
}

std::optional<PciAddress> parse_pci(std::string_view text) {
  PciAddress result;
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    const auto bus = parse_number(text.substr(0, colon), 16);
    if (!bus || *bus > 255) return std::nullopt;
    result.bus = static_cast<std::uint8_t>(*bus);
    text.remove_prefix(colon + 1);
  }
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto device = parse_number(text.substr(0, dot), 16);
  const auto function = parse_number(text.substr(dot + 1), 16);
  if (!device || *device > 31 || !function || *function > 7) return std::nullopt;
  result.device = static_cast<std::uint8_t>(*device);
  result.function = static_cast<std::uint8_t>(*function);
  return result;
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  if (bytes % (1ULL << 30) == 0) return fmt::format("{}G", bytes >> 30);
  if (bytes % (1ULL << 20) == 0) return fmt::format("{}M", bytes >> 20);
  return fmt::format("{:#x}", bytes);
}

std::string to_string(const MemoryRange& range) {
  return fmt::format("{}-{}", format_size(range.start.value), format_size(range.end.value));
}

std::string to_string(PciAddress function) {
  return fmt::format("{:02x}:{:02x}.{:x}", function.bus, function.device, function.function);
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

}  // namespace mint
