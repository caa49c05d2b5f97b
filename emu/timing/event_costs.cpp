#include "emu/timing/event_costs.hpp"

#include <bit>
#include <cmath>

namespace mint {
namespace {

using Wide = unsigned __int128;

unsigned bits_of(std::uint64_t value) { return static_cast<unsigned>(std::bit_width(value)); }

// How many bits the quotient has, to one.
unsigned quotient_bits(unsigned dividend, unsigned divisor) {
  return dividend < divisor ? 0 : dividend - divisor + 1;
}

std::uint64_t magnitude(std::uint64_t value, unsigned width) {
  const std::uint64_t mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
  value &= mask;
  return value >> (width - 1) & 1 ? (~value + 1) & mask : value;
}

}  // namespace

std::uint32_t division_cycles(unsigned width, bool is_signed, std::uint64_t low, std::uint64_t high,
                              std::uint64_t divisor) {
  const std::uint64_t mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
  low &= mask;
  high &= mask;
  divisor &= mask;
  if (is_signed) {
    divisor = magnitude(divisor, width);
    if (high >> (width - 1) & 1) {
      low = (~low + 1) & mask;
      high = (~high + (low == 0 ? 1 : 0)) & mask;
    }
  }
  if (width == 8) return 0;
  const unsigned dividend = high != 0 ? width + bits_of(high) : bits_of(low);
  const unsigned quotient = quotient_bits(dividend, bits_of(divisor));
  if (width == 64 && high != 0) {
    // The long way: one bit of the quotient after the other.
    if (is_signed) return 55;
    return dividend == 128 ? 69 : 57;
  }
  if (width == 64 && !is_signed) return quotient > 16 ? 1 : 0;
  return quotient > 8 ? (quotient - 8) / 4 : 0;
}

std::uint32_t float_division_cycles(Precision precision) {
  switch (precision) {
    case Precision::kSingle:
      return 14 - 7;
    case Precision::kDouble:
      return 22 - 7;
    case Precision::kExtended:
      break;
  }
  return 24 - 7;
}

std::uint32_t square_root_cycles(Precision precision) {
  switch (precision) {
    case Precision::kSingle:
      return 18 - 7;
    case Precision::kDouble:
      return 32 - 7;
    case Precision::kExtended:
      break;
  }
  return 38 - 7;
}

std::uint32_t sine_cycles(double argument, double result) {
  if (argument == 0) return 0;
  // Near a zero of the function fewer terms are needed: FSIN80 (Pi/16) 78 to 90, (1.0) 98.
  return std::abs(result) < 0.2 ? 84 - 42 : 95 - 42;
}

std::uint32_t cpuid_cycles(std::uint32_t leaf) {
  if (leaf == 0) return 83;
  if (leaf == 1) return 195;
  return 130;
}

}  // namespace mint
