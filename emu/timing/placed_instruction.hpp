// An instruction of a block: what all with its encoding have in common, and its own displacement
// and registers. What blocks' costs need most can be told without putting the two together.
#pragma once

#include "emu/timing/encoding.hpp"
#include "emu/timing/instruction.hpp"

namespace mint {

// Puts back what an encoding leaves out of an instruction.
void restore(Instruction& instruction, const Particulars& own);
// Whether that changes nothing.
inline bool is_complete(const Instruction& instruction, const Particulars& own) {
  return own.renamed == 0 && !(own.displaced && instruction.addressed);
}

struct PlacedInstruction {
  const Instruction* general = nullptr;
  Particulars own;
  std::uint8_t length = 0;

  // Places as the encoding has them, and what they are here.
  class Names {
   public:
    explicit Names(const Particulars& own) {
      for (unsigned i = 0; i < own.renamed; ++i)
        names_[Particulars::kStandIns[i]] = own.registers[i];
    }
    std::uint8_t of(std::uint8_t place) const { return place < 8 ? names_[place] : place; }

   private:
    std::array<std::uint8_t, 8> names_{0, 1, 2, 3, 4, 5, 6, 7};
  };
  Names names() const { return Names(own); }

  // With all that is its own.
  Instruction whole() const;
  std::uint64_t reads() const { return restored(general->reads); }
  std::uint64_t writes() const { return restored(general->writes); }
  MemoryOperand memory(unsigned index) const;

 private:
  // A set of places, with registers for their stand-ins.
  std::uint64_t restored(std::uint64_t places) const {
    constexpr auto bit = [](unsigned i) { return std::uint64_t{1} << Particulars::kStandIns[i]; };
    constexpr std::uint64_t kReplaced[] = {0, bit(0), bit(0) | bit(1), bit(0) | bit(1) | bit(2)};
    const std::uint64_t replaced = places & kReplaced[own.renamed];
    return (places ^ replaced) | (replaced >> Particulars::kStandIns[0] & 1) << own.registers[0] |
           (replaced >> Particulars::kStandIns[1] & 1) << own.registers[1] |
           (replaced >> Particulars::kStandIns[2] & 1) << own.registers[2];
  }
};

}  // namespace mint
