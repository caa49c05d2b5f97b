#include "emu/timing/loop_bound.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "emu/timing/recurrence.hpp"

namespace mint {
namespace {

std::uint64_t bit(std::uint8_t place) { return std::uint64_t{1} << place; }

std::uint8_t lowest(std::uint64_t places) {
  return static_cast<std::uint8_t>(std::countr_zero(places));
}

// ADD or SUB with an immediate: the analysis of the instruction takes it for no result.
bool moves_stack_only(const Instruction& in) { return in.stack_after != 0 && !in.touches_memory; }

// Whether a load may find what a store before has written. Registers that are not the same one
// never have the same value, as far as addresses are told apart by them.
bool may_forward(std::span<const PlacedInstruction> block) {
  constexpr std::size_t kMost = 16;
  std::array<MemoryOperand, kMost> loads;
  std::array<MemoryOperand, kMost> stores;
  std::size_t load_count = 0;
  std::size_t store_count = 0;
  for (const PlacedInstruction& placed : block) {
    if (!placed.general->touches_memory) continue;
    if (load_count + Instruction::kMemory > kMost || store_count + Instruction::kMemory > kMost)
      return true;
    for (unsigned i = 0; i < Instruction::kMemory; ++i) {
      const MemoryOperand& general = placed.general->memory[i];
      if (general.load) loads[load_count++] = placed.memory(i);
      if (general.store) stores[store_count++] = placed.memory(i);
    }
  }
  for (std::size_t i = 0; i < store_count; ++i)
    for (std::size_t k = 0; k < load_count; ++k) {
      const MemoryOperand& store = stores[i];
      const MemoryOperand& load = loads[k];
      if (store.base == load.base && store.index == load.index && store.scale == load.scale &&
          store.segment == load.segment &&
          (load.base == kStackPointer || (load.displacement + load.size > store.displacement &&
                                          store.displacement + store.size > load.displacement)))
        return true;
    }
  return false;
}

// The way from a place's value at the beginning of a block to the one at its end.
class Way {
 public:
  Way(std::span<const PlacedInstruction> block, std::uint8_t place) : place_(place) {
    on_ = bit(place);
    far_[place] = 0;
    size_[place] = 8;
    for (const PlacedInstruction& placed : block)
      if ((placed.writes() & bit(place)) != 0) size_[place] = size_written(placed);
    for (const PlacedInstruction& placed : block)
      if (((placed.reads() | placed.writes()) & on_) != 0) execute(placed);
  }

  Centicycles length() const { return (on_ & bit(place_)) != 0 ? far_[place_] : 0; }

 private:
  static constexpr Centicycles kNever = -(1 << 28);

  std::uint8_t size_written(const PlacedInstruction& placed) const {
    const PlacedInstruction::Names names = placed.names();
    for (const Instruction::Result& result : placed.general->results)
      if (names.of(result.place) == place_) return result.size;
    return 8;
  }

  void execute(const PlacedInstruction& placed) {
    const Instruction& in = *placed.general;
    const PlacedInstruction::Names names = placed.names();
    Centicycles value = kNever;
    for (const Instruction::Source& source : in.sources) {
      if (source.place == kNowhere) break;
      value = std::max(value, ready(names.of(source.place), source.size) + source.latency);
    }
    Centicycles second = value - in.sources[0].latency + in.second_result;
    for (unsigned i = 0; in.loads != 0 && i < Instruction::kMemory; ++i) {
      if (!in.memory[i].load) continue;
      const MemoryOperand memory = placed.memory(i);
      const Centicycles loaded = std::max(ready(memory.base, memory.address_size),
                                          ready(memory.index, memory.address_size)) +
                                 (memory.vector ? kVectorLoad : kLoad);
      value = std::max(value, loaded + in.load_latency);
      second = std::max(second, loaded + in.second_result);
    }
    if (in.serial > 0) value = second = kNever;
    for (const Instruction::Result& result : in.results) {
      if (result.place == kNowhere) break;
      set(names.of(result.place), result.size, result.second ? second : value);
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

  const std::uint8_t place_;
  std::uint64_t on_ = 0;  // places whose values hang on that one
  std::array<Centicycles, kPlaces> far_;
  std::array<std::uint8_t, kPlaces> size_;
};

}  // namespace

bool Origins::find(std::span<const PlacedInstruction> block) {
  unsigned loads = 0;
  unsigned stores = 0;
  bool x87 = false;
  bool moves_stack = false;
  for (const PlacedInstruction& placed : block) {
    const Instruction& in = *placed.general;
    loads += in.loads;
    stores += in.stores;
    x87 |= in.exchanges || in.x87_after != 0;
    moves_stack |= moves_stack_only(in);
  }
  if (x87 || (loads != 0 && stores != 0 && may_forward(block))) return false;
  if (!follow<false>(block)) return false;
  // What loops add is told by their results, and a move of the stack pointer has no flags there.
  return loops_ == 0 || !moves_stack || follow<true>(block);
}

template <bool kByResults>
bool Origins::follow(std::span<const PlacedInstruction> block) {
  const auto written_by = [](const PlacedInstruction& placed) {
    return kByResults && moves_stack_only(*placed.general) ? 0 : placed.writes();
  };
  std::uint64_t live = 0;
  std::uint64_t written = 0;
  for (const PlacedInstruction& placed : block) {
    live |= placed.reads() & ~written;
    written |= written_by(placed);
  }
  loops_ = 0;
  on_ = live & written;
  if (on_ == 0) return true;
  for (std::uint64_t left = on_; left != 0; left &= left - 1)
    from_[lowest(left)] = bit(lowest(left));
  std::uint64_t stored = 0;
  for (const PlacedInstruction& placed : block) {
    const std::uint64_t reads = placed.general->serial > 0 ? 0 : placed.reads() & on_;
    const std::uint64_t writes = written_by(placed);
    on_ &= ~writes;
    if (reads == 0) continue;
    std::uint64_t from = 0;
    for (std::uint64_t left = reads; left != 0; left &= left - 1) from |= from_[lowest(left)];
    if (placed.general->stores != 0) stored |= from;
    on_ |= writes;
    for (std::uint64_t left = writes; left != 0; left &= left - 1) from_[lowest(left)] = from;
  }
  if (stored != 0) {
    on_ |= bit(kStored);
    from_[kStored] = stored;
  }
  for (std::uint64_t left = on_; left != 0; left &= left - 1) {
    const std::uint8_t place = lowest(left);
    loops_ |= from_[place] & bit(place);
    for (std::uint64_t others = from_[place] & ~bit(place); others != 0; others &= others - 1)
      if ((handed_to(lowest(others)) & ~bit(lowest(others))) != 0) return false;
  }
  return true;
}

Centicycles loop_bound(std::span<const PlacedInstruction> block, std::uint64_t loops) {
  Centicycles most = 0;
  for (std::uint64_t left = loops; left != 0; left &= left - 1) {
    most = std::max(most, Way(block, lowest(left)).length());
  }
  return most;
}

}  // namespace mint
