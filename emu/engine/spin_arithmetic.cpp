// SpinLoop's arithmetic: results, flags and conditions, and how they depend on the time-stamp
// counter.
#include <algorithm>
#include <utility>

#include "emu/engine/spin_bits.hpp"
#include "emu/engine/spin_loop.hpp"

namespace mint {

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

}  // namespace mint
