#include "emu/timing/dependencies.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "emu/timing/loop_bound.hpp"
#include "emu/timing/recurrence.hpp"

namespace mint {
namespace {

// `kX87`: with x87 instructions, whose registers are relative to the top of the stack.
template <bool kX87>
class Chains {
 public:
  explicit Chains(Centicycles partial) : partial_(partial) {}

  void execute(const Instruction& in) {
    if (kX87 && in.exchanges) {
      std::swap(ready_[physical(in.results[0].place)], ready_[physical(in.results[1].place)]);
      return;
    }
    if (in.stack_before != 0) stack_ += in.stack_before;
    Centicycles value = 0;
    for (const Instruction::Source& source : in.sources) {
      if (source.place == kNowhere) break;
      value = std::max(value, ready(source.place, source.size) + source.latency);
    }
    Centicycles second = value - in.sources[0].latency + in.second_result;
    const bool memory = in.touches_memory;
    if (memory) {
      for (const MemoryOperand& operand : in.memory) {
        if (!operand.load) continue;
        const Centicycles loaded = load(operand);
        value = std::max(value, loaded + in.load_latency);
        second = std::max(second, loaded + in.second_result);
      }
    }
    // It waits for everything before it, and everything after it for it: that is all in its cost.
    if (in.serial > 0) value = second = 0;
    if (memory) {
      for (const MemoryOperand& operand : in.memory)
        if (operand.store) store(operand, value, in.serial > 0, in.non_temporal);
    }
    for (const Instruction::Result& result : in.results) {
      if (result.place == kNowhere) break;
      set(result.place, result.size, result.second ? second : value);
    }
    stack_ += in.stack_after;
    if (kX87) top_ = (top_ + in.x87_after) & 7;
  }

  const std::array<Centicycles, kPlaces>& times() const { return ready_; }

 private:
  struct Store {
    std::uint32_t base = 0;
    std::uint32_t index = 0;
    std::int64_t offset = 0;
    std::uint8_t scale = 0;
    std::uint8_t size = 0;
    std::uint8_t segment = 0;
    bool non_temporal = false;
    Centicycles data = 0;
    Centicycles address = 0;
  };

  std::uint8_t physical(std::uint8_t place) const {
    if (!kX87 || place < kX87First || place >= kCarry) return place;
    return static_cast<std::uint8_t>(kX87First + ((place - kX87First + top_) & 7));
  }

  Centicycles ready(std::uint8_t place, std::uint8_t size) const {
    const std::uint8_t at = physical(place);
    const bool merged = at < kXmmFirst && written_[at] < 4 && size > written_[at];
    return ready_[at] + (merged ? kMerge : 0);
  }

  void set(std::uint8_t place, std::uint8_t size, Centicycles time) {
    const std::uint8_t at = physical(place);
    ready_[at] = time;
    if (at >= kXmmFirst) return;
    written_[at] = size;
    versions_[at] = ++last_version_;
  }

  Centicycles address_ready(const MemoryOperand& memory) const {
    Centicycles time = 0;
    if (memory.base != kNowhere) time = ready(memory.base, memory.address_size);
    if (memory.index != kNowhere) time = std::max(time, ready(memory.index, memory.address_size));
    return time;
  }

  Store described(const MemoryOperand& memory) const {
    Store s;
    s.base = memory.base == kNowhere ? 0 : versions_[memory.base];
    s.index = memory.index == kNowhere ? 0 : versions_[memory.index];
    s.offset = memory.displacement + (memory.base == kStackPointer ? stack_ : 0);
    s.scale = memory.scale;
    s.size = memory.size;
    s.segment = memory.segment;
    return s;
  }

  Centicycles load(const MemoryOperand& memory) const {
    const Store from = described(memory);
    const Centicycles address = address_ready(memory);
    Centicycles time = address + (memory.vector ? kVectorLoad : kLoad);
    for (std::size_t i = 0; i < std::min(stored_, kStores); ++i) {
      const Store& s = stores_[(stored_ - 1 - i) % kStores];
      if (s.base != from.base || s.index != from.index || s.scale != from.scale ||
          s.segment != from.segment || from.offset + from.size <= s.offset ||
          s.offset + s.size <= from.offset)
        continue;
      const bool whole = s.offset <= from.offset && from.offset + from.size <= s.offset + s.size;
      const Centicycles late = whole ? 0 : partial_;
      return std::max({time, s.data + late + (s.non_temporal ? kForwardNonTemporal : kForward),
                       s.address + late + kForwardFromAddress});
    }
    return time;
  }

  void store(const MemoryOperand& memory, Centicycles data, bool serial, bool non_temporal) {
    Store s = described(memory);
    s.data = data;
    s.address = serial ? 0 : address_ready(memory);
    s.non_temporal = non_temporal;
    stores_[stored_++ % kStores] = s;
    ready_[kStored] = std::max(ready_[kStored], data);
  }

  const Centicycles partial_;
  std::array<Centicycles, kPlaces> ready_{};
  std::array<std::uint8_t, kXmmFirst> written_{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8};
  std::array<std::uint32_t, kXmmFirst> versions_{1, 2,  3,  4,  5,  6,  7,  8,
                                                 9, 10, 11, 12, 13, 14, 15, 16};
  std::uint32_t last_version_ = 16;
  std::int64_t stack_ = 0;
  int top_ = 0;
  std::array<Store, kStores> stores_{};
  std::size_t stored_ = 0;
};

// Whether each round from the second on hands on along the same ways. The x87 stack has to stay
// where it is, and no load from the stack to meet a store of a round before the last one because
// the stack pointer has moved. (Elsewhere a register that is written has a new version in each
// round, and one that is not written the same addresses.)
bool is_steady(std::span<const Instruction* const> block) {
  struct Access {
    std::int64_t first;
    std::int64_t size;
  };
  constexpr std::size_t kMost = 16;
  std::array<Access, kMost> loads;
  std::array<Access, kMost> stores;
  std::size_t load_count = 0;
  std::size_t store_count = 0;
  std::int64_t moved = 0;
  for (const Instruction* in : block) {
    if (in->exchanges || in->x87_after != 0) return false;
    moved += in->stack_before;
    for (const MemoryOperand& memory : in->memory) {
      if (memory.base != kStackPointer) continue;
      if (load_count == kMost || store_count == kMost) return false;
      const Access access = {moved + memory.displacement, memory.size};
      if (memory.load) loads[load_count++] = access;
      if (memory.store) stores[store_count++] = access;
    }
    moved += in->stack_after;
  }
  if (moved == 0) return true;
  for (std::size_t i = 0; i < load_count; ++i)
    for (std::size_t k = 0; k < store_count; ++k)
      for (unsigned ago = 2; ago < kRounds; ++ago) {
        const std::int64_t first = stores[k].first - ago * moved;
        if (first < loads[i].first + loads[i].size && loads[i].first < first + stores[k].size)
          return false;
      }
  return true;
}

template <bool kX87>
Centicycles followed(std::span<const Instruction* const> block, Centicycles partial) {
  Chains<kX87> chains(partial);
  std::array<Centicycles, kPlaces> before{};
  for (unsigned round = 0; round < kRounds; ++round) {
    if (round == kWarmUp) before = chains.times();
    for (const Instruction* instruction : block) chains.execute(*instruction);
  }
  Centicycles most = 0;
  for (std::size_t i = 0; i < kPlaces; ++i) most = std::max(most, chains.times()[i] - before[i]);
  return most;
}

}  // namespace

Centicycles dependency_growth(std::span<const Instruction* const> block, Centicycles partial) {
  const bool x87 = std::any_of(block.begin(), block.end(), [](const Instruction* in) {
    return in->exchanges || in->x87_after != 0;
  });
  if (x87) return followed<true>(block, partial);
  return followed<false>(block, partial);
}

Centicycles dependency_bound(std::span<const PlacedInstruction> block, Centicycles partial,
                             WholeInstructions& scratch) {
  constexpr auto kMeasured = static_cast<Centicycles>(kRounds - kWarmUp);
  Origins origins;
  const bool simple = origins.find(block);
  if (simple && origins.loops() == 0) return 0;
  if (simple) return loop_bound(block, origins.loops());
  const std::span<const Instruction* const> whole = scratch.of(block);
  std::optional<Centicycles> growth;
  if (is_steady(whole)) growth = recurrence_growth(whole, partial);
  return (growth ? *growth : dependency_growth(whole, partial)) / kMeasured;
}

std::span<const Instruction* const> WholeInstructions::of(
    std::span<const PlacedInstruction> block) {
  if (restored_.size() < block.size()) restored_.resize(block.size());
  all_.clear();
  for (std::size_t i = 0; i < block.size(); ++i) {
    const PlacedInstruction& placed = block[i];
    if (is_complete(*placed.general, placed.own)) {
      all_.push_back(placed.general);
      continue;
    }
    restored_[i] = placed.whole();
    all_.push_back(&restored_[i]);
  }
  return all_;
}

}  // namespace mint
