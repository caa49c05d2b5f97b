// One bit for each of the 256 interrupt vectors: the layout of ISR, TMR and IRR (SDM vol. 3A,
// 10.8.4), eight 32-bit words, the highest vector being the one with the highest priority.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "emu/base/types.hpp"

namespace mint {

class VectorSet {
 public:
  void assign(Vector vector, bool value) {
    const std::uint32_t bit = std::uint32_t{1} << (vector.value % 32);
    std::uint32_t& word = words_[vector.value / 32];
    word = value ? word | bit : word & ~bit;
  }
  void set(Vector vector) { assign(vector, true); }
  void clear(Vector vector) { assign(vector, false); }
  bool test(Vector vector) const {
    return (words_[vector.value / 32] >> (vector.value % 32) & 1) != 0;
  }
  std::optional<Vector> highest() const {
    for (unsigned word = 8; word-- > 0;) {
      if (words_[word] == 0) continue;
      return Vector{static_cast<std::uint8_t>(word * 32 + 31 - std::countl_zero(words_[word]))};
    }
    return std::nullopt;
  }
  // The `index`th of the eight registers that show the set, lowest vectors first.
  std::uint32_t word(unsigned index) const { return words_[index]; }

 private:
  std::array<std::uint32_t, 8> words_{};
};

}  // namespace mint
