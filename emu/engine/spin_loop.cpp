#include "emu/engine/spin_loop.hpp"

#include <algorithm>
#include <cstring>

#include "emu/engine/spin_bits.hpp"

namespace mint {
namespace {

constexpr unsigned kLongestLoop = 64;  // instructions
constexpr std::uint64_t kUnlimited = UINT64_MAX;
constexpr std::uint64_t kTrap = 1 << 8;
constexpr std::uint64_t kTimeStampDisable = 1 << 2;  // CR4.TSD

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
  may_read_tsc_ = !user || (initial_.cr4 & kTimeStampDisable) == 0;

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
