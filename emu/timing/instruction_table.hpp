// The simplest timing model: one table of costs by opcode, no dependencies between instructions, no
// caches. The costs are what the instruction takes of a Core i7 860's time in ordinary kernel code:
// its measured reciprocal throughput, and half of the latency beyond that where it has one (load
// to use, multiplication, division), because out-of-order execution hides about half of it.
#pragma once

#include "emu/timing/timing_model.hpp"

namespace mint {

class InstructionTable : public TimingModel {
 public:
  BlockCost cost(const CodeBlock& block) const override;

  // Cost of one instruction in quarters of a cycle. `bits` is the code size: 16, 32 or 64.
  static unsigned quarter_cycles(std::span<const std::uint8_t> instruction, unsigned bits);
};

}  // namespace mint
