// Registers as the block model numbers them, from Capstone's names.
#pragma once

#include <capstone/capstone.h>

#include <cstdint>

#include "emu/timing/instruction.hpp"

namespace mint {

struct Place {
  std::uint8_t place = kNowhere;
  OperandKind kind = OperandKind::kNone;
};

// `size` in bytes: Capstone names some general registers without their width. A register that is no
// place for results (segments, control registers) has its kind only.
Place place_of(x86_reg reg, unsigned size);

// Bytes of a general register, by its name; 8 for the wider ones, whose writes clear the rest.
std::uint8_t size_of(x86_reg reg);

}  // namespace mint
