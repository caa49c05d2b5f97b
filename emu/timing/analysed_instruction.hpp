// What the timing model needs to know of an instruction, from Capstone's analysis and the table of
// costs: operands with their latencies, the stack, flags, resources, fusion.
#pragma once

#include <capstone/capstone.h>

#include "emu/timing/cost_table.hpp"
#include "emu/timing/instruction.hpp"

namespace mint {

// `insn` comes with its details. `bits` is the code size: 16, 32 or 64.
Instruction analysed_instruction(const cs_insn& insn, const CostTable& table, unsigned bits);

}  // namespace mint
