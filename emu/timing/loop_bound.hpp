// The bound that dependencies set, for the many blocks where it can be told by going through them
// once: what such a block hands on to the next one hangs on nothing that a block before has
// written, or on something that itself hangs on nothing but its own value before (a counter, a
// pointer). Then what grows are the latter, each by the way from its value to its next one.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "emu/timing/placed_instruction.hpp"

namespace mint {

// Where what a block hands on comes from.
class Origins {
 public:
  // False when more than such values hand on, or could.
  bool find(std::span<const PlacedInstruction> block);
  // The places whose next value hangs on the one before. Without any, nothing grows.
  std::uint64_t loops() const { return loops_; }

 private:
  std::uint64_t handed_to(std::uint8_t place) const {
    return (on_ & std::uint64_t{1} << place) != 0 ? from_[place] : 0;
  }
  template <bool kByResults>
  bool follow(std::span<const PlacedInstruction> block);

  // Places whose values hang on some that the block before has written, and on which of these.
  std::uint64_t on_ = 0;
  std::array<std::uint64_t, kPlaces> from_;
  std::uint64_t loops_ = 0;
};

// The bound that these loops set, in hundredths of a cycle.
Centicycles loop_bound(std::span<const PlacedInstruction> block, std::uint64_t loops);

}  // namespace mint
