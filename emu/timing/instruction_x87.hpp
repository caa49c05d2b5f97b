// Dependencies of x87 instructions, whose operands on the register stack are mostly implicit.
#pragma once

#include <capstone/capstone.h>

#include <string_view>

#include "emu/timing/instruction.hpp"

namespace mint {

bool is_x87(std::string_view name);

// Fills in sources, results and what becomes of the stack's top.
void describe_x87(const cs_insn& insn, const CostRow& row, Instruction& out);

}  // namespace mint
