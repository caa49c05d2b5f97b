#include "devices/nic_statistics.hpp"

#include <algorithm>

#include "devices/ethernet.hpp"

namespace mint {
namespace {

// First counters by size: 64, 127, 255, 511, 1023, 1522 bytes and less.
constexpr std::uint32_t kPrc64 = 0x405C, kPtc64 = 0x40D8;
constexpr std::uint32_t kGprc = 0x4074, kBprc = 0x4078, kMprc = 0x407C, kGptc = 0x4080,
                        kGorcl = 0x4088, kGotcl = 0x4090, kTorl = 0x40C0, kTotl = 0x40C8,
                        kTpr = 0x40D0, kTpt = 0x40D4, kMptc = 0x40F0, kBptc = 0x40F4;
constexpr std::uint32_t kPairs[] = {kGorcl, kGotcl, kTorl, kTotl};

}  // namespace

void NicStatistics::add(std::uint32_t offset, std::uint32_t n) {
  std::uint32_t& counter = at(offset);
  counter = counter > ~0u - n ? ~0u : counter + n;
}

void NicStatistics::add_pair(std::uint32_t low, std::size_t n) {
  const std::uint64_t sum = (std::uint64_t{at(low + 4)} << 32 | at(low)) + n;
  at(low) = static_cast<std::uint32_t>(sum);
  at(low + 4) = static_cast<std::uint32_t>(sum >> 32);
}

void NicStatistics::add_size(std::uint32_t first, std::size_t bytes) {
  static constexpr std::size_t kLimits[] = {64, 127, 255, 511, 1023};
  const auto limit = std::lower_bound(std::begin(kLimits), std::end(kLimits), bytes);
  add(first + 4 * static_cast<std::uint32_t>(limit - std::begin(kLimits)), 1);
}

void NicStatistics::sent(std::span<const std::uint8_t> frame) {
  const std::size_t bytes = frame.size() + kFcsSize;
  add(kTpt, 1);
  add(kGptc, 1);
  add_pair(kTotl, bytes);
  add_pair(kGotcl, bytes);
  add_size(kPtc64, bytes);
  if (is_broadcast(frame))
    add(kBptc, 1);
  else if (is_multicast(frame))
    add(kMptc, 1);
}

void NicStatistics::received(std::span<const std::uint8_t> frame, bool filtered) {
  const std::size_t bytes = frame.size() + kFcsSize;
  add(kTpr, 1);
  add_pair(kTorl, bytes);
  if (filtered) return;
  add(kGprc, 1);
  add_pair(kGorcl, bytes);
  add_size(kPrc64, bytes);
  if (is_broadcast(frame))
    add(kBprc, 1);
  else if (is_multicast(frame))
    add(kMprc, 1);
}

std::uint32_t NicStatistics::read(std::uint32_t offset) {
  const std::uint32_t value = at(offset);
  for (const std::uint32_t low : kPairs) {
    if (offset == low) return value;
    if (offset == low + 4) at(low) = 0;
  }
  at(offset) = 0;
  return value;
}

}  // namespace mint
