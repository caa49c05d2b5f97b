// The encoding of an instruction without what its cost does not hang on: displacements, immediates,
// where a branch goes, which general registers it names. A kernel has tens of thousands of
// encodings, but few hundred that differ otherwise, and decoding one closely takes microseconds.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace mint {

// What an encoding leaves out, for one instruction that has it.
struct Particulars {
  // Of the operand in memory: its displacement, which is 0 in the encoding.
  std::int64_t displacement = 0;
  bool displaced = false;
  // How many registers have another one in their place: number i is registers[i], and kStandIns[i]
  // in the encoding. Different ones are different there, too. There is room for one more.
  std::uint8_t renamed = 0;
  std::array<std::uint8_t, 4> registers{};

  // Registers without a part in any instruction that does not name them, as far as it is renamed.
  static constexpr std::array<std::uint8_t, 3> kStandIns = {7, 6, 3};  // EDI, ESI, EBX
};

struct Encoding : Particulars {
  static constexpr std::size_t kLongest = 15;
  // So many bytes can be read from its beginning on, whatever is behind it.
  static constexpr std::size_t kReadable = 32;

  // The bytes, and last the length and the size of the code (16, 32, 64).
  std::array<std::uint8_t, kLongest + 1> name{};
  std::uint64_t hash = 0;  // of `name`

  std::size_t length() const { return name[kLongest] & 0x0f; }
  void set_hash();
  std::span<const std::uint8_t> bytes() const { return {name.data(), length()}; }
};

// Takes out what it can tell for sure not to matter; with encodings that are not among the common
// ones that is nothing. `bytes` has Encoding::kReadable ones.
void normalise(const std::uint8_t* bytes, std::size_t length, unsigned bits, Encoding& out);
// The same, of no more than the instruction's bytes.
Encoding normalised(std::span<const std::uint8_t> bytes, unsigned bits);

}  // namespace mint
