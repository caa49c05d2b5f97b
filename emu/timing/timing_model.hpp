// What a translated block costs. The engine asks once per translated block, so a model can afford
// to look at it closely; the answer is subtracted from the core's budget each time the block runs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mint {

// A run of instructions without a jump into it, as the translator found it.
struct CodeBlock {
  std::span<const std::uint8_t> code;
  std::span<const std::uint16_t> starts;  // offset of each instruction in `code`
  unsigned bits = 64;                     // default operand size of the mode: 16, 32 or 64 bit code
};

struct BlockCost {
  std::uint32_t cycles = 0;
  std::vector<std::uint16_t> before;  // cycles from the head of the block to each instruction
};

class TimingModel {
 public:
  virtual ~TimingModel() = default;
  virtual BlockCost cost(const CodeBlock& block) const = 0;
};

}  // namespace mint
