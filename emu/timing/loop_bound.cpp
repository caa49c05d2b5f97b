#include "emu/timing/loop_bound.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "emu/timing/recurrence.hpp"

namespace mint {
namespace {

std::uint64_t bit(std::uint8_t place) { return std::uint64_t{1} << place; }

// Where what the block hands on comes from.
class Origins {
 public:
  // False when more than loops of one place hand on.
  bool find(std::span<const Instruction* const> block) {
    bool moves_stack = false;
    for (const Instruction* in : block) {
      if (!add(*in)) return false;
      moves_stack |= in->stack_after != 0 && !in->touches_memory();
    }
    for (std::size_t i = 0; i < stores_; ++i)
      for (std::size_t k = 0; k < loads_; ++k)
        if (may_forward(*store_[i], *load_[k])) return false;
    for (std::uint64_t left = written_; left != 0; left &= left - 1) {
      const auto place = static_cast<std::uint8_t>(std::countr_zero(left));
      const std::uint64_t from = handed_to(place);
      loops_ |= from & bit(place);
      for (std::uint64_t others = from & ~bit(place); others != 0; others &= others - 1) {
        const auto other = static_cast<std::uint8_t>(std::countr_zero(others));
        if ((handed_to(other) & ~bit(other)) != 0) return false;
      }
    }
    // ADD and SUB of the stack pointer hand on no flags, which `writes` has.
    return loops_ == 0 || !moves_stack;
  }

  // The places whose next value hangs on the one before.
  std::uint64_t loops() const { return loops_; }

 private:
  static constexpr std::size_t kAccesses = 16;

  std::uint64_t handed_to(std::uint8_t place) const { return on_[place] & written_; }

  // on_: what the value of a place that was written was at the beginning of the block, as far as it
  // hangs on that.
  bool add(const Instruction& in) {
    if (in.exchanges || in.x87_after != 0) return false;
    std::uint64_t value = in.reads & ~written_;
    for (std::uint64_t left = in.reads & written_; left != 0; left &= left - 1)
      value |= on_[std::countr_zero(left)];
    if (in.serial > 0) value = 0;
    if (in.touches_memory() && !add_memory(in, value)) return false;
    for (std::uint64_t left = in.writes; left != 0; left &= left - 1)
      on_[std::countr_zero(left)] = value;
    written_ |= in.writes;
    return true;
  }

  bool add_memory(const Instruction& in, std::uint64_t value) {
    for (const MemoryOperand& memory : in.memory) {
      if (!memory.load) continue;
      if (loads_ == kAccesses) return false;
      load_[loads_++] = &memory;
    }
    for (const MemoryOperand& memory : in.memory) {
      if (!memory.store) continue;
      if (stores_ == kAccesses) return false;
      store_[stores_++] = &memory;
      stored_ |= value;
      on_[kStored] = stored_;
      written_ |= bit(kStored);
    }
    return true;
  }

  // Registers that are not the same one never have the same version.
  static bool may_forward(const MemoryOperand& store, const MemoryOperand& load) {
    if (store.base != load.base || store.index != load.index || store.scale != load.scale ||
        store.segment != load.segment)
      return false;
    return load.base == kStackPointer || (load.displacement + load.size > store.displacement &&
                                          store.displacement + store.size > load.displacement);
  }

  std::array<std::uint64_t, kPlaces> on_;
  std::uint64_t written_ = 0;
  std::uint64_t stored_ = 0;
  std::uint64_t loops_ = 0;
  std::array<const MemoryOperand*, kAccesses> load_;
  std::array<const MemoryOperand*, kAccesses> store_;
  std::size_t loads_ = 0;
  std::size_t stores_ = 0;
};

// The way from a place's value at the beginning of a block to the one at its end.
class Way {
 public:
  Way(std::span<const Instruction* const> block, std::uint8_t place) : on_(bit(place)) {
    far_[place] = 0;
    size_[place] = 8;
    for (const Instruction* in : block) {
      if ((in->writes & bit(place)) == 0) continue;
      for (const Instruction::Result& result : in->results)
        if (result.place == place) size_[place] = result.size;
    }
    for (const Instruction* in : block)
      if (((in->reads | in->writes) & on_) != 0) execute(*in);
  }

  Centicycles to(std::uint8_t place) const {
    return (on_ & bit(place)) != 0 ? std::max<Centicycles>(far_[place], 0) : 0;
  }

 private:
  static constexpr Centicycles kNever = -(1 << 28);

  void execute(const Instruction& in) {
    Centicycles value = kNever;
    for (const Instruction::Source& source : in.sources) {
      if (source.place == kNowhere) break;
      value = std::max(value, ready(source.place, source.size) + source.latency);
    }
    Centicycles second = value - in.sources[0].latency + in.second_result;
    for (const MemoryOperand& memory : in.memory) {
      if (!memory.load) continue;
      const Centicycles loaded = std::max(ready(memory.base, memory.address_size),
                                          ready(memory.index, memory.address_size)) +
                                 (memory.vector ? kVectorLoad : kLoad);
      value = std::max(value, loaded + in.load_latency);
      second = std::max(second, loaded + in.second_result);
    }
    if (in.serial > 0) value = second = kNever;
    for (const Instruction::Result& result : in.results) {
      if (result.place == kNowhere) break;
      set(result.place, result.size, result.second ? second : value);
    }
  }

  Centicycles ready(std::uint8_t place, std::uint8_t size) const {
    if (place == kNowhere || (on_ & bit(place)) == 0) return kNever;
    const bool merged = place < kXmmFirst && size_[place] < 4 && size > size_[place];
    return far_[place] + (merged ? kMerge : 0);
  }

  void set(std::uint8_t place, std::uint8_t size, Centicycles far) {
    if (far < kNever / 2) {
      on_ &= ~bit(place);
      return;
    }
    on_ |= bit(place);
    far_[place] = far;
    size_[place] = size;
  }

  std::uint64_t on_;  // places whose values hang on that one
  std::array<Centicycles, kPlaces> far_;
  std::array<std::uint8_t, kPlaces> size_;
};

}  // namespace

std::optional<Centicycles> loop_bound(std::span<const Instruction* const> block) {
  Origins origins;
  if (!origins.find(block)) return std::nullopt;
  Centicycles most = 0;
  for (std::uint64_t left = origins.loops(); left != 0; left &= left - 1) {
    const auto place = static_cast<std::uint8_t>(std::countr_zero(left));
    most = std::max(most, Way(block, place).to(place));
  }
  return most;
}

}  // namespace mint
