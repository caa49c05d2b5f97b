// SpinLoop's decoder and its instructions (SDM vol. 2).
#include <algorithm>
#include <utility>

#include "emu/engine/spin_bits.hpp"
#include "emu/engine/spin_loop.hpp"

namespace mint {
namespace {

constexpr unsigned kRsp = 4;

}  // namespace

// --- decoding (SDM vol. 2A, chapter 2) -----------------------------------------------------------

bool SpinLoop::operand(const Instruction& i, unsigned immediate_bytes, Operand& rm, unsigned& reg) {
  std::uint8_t modrm = 0;
  if (!byte(modrm)) return false;
  const unsigned mod = modrm >> 6;
  reg = (modrm >> 3 & 7) | (i.rex & 4) << 1;
  unsigned base = modrm & 7;
  if (mod == 3) {
    rm = {false, base | (i.rex & 1) << 3, 0};
    return true;
  }
  std::uint64_t address = 0;
  bool relative = false;
  bool has_base = true;
  if (base == 4) {
    std::uint8_t sib = 0;
    if (!byte(sib)) return false;
    const unsigned index = (sib >> 3 & 7) | (i.rex & 2) << 2;
    base = sib & 7;
    if (index != 4) {
      const Value value = read_register(index, code64_ ? 8 : 4, true);
      if (value.kind != Kind::kKnown) return false;
      address += value.bits << (sib >> 6);
    }
    has_base = !(base == 5 && mod == 0);
  } else if (base == 5 && mod == 0) {
    has_base = false;
    relative = code64_;
  }
  if (has_base) {
    const Value value = read_register(base | (i.rex & 1) << 3, code64_ ? 8 : 4, true);
    if (value.kind != Kind::kKnown) return false;
    address += value.bits;
  }
  std::uint64_t displacement = 0;
  if (mod == 1 && !immediate(1, displacement)) return false;
  if ((mod == 2 || !has_base) && !immediate(4, displacement)) return false;
  address += displacement;
  if (relative) address += rip_ + immediate_bytes;
  if (!code64_) {
    const bool stack = has_base && (base == 4 || base == 5);
    address += initial_.segment[i.segment >= 0 ? i.segment : stack ? 2 : 3].base;
    address &= 0xffffffff;
  } else if (i.segment >= 4) {
    address += initial_.segment[i.segment].base;
  }
  rm = {true, 0, address};
  return true;
}

// --- instructions --------------------------------------------------------------------------------

bool SpinLoop::step_escaped(const Instruction& i, unsigned size) {
  std::uint8_t opcode = 0;
  if (!byte(opcode)) return false;
  Operand rm;
  unsigned reg = 0;
  Value value;
  const bool rex = i.rex != 0;
  if (opcode >= 0x80 && opcode <= 0x8f) {  // Jcc
    std::uint64_t offset = 0;
    bool taken = false;
    if (i.operand16 || !immediate(4, offset) || !condition(opcode & 15, taken)) return false;
    return !taken || jump(rip_ + offset);
  }
  switch (opcode) {
    case 0x1f:  // NOP
      return operand(i, 0, rm, reg);
    case 0x31:  // RDTSC
      if (reads_tsc_ || !may_read_tsc_) return false;
      reads_tsc_ = true;
      write_register(0, 4, true, {tsc_ & 0xffffffff, Kind::kLow, 0});
      write_register(2, 4, true, {tsc_ >> 32, Kind::kHigh, 0});
      return true;
    case 0xae:  // LFENCE, MFENCE, SFENCE
      return operand(i, 0, rm, reg) && !rm.memory && (reg & 7) >= 5 && !i.rep && !i.repne &&
             !i.operand16;
    case 0xb6:  // MOVZX, MOVSX
    case 0xb7:
    case 0xbe:
    case 0xbf: {
      const unsigned from = (opcode & 1) != 0 ? 2 : 1;
      if (!operand(i, 0, rm, reg) || !read(rm, from, rex, value)) return false;
      if (value.kind != Kind::kKnown) value.kind = Kind::kOpaque;
      if (opcode >= 0xbe) value.bits = extend(value.bits, from) & mask_of(size);
      write_register(reg, size, true, value);
      return true;
    }
    default:
      return false;
  }
}

// Group 1, TEST and the shifts with an immediate.
bool SpinLoop::step_group(std::uint8_t opcode, const Instruction& i, unsigned size) {
  Operand rm;
  unsigned reg = 0;
  const bool byte_immediate = opcode != 0x81 && opcode != 0xf7;
  const unsigned immediate_size = byte_immediate ? 1 : size;
  std::uint64_t number = 0;
  Value value;
  Value result;
  const bool rex = i.rex != 0;
  if (!operand(i, std::min(immediate_size, 4u), rm, reg)) return false;
  if ((opcode == 0xf6 || opcode == 0xf7) && (reg & 7) > 1) return false;
  if (!immediate(immediate_size, number) || !read(rm, size, rex, value)) return false;
  number &= mask_of(size);
  switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x83:
      if (!alu(reg & 7, size, value, {number}, result)) return false;
      return (reg & 7) == 7 || write(rm, size, rex, result);
    case 0xf6:
    case 0xf7:
      return alu(4, size, value, {number}, result);
    case 0xc1:
      number &= size == 8 ? 63 : 31;
      if (number == 0) return true;
      if ((reg & 7) == 4)
        result.bits = value.bits << number & mask_of(size);
      else if ((reg & 7) == 5)
        result.bits = (value.bits & mask_of(size)) >> number;
      else
        return false;
      if (value.kind == Kind::kHigh && (reg & 7) == 4 && number == 32)
        result = {result.bits, Kind::kHighInPlace, value.addend};
      else if (value.kind != Kind::kKnown)
        result.kind = Kind::kOpaque;
      set_logic_flags(size, result);
      flags_.opaque = true;  // CF and OF are not worth it
      return write(rm, size, rex, result);
    default:
      return false;
  }
}

bool SpinLoop::step() {
  Instruction i;
  std::uint8_t opcode = 0;
  for (unsigned prefixes = 0;; ++prefixes) {
    if (prefixes > 4 || !byte(opcode)) return false;
    if (opcode == 0x66)
      i.operand16 = true;
    else if (opcode == 0xf3)
      i.rep = true;
    else if (opcode == 0xf2)
      i.repne = true;
    else if (opcode == 0x2e)
      i.segment = 1;
    else if (opcode == 0x3e)
      i.segment = 3;
    else if (opcode == 0x64)
      i.segment = 4;
    else if (opcode == 0x65)
      i.segment = 5;
    else
      break;
  }
  if (code64_ && (opcode & 0xf0) == 0x40) {
    i.rex = opcode;
    if (!byte(opcode)) return false;
  }
  const bool rex = i.rex != 0;
  const unsigned full = (i.rex & 8) != 0 ? 8 : i.operand16 ? 2 : 4;
  const unsigned size = (opcode & 1) != 0 ? full : 1;
  if (opcode == 0x0f) return step_escaped(i, full);
  if (opcode == 0x90) {  // NOP, PAUSE
    has_pause_ |= i.rep;
    return i.rex == 0;
  }
  if (i.rep || i.repne) return false;

  Operand rm;
  unsigned reg = 0;
  std::uint64_t number = 0;
  Value a;
  Value b;
  Value result;
  if (opcode < 0x40 && (opcode & 7) < 6) {
    const unsigned operation = opcode >> 3;
    if ((opcode & 7) >= 4) {
      rm = {false, 0, 0};
      if (!immediate(size, number)) return false;
      a = read_register(0, size, rex);
      b.bits = number & mask_of(size);
    } else {
      if (!operand(i, 0, rm, reg)) return false;
      // XOR and SUB of a register with itself give zero, whatever it was.
      const bool clears = (operation == 5 || operation == 6) && !rm.memory && rm.reg == reg;
      if (!clears) {
        if (!read(rm, size, rex, a)) return false;
        b = read_register(reg, size, rex);
      }
      if ((opcode & 2) != 0) {
        std::swap(a, b);
        rm = {false, reg, 0};
      }
    }
    if (!alu(operation, size, a, b, result)) return false;
    return operation == 7 || write(rm, size, rex, result);
  }
  if (opcode >= 0x70 && opcode <= 0x7f) {
    bool taken = false;
    if (i.operand16 || !immediate(1, number) || !condition(opcode & 15, taken)) return false;
    return !taken || jump(rip_ + number);
  }
  if (opcode >= 0xb8 && opcode <= 0xbf) {
    if (full == 8 || !immediate(full, number)) return false;
    write_register((opcode & 7) | (i.rex & 1) << 3, full, rex, {number & mask_of(full)});
    return true;
  }
  switch (opcode) {
    case 0x63:  // MOVSXD
      if (!code64_ || full != 8 || !operand(i, 0, rm, reg) || !read(rm, 4, rex, a)) return false;
      if (a.kind != Kind::kKnown) a.kind = Kind::kOpaque;
      a.bits = extend(a.bits, 4);
      write_register(reg, 8, rex, a);
      return true;
    case 0x80:
    case 0x81:
    case 0xc1:
    case 0xf6:
    case 0xf7:
      return step_group(opcode, i, size);
    case 0x83:
      return step_group(opcode, i, full);
    case 0x84:
    case 0x85:  // TEST
      if (!operand(i, 0, rm, reg) || !read(rm, size, rex, a)) return false;
      return alu(4, size, a, read_register(reg, size, rex), result);
    case 0x88:
    case 0x89:
      if (!operand(i, 0, rm, reg)) return false;
      return write(rm, size, rex, read_register(reg, size, rex));
    case 0x8a:
    case 0x8b:
      if (!operand(i, 0, rm, reg) || !read(rm, size, rex, a)) return false;
      write_register(reg, size, rex, a);
      return true;
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:  // MOV with an absolute address
      if (code64_ || !immediate(4, number)) return false;
      number += initial_.segment[i.segment >= 0 ? i.segment : 3].base;
      rm = {true, 0, number & 0xffffffff};
      if ((opcode & 2) != 0) return write(rm, size, rex, read_register(0, size, rex));
      if (!read(rm, size, rex, a)) return false;
      write_register(0, size, rex, a);
      return true;
    case 0xa8:
    case 0xa9:
      if (!immediate(size, number)) return false;
      return alu(4, size, read_register(0, size, rex), {number & mask_of(size)}, result);
    case 0xc6:
    case 0xc7:
      if (!operand(i, std::min(size, 4u), rm, reg) || (reg & 7) != 0 || !immediate(size, number))
        return false;
      return write(rm, size, rex, {number & mask_of(size)});
    case 0xe9:
      return !i.operand16 && immediate(4, number) && jump(rip_ + number);
    case 0xeb:
      return !i.operand16 && immediate(1, number) && jump(rip_ + number);
    case 0xc3:
    case 0xe8: {  // RET, CALL
      if (i.operand16 || (opcode == 0xe8 && !immediate(4, number))) return false;
      const unsigned width = code64_ ? 8 : 4;
      Value stack = read_register(kRsp, width, true);
      if (stack.kind != Kind::kKnown) return false;
      if (opcode == 0xe8) stack.bits = (stack.bits - width) & mask_of(width);
      rm = {true, 0, stack.bits + (code64_ ? 0 : initial_.segment[2].base)};
      const bool done = opcode == 0xe8 ? write(rm, width, true, {rip_}) : read(rm, width, true, a);
      if (!done || a.kind != Kind::kKnown) return false;
      if (opcode == 0xc3) stack.bits = (stack.bits + width) & mask_of(width);
      write_register(kRsp, width, true, stack);
      return jump(opcode == 0xe8 ? rip_ + number : a.bits);
    }
    default:
      return false;
  }
}

}  // namespace mint
