// Instructions as text, by Capstone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "emu/engine/glue.h"

namespace mint {

// 16, 32 or 64: how a core with these registers reads its code.
unsigned code_bits(const mint_registers& registers);

struct Instruction {
  std::uint64_t address = 0;
  std::string text;
  // The memory operand, as far as the registers at the head of the block tell where it is.
  std::optional<std::uint64_t> operand;
  unsigned operand_size = 0;
};

// At most `count` instructions, as far as `code` goes. `registers`: at `address`; operands are told
// until an instruction has changed a register that they need.
std::vector<Instruction> disassemble(std::span<const std::uint8_t> code, std::uint64_t address,
                                     const mint_registers& registers, unsigned count);

}  // namespace mint
