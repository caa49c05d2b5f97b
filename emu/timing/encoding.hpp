// The encoding of an instruction without what its cost does not hang on: displacements, immediates,
// where a branch goes. A kernel has tens of thousands of encodings, but few thousand that differ
// otherwise, and decoding one closely takes microseconds.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace mint {

struct Encoding {
  static constexpr std::size_t kLongest = 15;

  // The bytes, and last the length and the size of the code (16, 32, 64).
  std::array<std::uint8_t, kLongest + 1> name{};
  std::uint64_t hash = 0;  // of `name`
  // Of the operand in memory: its displacement, which is 0 in `name`.
  bool displaced = false;
  std::int64_t displacement = 0;

  std::size_t length() const { return name[kLongest] & 0x0f; }
  void set_hash();
  std::span<const std::uint8_t> bytes() const { return {name.data(), length()}; }
};

// Takes out what it can tell for sure not to matter; with encodings that are not among the common
// ones that is nothing.
Encoding normalised(std::span<const std::uint8_t> bytes, unsigned bits);

}  // namespace mint
