// From bytes to Instruction, by Capstone and the table of costs. Remembers every encoding that it
// has seen: the same few thousand make up most of a kernel.
#pragma once

#include <capstone/capstone.h>

#include <deque>
#include <span>
#include <vector>

#include "emu/timing/instruction.hpp"

namespace mint {

class InstructionDecoder {
 public:
  explicit InstructionDecoder(const CostTable& table);
  ~InstructionDecoder();
  InstructionDecoder(const InstructionDecoder&) = delete;
  InstructionDecoder& operator=(const InstructionDecoder&) = delete;

  // `bits` is the code size: 16, 32 or 64. References stay good until forget() is called.
  const Instruction& decode(std::span<const std::uint8_t> bytes, unsigned bits);
  // Starts again when more encodings have been seen than a run should keep.
  void forget_if_many();

 private:
  struct Slot {
    std::uint64_t low = 0;
    std::uint64_t high = 0;  // never 0 in a used slot: it holds length and mode
    const Instruction* instruction = nullptr;
  };

  Slot& slot_of(std::uint64_t low, std::uint64_t high);
  void grow();
  Instruction make(std::span<const std::uint8_t> bytes, unsigned bits);

  const CostTable& table_;
  csh handles_[3]{};
  cs_insn* scratch_ = nullptr;
  std::vector<Slot> slots_;  // a power of two, at most half full
  std::deque<Instruction> seen_;
};

}  // namespace mint
