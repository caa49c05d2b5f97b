// Values of 1, 2, 4 or 8 bytes in the low part of 64 bits, for SpinLoop.
#pragma once

#include <cstdint>

namespace mint {

inline std::uint64_t mask_of(unsigned size) {
  return size == 8 ? UINT64_MAX : (1ULL << (8 * size)) - 1;
}

inline std::uint64_t extend(std::uint64_t value, unsigned size) {
  switch (size) {
    case 1:
      return static_cast<std::uint64_t>(static_cast<std::int8_t>(value));
    case 2:
      return static_cast<std::uint64_t>(static_cast<std::int16_t>(value));
    case 4:
      return static_cast<std::uint64_t>(static_cast<std::int32_t>(value));
    default:
      return value;
  }
}

inline bool sign_of(std::uint64_t value, unsigned size) {
  return (value >> (8 * size - 1) & 1) != 0;
}

}  // namespace mint
