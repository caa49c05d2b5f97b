// Operands of forms: from "r1_32" or "[m64 + 8]" to the text for one copy of the instruction.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mint::accuracy {

struct Operand {
  enum class Kind { kGeneral, kXmm, kMmx, kX87, kMemory, kAddress, kFixed };
  Kind kind = Kind::kFixed;
  unsigned width = 0;   // bits; kMemory: 0 when the form does not say
  unsigned number = 0;  // 1 and 2: different registers; 0: the same
  std::string text;     // kFixed; kMemory: what is added to the address; kAddress: its terms
};

// Nothing when it is not an operand.
std::optional<Operand> parse_operand(std::string_view text);
// "a, b": splits at commas outside of brackets.
std::vector<std::string> split_operands(std::string_view text);
std::string trim(std::string_view text);

// The name of general register `index` with a width of 8 to 64 bits.
std::string general(unsigned index, unsigned width);
constexpr unsigned kRax = 0, kRcx = 1, kRdx = 2, kRbx = 3, kRbp = 5, kRsi = 6, kRdi = 7;

// Which registers an operand gets in one copy.
struct Choice {
  unsigned general = kRcx;  // of number 0 and 1
  unsigned other_general = kRax;
  unsigned vector = 1;
  unsigned other_vector = 15;
  unsigned mmx = 0;
  unsigned other_mmx = 7;
  unsigned x87 = 1;
  unsigned offset = 0;  // into the buffer
  bool chased = false;  // the general register is part of the address
};
std::string render(const Operand& operand, const Choice& choice);

}  // namespace mint::accuracy
