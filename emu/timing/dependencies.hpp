// The bound that dependencies set: how many cycles pass from one execution of a block to the next
// when it follows itself, results being handed on through registers, flags and memory.
//
// Results become ready at a time; what reads them is ready a latency later. The block is gone
// through a few times with that, and the growth of the latest times per round is the bound: the
// longest cycle of the dependency graph, as far as it repeats within four rounds.
#pragma once

#include <span>
#include <vector>

#include "emu/timing/placed_instruction.hpp"

namespace mint {

// Instructions with their displacements and registers, in memory that is used again.
class WholeInstructions {
 public:
  std::span<const Instruction* const> of(std::span<const PlacedInstruction> block);

 private:
  std::vector<Instruction> restored_;
  std::vector<const Instruction*> all_;
};

// `partial` is what a load that wants more than the store has takes beyond a forwarded one.
Centicycles dependency_bound(std::span<const PlacedInstruction> block, Centicycles partial,
                             WholeInstructions& scratch);

// The growth over the measured rounds by going through all of them, whatever the block is like.
Centicycles dependency_growth(std::span<const Instruction* const> block, Centicycles partial);

}  // namespace mint
