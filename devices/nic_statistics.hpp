// The statistics registers of an 82540EM, 4000h to 4124h (SDM, 13.7). A read clears; a counter that
// is full stays so. Of a pair of 64 bits the read of the upper half clears both. Counters of what
// does not happen here (errors of the line, collisions, pause frames) stay 0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "emu/base/state.hpp"

namespace mint {

class NicStatistics {
 public:
  // Offsets of the counters.
  static constexpr std::uint32_t kMissed = 0x4010, kNoBuffer = 0x40A0, kUndersize = 0x40A4,
                                 kOversize = 0x40AC, kSegmented = 0x40F8;

  // Frames with their FCS counted in. `filtered`: it did not pass the address filter.
  void sent(std::span<const std::uint8_t> frame);
  void received(std::span<const std::uint8_t> frame, bool filtered);
  void count(std::uint32_t offset) { add(offset, 1); }

  std::uint32_t read(std::uint32_t offset);
  void reset() { counters_.fill(0); }
  void visit(StateVisitor& visitor) { visitor.field("counters", counters_); }

 private:
  static constexpr std::uint32_t kFirst = 0x4000, kEnd = 0x4128;
  std::uint32_t& at(std::uint32_t offset) { return counters_[(offset - kFirst) / 4]; }
  void add(std::uint32_t offset, std::uint32_t n);
  void add_pair(std::uint32_t low, std::size_t n);
  void add_size(std::uint32_t first, std::size_t bytes);

  std::array<std::uint32_t, (kEnd - kFirst) / 4> counters_{};
};

}  // namespace mint
