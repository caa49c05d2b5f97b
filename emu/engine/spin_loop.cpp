#include "emu/engine/spin_loop.hpp"

#include <algorithm>
#include <cstring>

namespace mint {
namespace {

constexpr unsigned kLongestLoop = 64;  // instructions
constexpr std::uint64_t kUnlimited = UINT64_MAX;
constexpr std::uint64_t kTrap = 1 << 8;
constexpr std::uint64_t kTimeStampDisable = 1 << 2;  // CR4.TSD
constexpr unsigned kRsp = 4;

std::uint64_t mask_of(unsigned size) { return size == 8 ? UINT64_MAX : (1ULL << (8 * size)) - 1; }

std::uint64_t extend(std::uint64_t value, unsigned size) {
  const unsigned shift = 64 - 8 * size;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << shift) >> shift);
}

bool sign_of(std::uint64_t value, unsigned size) { return (value >> (8 * size - 1) & 1) != 0; }

}  // namespace

// --- memory and registers ------------------------------------------------------------------------

bool SpinLoop::byte(std::uint8_t& out) {
  const auto* at = mint_engine_peek(engine_, initial_.segment[1].base + rip_, MINT_PEEK_CODE);
  if (at == nullptr) return false;
  out = *static_cast<const std::uint8_t*>(at);
  ++rip_;
  return true;
}

bool SpinLoop::immediate(unsigned size, std::uint64_t& out) {
  const unsigned bytes = std::min(size, 4u);
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) {
    std::uint8_t b = 0;
    if (!byte(b)) return false;
    value |= std::uint64_t{b} << (8 * i);
  }
  out = extend(value, bytes);
  return true;
}

SpinLoop::Value SpinLoop::read_register(unsigned reg, unsigned size, bool rex) {
  const bool high_byte = size == 1 && !rex && reg >= 4;
  const unsigned index = high_byte ? reg - 4 : reg;
  if ((written_ >> index & 1) == 0) read_first_ |= 1u << index;
  Value value = registers_[index];
  if (high_byte) value.bits >>= 8;
  value.bits &= mask_of(size);
  if (value.kind == Kind::kKnown || size == 8) return value;
  if (size == 4 && (value.kind == Kind::kSum || value.kind == Kind::kLow))
    value.kind = Kind::kLow;
  else if (size != 4 || value.kind != Kind::kHigh)
    value.kind = Kind::kOpaque;
  return value;
}

void SpinLoop::write_register(unsigned reg, unsigned size, bool rex, const Value& value) {
  const bool high_byte = size == 1 && !rex && reg >= 4;
  const unsigned index = high_byte ? reg - 4 : reg;
  Value merged = value;
  if (size < 4) {
    if ((written_ >> index & 1) == 0) read_first_ |= 1u << index;
    const Value& old = registers_[index];
    const unsigned shift = high_byte ? 8 : 0;
    const std::uint64_t mask = mask_of(size) << shift;
    merged.bits = (old.bits & ~mask) | (value.bits << shift & mask);
    if (old.kind != Kind::kKnown || value.kind != Kind::kKnown) merged.kind = Kind::kOpaque;
  }
  registers_[index] = merged;
  written_ |= 1u << index;
}

// The memory at an address that the loop uses; null when it cannot be followed: not in the TLB as
// plain RAM, in two pages, or overlapping another.
SpinLoop::Cell* SpinLoop::cell(std::uint64_t address, unsigned size) {
  for (unsigned i = 0; i < cells_used_; ++i) {
    Cell& c = cells_[i];
    if (c.address == address && c.size == size) return &c;
    if (address - c.address < c.size || c.address - address < size) return nullptr;
  }
  if (cells_used_ == kCells || (address & (size - 1)) != 0) return nullptr;
  const void* memory = mint_engine_peek(engine_, address, read_access_);
  if (memory == nullptr) return nullptr;
  Cell& c = cells_[cells_used_++];
  c = {address, size, 0, false, {}};
  std::memcpy(&c.before, memory, size);
  c.value.bits = c.before;
  return &c;
}

bool SpinLoop::read(const Operand& o, unsigned size, bool rex, Value& out) {
  if (!o.memory) {
    out = read_register(o.reg, size, rex);
    return true;
  }
  Cell* c = cell(o.address, size);
  if (c == nullptr) return false;
  if (c->value.kind == Kind::kKnown && c->value.bits == c->before) c->read_first = true;
  out = c->value;
  return true;
}

bool SpinLoop::write(const Operand& o, unsigned size, bool rex, const Value& value) {
  if (!o.memory) {
    write_register(o.reg, size, rex, value);
    return true;
  }
  if (mint_engine_peek(engine_, o.address, write_access_) == nullptr) return false;
  Cell* c = cell(o.address, size);
  if (c == nullptr) return false;
  c->value = value;
  c->value.bits &= mask_of(size);
  return true;
}

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

// --- arithmetic ----------------------------------------------------------------------------------

void SpinLoop::set_logic_flags(unsigned size, const Value& result) {
  flags_ = {};
  flags_.zero = (result.bits & mask_of(size)) == 0;
  flags_.sign = sign_of(result.bits, size);
  flags_.opaque = result.kind != Kind::kKnown;
  flags_written_ = true;
}

// a - b, or a - b - carry where the carry comes from the lower halves of two 64-bit numbers.
SpinLoop::Value SpinLoop::subtract(unsigned size, const Value& a, const Value& b,
                                   bool with_borrow) {
  const std::uint64_t mask = mask_of(size);
  const Flags low = flags_;
  const std::uint64_t borrow = with_borrow && low.carry ? 1 : 0;
  Value result;
  result.bits = (a.bits - b.bits - borrow) & mask;
  flags_ = {};
  flags_written_ = true;
  flags_.carry =
      (a.bits & mask) < (b.bits & mask) || (borrow != 0 && (a.bits & mask) == (b.bits & mask));
  flags_.zero = result.bits == 0;
  flags_.sign = sign_of(result.bits, size);
  flags_.overflow = sign_of((a.bits ^ b.bits) & (a.bits ^ result.bits), size);
  const bool low_depends = with_borrow && (low.width != 0 || low.opaque);
  if (a.kind == Kind::kKnown && b.kind == Kind::kKnown && !low_depends) return result;

  const bool swapped = a.kind == Kind::kKnown;
  const Value& moving = swapped ? b : a;
  const Value& fixed = swapped ? a : b;
  result.kind = Kind::kOpaque;
  flags_.opaque = true;
  if (fixed.kind != Kind::kKnown) return result;
  if (!with_borrow) {
    const bool whole = size == 8 && moving.kind == Kind::kSum;
    const bool half = size == 4 && moving.kind == Kind::kLow;
    if (!whole && !half) return result;
    flags_.opaque = false;
    flags_.width = 8 * size;
    flags_.swapped = swapped;
    flags_.addend = moving.addend;
    flags_.other = fixed.bits & mask;
    if (!swapped) result = {result.bits, moving.kind, moving.addend - fixed.bits};
  } else if (size == 4 && moving.kind == Kind::kHigh && low.width == 32 && low.swapped == swapped &&
             ((low.addend ^ moving.addend) & 0xffffffff) == 0) {
    const std::uint64_t both = fixed.bits << 32 | low.other;
    flags_.opaque = false;
    flags_.width = 64;
    flags_.swapped = swapped;
    flags_.addend = moving.addend;
    flags_.other = both;
    flags_.zero_known = false;
    if (!swapped) result = {result.bits, Kind::kHigh, moving.addend - both};
  }
  return result;
}

bool SpinLoop::alu(unsigned operation, unsigned size, Value a, Value b, Value& result) {
  const std::uint64_t mask = mask_of(size);
  switch (operation) {
    case 0: {  // ADD
      const Value& moving = a.kind == Kind::kKnown ? b : a;
      const Value& fixed = a.kind == Kind::kKnown ? a : b;
      result = {(a.bits + b.bits) & mask, moving.kind, 0};
      flags_ = {};
      flags_written_ = true;
      flags_.carry = result.bits < (a.bits & mask);
      flags_.zero = result.bits == 0;
      flags_.sign = sign_of(result.bits, size);
      flags_.overflow = sign_of(~(a.bits ^ b.bits) & (a.bits ^ result.bits), size);
      if (moving.kind == Kind::kKnown) return true;
      flags_.opaque = true;
      const bool sum = size == 8 && moving.kind == Kind::kSum;
      const bool low = size == 4 && moving.kind == Kind::kLow;
      if (fixed.kind != Kind::kKnown || (!sum && !low))
        result.kind = Kind::kOpaque;
      else
        result.addend = moving.addend + fixed.bits;
      return true;
    }
    case 1:  // OR
      result.bits = (a.bits | b.bits) & mask;
      if (a.kind == Kind::kLow) std::swap(a, b);
      if (a.kind == Kind::kHighInPlace && b.kind == Kind::kLow && a.addend == b.addend && size == 8)
        result = {result.bits, Kind::kSum, a.addend};
      else if (a.kind != Kind::kKnown || b.kind != Kind::kKnown)
        result.kind = Kind::kOpaque;
      set_logic_flags(size, result);
      return true;
    case 3:  // SBB
      if (!flags_written_) flags_read_first_ = true;
      result = subtract(size, a, b, true);
      return true;
    case 4:
    case 6:
      result.bits = (operation == 4 ? a.bits & b.bits : a.bits ^ b.bits) & mask;
      if (a.kind != Kind::kKnown || b.kind != Kind::kKnown) result.kind = Kind::kOpaque;
      set_logic_flags(size, result);
      return true;
    case 5:
    case 7:
      result = subtract(size, a, b, false);
      return true;
    default:
      return false;
  }
}

// SDM vol. 1, appendix B. Where the flags compare the counter with something, they stay what they
// are until it comes to one of a few values.
bool SpinLoop::condition(unsigned code, bool& taken) {
  const Flags& f = flags_;
  if (!flags_written_) flags_read_first_ = true;
  if (f.opaque) return false;
  switch (code >> 1) {
    case 0:
      taken = f.overflow;
      break;
    case 1:
      taken = f.carry;
      break;
    case 2:
      taken = f.zero;
      break;
    case 3:
      taken = f.carry || f.zero;
      break;
    case 4:
      taken = f.sign;
      break;
    case 6:
      taken = f.sign != f.overflow;
      break;
    case 7:
      taken = f.zero || f.sign != f.overflow;
      break;
    default:
      return false;
  }
  const bool uses_zero = code >> 1 == 2 || code >> 1 == 3 || code >> 1 == 7;
  if (uses_zero && !f.zero_known) return false;
  if ((code & 1) != 0) taken = !taken;
  if (f.width == 0) return true;
  const std::uint64_t mask = mask_of(f.width / 8);
  const std::uint64_t half = mask / 2 + 1;
  const std::uint64_t now = tsc_ + f.addend;
  for (const std::uint64_t turn : {f.other, std::uint64_t{0}, f.other + half, half}) {
    for (const std::uint64_t point : {turn, turn + 1}) {
      const std::uint64_t distance = (point - now) & mask;
      if (distance != 0) same_for_ = std::min(same_for_, distance);
    }
  }
  return true;
}

bool SpinLoop::jump(std::uint64_t target) {
  rip_ = code64_ ? target : target & 0xffffffff;
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
      if (reads_tsc_) return false;
      if ((initial_.cr4 & kTimeStampDisable) != 0) return false;
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

// --- the loop ------------------------------------------------------------------------------------

// What was read before it was written must be what it was.
bool SpinLoop::unchanged() const {
  for (unsigned i = 0; i < 16; ++i) {
    if ((read_first_ >> i & 1) == 0) continue;
    if (registers_[i].kind != Kind::kKnown || registers_[i].bits != initial_.general[i])
      return false;
  }
  for (unsigned i = 0; i < cells_used_; ++i) {
    const Cell& c = cells_[i];
    if (c.read_first && (c.value.kind != Kind::kKnown || c.value.bits != c.before)) return false;
  }
  return !flags_read_first_;
}

bool SpinLoop::follow(const mint_engine& engine, std::uint64_t tsc, int read_access,
                      int write_access) {
  engine_ = &engine;
  read_access_ = read_access;
  write_access_ = write_access;
  has_pause_ = false;
  mint_engine_get_registers(&engine, &initial_);
  const bool user = (initial_.segment[2].attributes >> 13 & 3) != 0;
  const bool long_mode = (initial_.efer & 1 << 10) != 0;
  const std::uint32_t code = initial_.segment[1].attributes;
  code64_ = long_mode && (code >> 21 & 1) != 0;
  if (!code64_ && (code >> 22 & 1) == 0) return false;
  if ((initial_.rflags & kTrap) != 0 || !mint_engine_is_plain(&engine)) return false;
  if (!user) initial_.cr4 &= ~kTimeStampDisable;

  tsc_ = tsc;
  reads_tsc_ = false;
  same_for_ = kUnlimited;
  read_first_ = written_ = 0;
  flags_ = {};
  flags_.opaque = true;  // none of these loops uses the flags from before the PAUSE
  flags_read_first_ = flags_written_ = false;
  cells_used_ = 0;
  for (unsigned i = 0; i < 16; ++i) registers_[i] = {initial_.general[i]};
  rip_ = initial_.rip;
  for (unsigned steps = 0; steps < kLongestLoop; ++steps) {
    if (!step()) return false;
    if (rip_ == initial_.rip) return unchanged();
  }
  return false;
}

std::int64_t SpinDetector::look(const mint_engine& engine, std::int64_t budget,
                                std::uint64_t tsc_limit) {
  if (turns_ == kFirstLook) {
    known_ = loop_.follow(engine, tsc_);
    first_budget_ = budget;
    first_tsc_ = tsc_;
    return 0;
  }
  if (!known_) return 0;
  // The turn that has just run was the one that was followed, and every turn costs what it did.
  const std::int64_t cost = first_budget_ - budget;
  const std::int64_t cycles = cost >> MINT_BUDGET_SHIFT;
  if (cycles <= 0) return 0;
  // How many can be skipped so that one more fits.
  std::int64_t turns = ((budget >> MINT_BUDGET_SHIFT) - 1) / cycles - 1;
  if (loop_.reads_tsc()) {
    if (tsc_limit <= tsc_) return 0;
    const std::uint64_t passed = tsc_ - first_tsc_;
    const std::uint64_t limit = std::min(loop_.same_for(), tsc_limit - first_tsc_);
    if (passed >= limit) return 0;
    const auto possible =
        static_cast<std::int64_t>(std::min<std::uint64_t>(limit - passed - 1, INT64_MAX));
    turns = std::min(turns, possible / cycles - 1);
  }
  return turns > 0 ? turns * cost : 0;
}

}  // namespace mint
