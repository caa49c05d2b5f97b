#include "emu/timing/dependencies.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace mint {
namespace {

// Load to use from L1 (M: MOV r64, [m64] 4.0; Intel optimisation manual, 2.4.5.1); a load into a
// vector register takes the way through the FP stack's side (A: 2 to 4 beyond).
constexpr Centicycles kLoad = 400;
constexpr Centicycles kVectorLoad = 500;
// From a store's data to the value of a load from the same place (M: MOVAPS LS pair 5.0; ADD [m32],
// r32 6.0 with the addition).
constexpr Centicycles kForward = 500;
// The same from the store's address, when that comes late (M: MOV r32,[m32]+MOV [m32],r32 8.0).
constexpr Centicycles kForwardFromAddress = 800;
// A load from a line that waits in a write-combining buffer: to memory and back (M: MOVNTDQA +
// MOVNTDQ 363.9).
constexpr Centicycles kForwardNonTemporal = 36'390;
// A register read wider than it was written last: an inserted micro-operation merges the parts
// (M: MOV r8, [m8] 5.0 against MOV r64, [m64] 4.0).
constexpr Centicycles kMerge = 100;

constexpr unsigned kRounds = 6;
constexpr unsigned kWarmUp = 2;
constexpr std::size_t kStores = 8;

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
    const bool memory = in.touches_memory();
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

  // After a round: by how much any time, of a result or of a store, is later than after the round
  // before.
  Centicycles growth() {
    Centicycles most = 0;
    for (std::size_t i = 0; i < kPlaces; ++i) most = std::max(most, ready_[i] - before_[i]);
    before_ = ready_;
    for (std::size_t i = 0; i < std::min(stored_, kStores); ++i) {
      const Store& now = stores_[(stored_ - 1 - i) % kStores];
      most = std::max({most, now.data - data_before_[i], now.address - address_before_[i]});
      data_before_[i] = now.data;
      address_before_[i] = now.address;
    }
    return most;
  }

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
  std::array<Centicycles, kPlaces> before_{};
  std::array<Centicycles, kStores> data_before_{};  // the latest first
  std::array<Centicycles, kStores> address_before_{};
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

// Whether it can be told without following the chains that nothing grows: what the block hands on
// to the next one hangs on nothing that a block before has written, or on something that itself
// does not. Then all times are settled after the second round.
class Quick {
 public:
  bool settles(std::span<const Instruction* const> block) {
    for (const Instruction* in : block)
      if (!add(*in)) return false;
    for (std::size_t i = 0; i < stores_; ++i)
      for (std::size_t k = 0; k < loads_; ++k)
        if (may_forward(*store_[i], *load_[k])) return false;
    for (std::uint64_t left = written_; left != 0; left &= left - 1) {
      const std::uint64_t from = on_[std::countr_zero(left)] & written_;
      for (std::uint64_t through = from; through != 0; through &= through - 1)
        if ((on_[std::countr_zero(through)] & written_) != 0) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kAccesses = 16;

  static std::uint64_t bit(std::uint8_t place) { return std::uint64_t{1} << place; }

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
  std::array<const MemoryOperand*, kAccesses> load_;
  std::array<const MemoryOperand*, kAccesses> store_;
  std::size_t loads_ = 0;
  std::size_t stores_ = 0;
};

template <bool kX87>
Centicycles followed(std::span<const Instruction* const> block, Centicycles partial,
                     Centicycles enough) {
  constexpr auto kMeasured = static_cast<Centicycles>(kRounds - kWarmUp);
  const bool steady = !kX87 && enough > 0 && is_steady(block);
  Chains<kX87> chains(partial);
  std::array<Centicycles, kPlaces> before{};
  const auto growth = [&] {
    Centicycles most = 0;
    for (std::size_t i = 0; i < kPlaces; ++i) most = std::max(most, chains.times()[i] - before[i]);
    return most;
  };
  for (unsigned round = 0; round < kRounds; ++round) {
    if (round == kWarmUp) before = chains.times();
    for (const Instruction* instruction : block) chains.execute(*instruction);
    if (!steady || round > kWarmUp + 1) continue;
    // What a round does is to add and to take the latest, so that no later one adds more to any
    // time than this one added to the one that grew the most.
    const Centicycles each = chains.growth();
    if (round + 1 < kWarmUp) continue;
    const auto left = static_cast<Centicycles>(kRounds - 1 - round);
    const Centicycles most =
        round < kWarmUp ? kMeasured * each : std::min(kMeasured * each, growth() + left * each);
    if (most <= kMeasured * enough) return most / kMeasured;
  }
  return growth() / kMeasured;
}

}  // namespace

Centicycles dependency_bound(std::span<const Instruction* const> block, Centicycles partial,
                             Centicycles enough) {
  if (Quick().settles(block)) return 0;
  const bool x87 = std::any_of(block.begin(), block.end(), [](const Instruction* in) {
    return in->exchanges || in->x87_after != 0;
  });
  return x87 ? followed<true>(block, partial, enough) : followed<false>(block, partial, enough);
}

}  // namespace mint
