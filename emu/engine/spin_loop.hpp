// Fast-forward through loops that wait: a look at memory or at the time-stamp counter, and back.
//
//   on every PAUSE, or at the head of a block that may_wait() was true of:
//     if (spins.turn(rip)) budget -= spins.look(engine, budget, tsc_limit);
//
// A loop is skipped only when it is known what it does: SpinLoop follows its instructions once and
// finds that a turn leaves registers and memory as they were, except for what depends on the
// time-stamp counter and is computed anew in every turn; and from which value of the counter on a
// branch would go another way. Until then, and until the end of the core's slice, in which nothing
// else can change memory, every turn is like the one before and costs the same. All but the last
// turns are taken off the budget at once; the last ones run, so that the core is left in the state
// in which it would be, to the bit and to the cycle.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "emu/engine/glue.h"

namespace mint {

// One turn of a loop, followed by a small interpreter that knows what such loops are made of (32
// and 64-bit code). Everything else makes it give up.
class SpinLoop {
 public:
  // Follows the loop from the instruction at which the engine is, as if RDTSC gave `tsc`. True when
  // a turn comes back there and changes nothing that lasts.
  bool follow(const mint_engine& engine, std::uint64_t tsc) {
    return follow(engine, tsc, MINT_PEEK_READ, MINT_PEEK_WRITE);
  }
  // The same of a loop that has not run yet, and without PAUSE: a guess, because its memory may
  // turn out to be more than RAM.
  bool may_wait(const mint_engine& engine, std::uint64_t tsc) {
    return follow(engine, tsc, MINT_PEEK_WALK, MINT_PEEK_WALK) && !has_pause_;
  }

  bool reads_tsc() const { return reads_tsc_; }
  // How far beyond `tsc` the counter can be without a branch going another way.
  std::uint64_t same_for() const { return same_for_; }

 private:
  // What a register, flag or memory cell holds: its value for the counter's value `tsc_`, and how
  // that depends on the counter, which is called T.
  enum class Kind : std::uint8_t {
    kKnown,        // does not
    kSum,          // T + addend
    kLow,          // bits 0-31 of T + addend
    kHigh,         // bits 32-63 of it
    kHighInPlace,  // T + addend with bits 0-31 clear
    kOpaque,       // somehow
  };
  struct Value {
    std::uint64_t bits = 0;
    Kind kind = Kind::kKnown;
    std::uint64_t addend = 0;
  };
  struct Flags {
    bool carry = false, zero = false, sign = false, overflow = false;
    // They are those of (T + addend) - other, or of other - (T + addend), in so many bits; 0 when
    // they do not depend on T.
    unsigned width = 0;
    bool swapped = false;
    std::uint64_t addend = 0;
    std::uint64_t other = 0;
    bool zero_known = true;
    bool opaque = false;
  };
  struct Cell {
    std::uint64_t address = 0;
    unsigned size = 0;
    std::uint64_t before = 0;
    bool read_first = false;
    Value value;
  };
  struct Operand {
    bool memory = false;
    unsigned reg = 0;
    std::uint64_t address = 0;
  };
  struct Instruction {
    bool operand16 = false, rep = false, repne = false;
    std::uint8_t rex = 0;
    int segment = -1;
  };

  bool follow(const mint_engine& engine, std::uint64_t tsc, int read_access, int write_access);
  bool step();
  bool step_escaped(const Instruction& i, unsigned size);
  bool step_group(std::uint8_t opcode, const Instruction& i, unsigned size);
  bool byte(std::uint8_t& out);
  bool immediate(unsigned size, std::uint64_t& out);
  bool operand(const Instruction& i, unsigned immediate_bytes, Operand& rm, unsigned& reg);
  bool read(const Operand& o, unsigned size, bool rex, Value& out);
  bool write(const Operand& o, unsigned size, bool rex, const Value& value);
  Value read_register(unsigned reg, unsigned size, bool rex);
  void write_register(unsigned reg, unsigned size, bool rex, const Value& value);
  Cell* cell(std::uint64_t address, unsigned size);
  bool alu(unsigned operation, unsigned size, Value a, Value b, Value& result);
  Value subtract(unsigned size, const Value& a, const Value& b, bool with_borrow);
  void set_logic_flags(unsigned size, const Value& result);
  bool condition(unsigned code, bool& taken);
  bool jump(std::uint64_t target);
  bool unchanged() const;

  const mint_engine* engine_ = nullptr;
  mint_registers initial_{};
  bool code64_ = false;
  bool has_pause_ = false;
  int read_access_ = MINT_PEEK_READ;
  int write_access_ = MINT_PEEK_WRITE;
  std::uint64_t tsc_ = 0;
  bool may_read_tsc_ = false;
  bool reads_tsc_ = false;
  std::uint64_t same_for_ = 0;
  std::uint64_t rip_ = 0;
  std::array<Value, 16> registers_{};
  std::uint32_t read_first_ = 0;  // bit per register: read before it was written
  std::uint32_t written_ = 0;
  Flags flags_;
  bool flags_read_first_ = false;
  bool flags_written_ = false;
  static constexpr unsigned kCells = 16;
  std::array<Cell, kCells> cells_{};
  unsigned cells_used_ = 0;
};

// Finds such loops while a core runs.
class SpinDetector {
 public:
  // Something happened that is not the loop's own doing: an interrupt, an access to a device, a new
  // limit.
  void disturb() { ++epoch_; }
  void read_tsc(std::uint64_t value) { tsc_ = value; }
  // The core is at `rip`, once in a turn of what may be such a loop. Whether to look.
  bool turn(std::uint64_t rip) {
    if (rip != rip_ || epoch_ != seen_epoch_) {
      rip_ = rip;
      seen_epoch_ = epoch_;
      turns_ = 0;
    }
    ++turns_;
    return turns_ == kFirstLook || turns_ == kSecondLook;
  }
  bool may_wait(const mint_engine& engine) const { return SpinLoop().may_wait(engine, tsc_); }
  // What can be taken off the budget (glue.h), of which `budget` is left, so that RDTSC gives less
  // than `tsc_limit`.
  std::int64_t look(const mint_engine& engine, std::int64_t budget, std::uint64_t tsc_limit);

 private:
  static constexpr unsigned kFirstLook = 4;
  static constexpr unsigned kSecondLook = kFirstLook + 1;

  std::uint64_t epoch_ = 0;
  std::uint64_t seen_epoch_ = 0;
  std::uint64_t rip_ = 0;
  std::uint64_t tsc_ = 0;  // read last
  unsigned turns_ = 0;     // in a row
  SpinLoop loop_;
  bool known_ = false;
  std::int64_t first_budget_ = 0;  // at the first look
  std::uint64_t first_tsc_ = 0;
};

}  // namespace mint
