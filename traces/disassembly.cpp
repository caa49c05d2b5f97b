#include "traces/disassembly.hpp"

#include <capstone/capstone.h>
#include <fmt/format.h>

#include <set>

namespace mint {
namespace {

struct Register {
  x86_reg name;
  unsigned number;  // in mint_registers::general
  std::uint64_t mask;
};

constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::uint64_t kLow32 = 0xffffffff;
constexpr std::uint64_t kLow16 = 0xffff;
constexpr Register kRegisters[] = {
    {X86_REG_RAX, 0, kAll},   {X86_REG_RCX, 1, kAll},   {X86_REG_RDX, 2, kAll},
    {X86_REG_RBX, 3, kAll},   {X86_REG_RSP, 4, kAll},   {X86_REG_RBP, 5, kAll},
    {X86_REG_RSI, 6, kAll},   {X86_REG_RDI, 7, kAll},   {X86_REG_R8, 8, kAll},
    {X86_REG_R9, 9, kAll},    {X86_REG_R10, 10, kAll},  {X86_REG_R11, 11, kAll},
    {X86_REG_R12, 12, kAll},  {X86_REG_R13, 13, kAll},  {X86_REG_R14, 14, kAll},
    {X86_REG_R15, 15, kAll},  {X86_REG_EAX, 0, kLow32}, {X86_REG_ECX, 1, kLow32},
    {X86_REG_EDX, 2, kLow32}, {X86_REG_EBX, 3, kLow32}, {X86_REG_ESP, 4, kLow32},
    {X86_REG_EBP, 5, kLow32}, {X86_REG_ESI, 6, kLow32}, {X86_REG_EDI, 7, kLow32},
    {X86_REG_BX, 3, kLow16},  {X86_REG_BP, 5, kLow16},  {X86_REG_SI, 6, kLow16},
    {X86_REG_DI, 7, kLow16}};

const Register* find(unsigned name) {
  for (const Register& r : kRegisters)
    if (static_cast<unsigned>(r.name) == name) return &r;
  return nullptr;
}

// The registers of a block as they are at its head, less those that have been written since.
class Known {
 public:
  explicit Known(const mint_registers& registers) : registers_(registers) {}

  std::optional<std::uint64_t> value(unsigned name, std::uint64_t next) const {
    if (name == X86_REG_INVALID) return 0;
    if (name == X86_REG_RIP || name == X86_REG_EIP) return next;
    const Register* r = find(name);
    if (r == nullptr || written_.contains(r->number)) return std::nullopt;
    return registers_.general[r->number] & r->mask;
  }
  void wrote(csh handle, unsigned name) {
    for (const Register& r : kRegisters) {
      // Parts of a register have the letters of the whole.
      const std::string part =
          cs_reg_name(handle, name) == nullptr ? "" : cs_reg_name(handle, name);
      const std::string whole = cs_reg_name(handle, r.name);
      const bool same =
          part == whole ||
          (part.size() >= 2 && whole.size() == part.size() + 1 && whole.substr(1) == part) ||
          (part.size() == 2 && part[1] == 'l' && whole.size() == 3 && whole[1] == part[0] &&
           whole[2] == 'x') ||
          (part.size() >= 3 && whole.size() >= 2 && part[0] == 'r' &&
           part.substr(0, whole.size()) == whole);
      if (same) written_.insert(r.number);
    }
  }

 private:
  const mint_registers& registers_;
  std::set<unsigned> written_;
};

std::optional<std::uint64_t> operand_address(const cs_insn& insn, const cs_x86_op& op,
                                             const Known& known, const mint_registers& registers,
                                             unsigned bits) {
  const std::uint64_t next = insn.address + insn.size;
  const auto base = known.value(op.mem.base, next);
  const auto index = known.value(op.mem.index, next);
  if (!base || !index) return std::nullopt;
  std::uint64_t address = *base + *index * static_cast<std::uint64_t>(op.mem.scale) +
                          static_cast<std::uint64_t>(op.mem.disp);
  if (bits == 16) address &= kLow16;
  if (bits == 32) address &= kLow32;
  unsigned segment = 3;  // DS
  switch (op.mem.segment) {
    case X86_REG_ES:
      segment = 0;
      break;
    case X86_REG_CS:
      segment = 1;
      break;
    case X86_REG_SS:
      segment = 2;
      break;
    case X86_REG_FS:
      segment = 4;
      break;
    case X86_REG_GS:
      segment = 5;
      break;
    default:
      break;
  }
  if (bits != 64 || segment >= 4) address += registers.segment[segment].base;
  return address;
}

}  // namespace

unsigned code_bits(const mint_registers& r) {
  constexpr std::uint32_t kLong = 1u << 21;
  constexpr std::uint32_t kDefault32 = 1u << 22;
  constexpr std::uint64_t kEferLma = 1u << 10;
  const std::uint32_t cs = r.segment[1].attributes;
  if ((r.efer & kEferLma) != 0 && (cs & kLong) != 0) return 64;
  return (r.cr0 & 1) != 0 && (cs & kDefault32) != 0 ? 32 : 16;
}

std::vector<Instruction> disassemble(std::span<const std::uint8_t> code, std::uint64_t address,
                                     const mint_registers& registers, unsigned count) {
  const unsigned bits = code_bits(registers);
  const cs_mode mode = bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16;
  std::vector<Instruction> list;
  csh handle = 0;
  if (cs_open(CS_ARCH_X86, mode, &handle) != CS_ERR_OK) return list;
  cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
  cs_insn* instructions = nullptr;
  const std::size_t found =
      cs_disasm(handle, code.data(), code.size(), address, count, &instructions);
  Known known(registers);
  for (std::size_t i = 0; i < found; ++i) {
    const cs_insn& insn = instructions[i];
    Instruction one;
    one.address = insn.address;
    one.text = insn.mnemonic;
    if (insn.op_str[0] != 0) one.text += fmt::format(" {}", insn.op_str);
    const cs_x86& x86 = insn.detail->x86;
    for (unsigned k = 0; k < x86.op_count; ++k) {
      const cs_x86_op& op = x86.operands[k];
      if (op.type != X86_OP_MEM || insn.id == X86_INS_LEA || insn.id == X86_INS_NOP) continue;
      one.operand = operand_address(insn, op, known, registers, bits);
      one.operand_size = op.size;
    }
    cs_regs read;
    cs_regs written;
    std::uint8_t reads = 0;
    std::uint8_t writes = 0;
    if (cs_regs_access(handle, &insn, read, &reads, written, &writes) == CS_ERR_OK)
      for (unsigned k = 0; k < writes; ++k) known.wrote(handle, written[k]);
    list.push_back(std::move(one));
  }
  if (found != 0) cs_free(instructions, found);
  cs_close(&handle);
  return list;
}

}  // namespace mint
