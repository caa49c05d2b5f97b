// Ethernet frames (IEEE 802.3-2008, clause 3) and what else headers of packets need.
//
// A frame is what lies between the start delimiter and the frame check sequence: addresses, type,
// data and padding. The FCS is not carried along: frames arrive as they were sent.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "emu/base/mac_address.hpp"

namespace mint {

using EthernetFrame = std::vector<std::uint8_t>;

constexpr std::size_t kMacHeader = 14;                   // addresses and type
constexpr std::size_t kMinFrame = 60, kMaxFrame = 1514;  // without FCS and VLAN tag
constexpr std::size_t kFcsSize = 4, kVlanTag = 4;
// Preamble and start delimiter (8), FCS and the gap between packets (12): what a frame takes on the
// wire beside itself, in bytes.
constexpr std::size_t kWireOverhead = 24;

// The frame check sequence (3.2.9) as a 32-bit number whose low byte is sent first.
std::uint32_t frame_check_sequence(std::span<const std::uint8_t> frame);

// The sum of big-endian 16-bit words in ones' complement (RFC 1071), not inverted; an odd last byte
// counts as the high half of a word. `sum` is carried on.
std::uint16_t internet_sum(std::span<const std::uint8_t> data, std::uint32_t sum = 0);

inline bool is_multicast(std::span<const std::uint8_t> address) { return (address[0] & 1) != 0; }
bool is_broadcast(std::span<const std::uint8_t> address);

inline std::uint16_t big16(std::span<const std::uint8_t> data, std::size_t at) {
  return static_cast<std::uint16_t>(data[at] << 8 | data[at + 1]);
}
inline void put_big16(std::span<std::uint8_t> data, std::size_t at, std::uint32_t value) {
  data[at] = static_cast<std::uint8_t>(value >> 8);
  data[at + 1] = static_cast<std::uint8_t>(value);
}

}  // namespace mint
