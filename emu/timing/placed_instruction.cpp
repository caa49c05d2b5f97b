#include "emu/timing/placed_instruction.hpp"

namespace mint {

void restore(Instruction& instruction, const Particulars& own) {
  const PlacedInstruction placed{&instruction, own, instruction.length};
  const MemoryOperand memory = placed.memory(0);
  const std::uint64_t reads = placed.reads();
  const std::uint64_t writes = placed.writes();
  instruction.memory[0] = memory;
  if (own.renamed == 0) return;
  instruction.reads = reads;
  instruction.writes = writes;
  const PlacedInstruction::Names names = placed.names();
  for (Instruction::Source& source : instruction.sources) source.place = names.of(source.place);
  for (Instruction::Result& result : instruction.results) result.place = names.of(result.place);
}

Instruction PlacedInstruction::whole() const {
  Instruction out = *general;
  restore(out, own);
  out.length = length;
  return out;
}

MemoryOperand PlacedInstruction::memory(unsigned index) const {
  MemoryOperand operand = general->memory[index];
  if (index != 0 || !general->addressed) return operand;
  if (own.displaced) operand.displacement = own.displacement;
  if (own.renamed == 0) return operand;
  const Names all = names();
  operand.base = all.of(operand.base);
  operand.index = all.of(operand.index);
  return operand;
}

}  // namespace mint
