// The small notations of scenario files: sizes, memory ranges, PCI functions. Each parser returns
// nothing for text that is not of its form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "emu/scenario/scenario.hpp"

namespace mint {

// "256M", "4K", "2G", "4096", "0x1000"; suffixes are powers of 1024.
std::optional<std::uint64_t> parse_size(std::string_view text);

// "256M-512M": from the first up to, not including, the second, which must be the larger.
std::optional<MemoryRange> parse_range(std::string_view text);

// "00:04.0" or "04.0".
std::optional<PciAddress> parse_pci(std::string_view text);

// "02:4d:49:4e:54:00".
std::optional<MacAddress> parse_mac(std::string_view text);

// The shortest exact form: "256M", "0x99c00".
std::string format_size(std::uint64_t bytes);
std::string to_string(const MemoryRange& range);  // "256M-512M"
std::string to_string(PciAddress function);       // "00:04.0"
std::string to_string(const MacAddress& mac);

}  // namespace mint
