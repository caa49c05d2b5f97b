// What is known of each translated block of a core, by the address of Unicorn's descriptor of it:
// its cost, and for each of its instructions when it begins and whether it is locked. One is added
// for every translation, so that has to be cheap: descriptors lie in the code buffer in the order
// of translation, and adding one is appending it.
#pragma once

#include <cstdint>
#include <vector>

#include "emu/timing/timing_model.hpp"

namespace mint {

class BlockTable {
 public:
  struct Block {
    const void* name = nullptr;
    std::uint64_t pc = 0;  // linear address
    std::uint32_t cycles = 0;
    std::uint32_t first = 0;  // of its instructions in the table's array
    std::uint32_t instructions = 0;
  };

  void clear();
  // Adds a block. Blocks with addresses from its own up were given up: their place is used anew.
  void put(const void* name, std::uint64_t pc, const CodeBlock& code, const BlockCost& cost);
  // Null when there is none, or when it has no instruction number `index`.
  const Block* find(const void* name, unsigned index) const;
  // Cycles from the head of the block to an instruction.
  std::uint32_t before(const Block& block, unsigned index) const {
    return instructions_[block.first + index] & kBefore;
  }
  // Whether it is a LOCK instruction, or XCHG with memory, which is locked without the prefix (SDM
  // vol. 3A, 8.1.2).
  bool locked(const Block& block, unsigned index) const {
    return (instructions_[block.first + index] & kLocked) != 0;
  }

 private:
  static constexpr std::uint32_t kLocked = 1u << 31;
  static constexpr std::uint32_t kBefore = kLocked - 1;

  std::vector<Block> blocks_;  // by address
  std::vector<std::uint32_t> instructions_;
};

}  // namespace mint
