#include "emu/timing/recurrence.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace mint {
namespace {

constexpr Centicycles kNever = -(1 << 28);

// What four terms give, side by side.
using Four [[gnu::vector_size(16)]] = Centicycles;

// A time by the times at the beginning of the round, its terms: the latest of each of them and what
// it takes from there. Term 0 is the beginning itself.
template <std::size_t kParts>
struct Time {
  static constexpr std::size_t kTerms = 4 * kParts;

  std::array<Four, kParts> after;

  static Time never() {
    Time t;
    t.after.fill(Four{kNever, kNever, kNever, kNever});
    return t;
  }
  static Time beginning() {
    Time t = never();
    t.after[0] = Four{0, kNever, kNever, kNever};
    return t;
  }
  // The latest of this one and `other` and so much.
  void follow(const Time& other, Centicycles later) {
    for (std::size_t i = 0; i < kParts; ++i) {
      const Four time = other.after[i] + later;
      after[i] = after[i] > time ? after[i] : time;
    }
  }
  void follow(std::size_t term, Centicycles later) {
    static constexpr Four kTerm[4] = {{0, kNever, kNever, kNever},
                                      {kNever, 0, kNever, kNever},
                                      {kNever, kNever, 0, kNever},
                                      {kNever, kNever, kNever, 0}};
    const Four time = kTerm[term % 4] + later;
    Four& part = after[term / 4];
    part = part > time ? part : time;
  }
  Centicycles at(const std::array<Centicycles, kTerms>& terms) const {
    Centicycles latest = kNever;
    for (std::size_t i = 0; i < kTerms; ++i)
      latest = std::max(latest, after[i / 4][i % 4] + terms[i]);
    return latest;
  }
};

// A value that a general register had: what addresses are told apart by. 0 stands for no register;
// up to kInitial for those at the beginning of the round.
using Version = std::uint16_t;
constexpr Version kInitial = kXmmFirst;

struct Address {
  Version base;
  Version index;
  std::uint8_t scale;
  std::uint8_t size;
  std::uint8_t segment;
  std::int64_t offset;
};

template <std::size_t kParts>
struct StoreOf {
  Address where;
  bool of_stack;
  bool non_temporal;
  std::uint8_t carried;  // the number of the term that is its data; the next is its address
  Time<kParts> data;
  Time<kParts> address;
};

template <std::size_t kParts>
class Recurrence {
  using Time = mint::Time<kParts>;
  using Store = StoreOf<kParts>;
  static constexpr std::size_t kTerms = Time::kTerms;

 public:
  Recurrence(std::span<const Instruction* const> block, Centicycles partial)
      : block_(block), partial_(partial) {}

  std::optional<Centicycles> growth() {
    if (!find_stores()) return std::nullopt;
    begin_round();
    for (const Instruction* in : block_) {
      execute(*in);
      if (failed_) return std::nullopt;
    }
    return measured();
  }

 private:
  static constexpr std::size_t kMostStores = 12;

  // What gives a term its value: a place, or a store.
  struct Carried {
    std::uint8_t place = kNowhere;
    std::uint8_t store = 0;
    bool merged = false;      // of a place: with the merging of its parts
    bool of_address = false;  // of a store: not its data
  };

  // What of the round has to be known at its beginning, because the one before is the same.
  bool find_stores() {
    start_versions();
    std::int64_t stack = 0;
    for (const Instruction* in : block_) {
      stack += in->stack_before;
      for (const MemoryOperand& memory : in->memory) {
        if (!memory.store) continue;
        if (store_count_ == kMostStores) return false;
        Store& store = stores_[store_count_++];
        store.where = described(memory, stack);
        store.of_stack = memory.base == kStackPointer;
        store.non_temporal = in->non_temporal;
        store.carried = 0;
      }
      for (const Instruction::Result& result : in->results) {
        if (result.place == kNowhere) break;
        written_ |= bit(result.place);
        if (result.place >= kXmmFirst) continue;
        versions_[result.place] = ++last_version_;
        sizes_[result.place] = result.size;
      }
      stack += in->stack_after;
    }
    moved_ = stack;
    return true;
  }

  void start_versions() {
    for (Version i = 0; i < kInitial; ++i) versions_[i] = static_cast<Version>(i + 1);
    last_version_ = kInitial;
  }

  void begin_round() {
    final_versions_ = versions_;
    final_sizes_ = sizes_;
    start_versions();
  }

  void execute(const Instruction& in) {
    stack_ += in.stack_before;
    Time value = Time::beginning();
    for (const Instruction::Source& source : in.sources) {
      if (source.place == kNowhere) break;
      read(value, source.place, source.size, source.latency);
    }
    Time second = Time::never();
    second.follow(value, in.second_result - in.sources[0].latency);
    if (in.touches_memory) {
      for (const MemoryOperand& operand : in.memory) {
        if (!operand.load) continue;
        const Time loaded = load(operand);
        value.follow(loaded, in.load_latency);
        second.follow(loaded, in.second_result);
      }
    }
    // It waits for everything before it, and everything after it for it: that is all in its cost.
    if (in.serial > 0) value = second = Time::beginning();
    if (in.touches_memory) {
      for (const MemoryOperand& operand : in.memory)
        if (operand.store) store(operand, value, in.serial > 0);
    }
    for (const Instruction::Result& result : in.results) {
      if (result.place == kNowhere) break;
      set(result.place, result.size, result.second ? second : value);
    }
    stack_ += in.stack_after;
  }

  static std::uint64_t bit(std::uint8_t place) { return std::uint64_t{1} << place; }

  void read(Time& value, std::uint8_t place, std::uint8_t size, Centicycles latency) {
    const bool general = place < kXmmFirst;
    if ((set_ & bit(place)) != 0) {
      const bool merged = general && sizes_[place] < 4 && size > sizes_[place];
      value.follow(times_[place], latency + (merged ? kMerge : 0));
    } else if ((written_ & bit(place)) == 0) {
      value.follow(std::size_t{0}, latency);
    } else {
      const bool merged = general && final_sizes_[place] < 4 && size > final_sizes_[place];
      value.follow(term_of({.place = place, .merged = merged}), latency);
    }
  }

  std::size_t term_of(const Carried& wanted) {
    for (std::size_t i = 1; i < terms_; ++i)
      if (carried_[i].place == wanted.place && carried_[i].merged == wanted.merged) return i;
    return new_term(wanted);
  }

  std::size_t new_term(const Carried& carried) {
    if (terms_ == kTerms) {
      failed_ = true;
      return 0;
    }
    carried_[terms_] = carried;
    return terms_++;
  }

  void set(std::uint8_t place, std::uint8_t size, const Time& time) {
    times_[place] = time;
    set_ |= bit(place);
    if (place >= kXmmFirst) return;
    sizes_[place] = size;
    versions_[place] = ++last_version_;
  }

  Time address_ready(const MemoryOperand& memory) {
    Time time = Time::beginning();
    if (memory.base != kNowhere) read(time, memory.base, memory.address_size, 0);
    if (memory.index != kNowhere) read(time, memory.index, memory.address_size, 0);
    return time;
  }

  Address described(const MemoryOperand& memory, std::int64_t stack) const {
    return {.base = memory.base == kNowhere ? Version{0} : versions_[memory.base],
            .index = memory.index == kNowhere ? Version{0} : versions_[memory.index],
            .scale = memory.scale,
            .size = memory.size,
            .segment = memory.segment,
            .offset = memory.displacement + (memory.base == kStackPointer ? stack : 0)};
  }

  // What a version of this round was in the one before; none of it when it is new.
  Version before(Version version) const {
    if (version == 0) return 0;
    return version <= kInitial ? final_versions_[version - 1u] : Version{0xffff};
  }

  Time load(const MemoryOperand& memory) {
    const Address from = described(memory, stack_);
    Time time = Time::never();
    time.follow(address_ready(memory), memory.vector ? kVectorLoad : kLoad);
    std::size_t left = kStores;
    for (std::size_t i = stored_; i > 0 && left > 0; --i, --left) {
      const Store& s = stores_[i - 1];
      if (s.where.base != from.base || s.where.index != from.index ||
          !overlap(s.where, s.where.offset, from))
        continue;
      const Centicycles late = lateness(s.where, s.where.offset, from);
      time.follow(s.data, late + (s.non_temporal ? kForwardNonTemporal : kForward));
      time.follow(s.address, late + kForwardFromAddress);
      return time;
    }
    const Version base = before(from.base);
    const Version index = before(from.index);
    for (std::size_t i = store_count_; i > 0 && left > 0; --i, --left) {
      Store& s = stores_[i - 1];
      const Address& where = s.where;
      const std::int64_t offset = where.offset - (s.of_stack ? moved_ : 0);
      if (where.base != base || where.index != index || !overlap(where, offset, from)) continue;
      const Centicycles late = lateness(where, offset, from);
      if (s.carried == 0) {
        const auto store = static_cast<std::uint8_t>(i - 1);
        s.carried = static_cast<std::uint8_t>(new_term({.store = store}));
        new_term({.store = store, .of_address = true});
        if (failed_) return time;
      }
      time.follow(std::size_t{s.carried}, late + (s.non_temporal ? kForwardNonTemporal : kForward));
      time.follow(std::size_t{s.carried} + 1, late + kForwardFromAddress);
      return time;
    }
    return time;
  }

  static bool overlap(const Address& store, std::int64_t offset, const Address& from) {
    return store.scale == from.scale && store.segment == from.segment &&
           from.offset + from.size > offset && offset + store.size > from.offset;
  }
  Centicycles lateness(const Address& store, std::int64_t offset, const Address& from) const {
    const bool whole = offset <= from.offset && from.offset + from.size <= offset + store.size;
    return whole ? 0 : partial_;
  }

  void store(const MemoryOperand& memory, const Time& data, bool serial) {
    Store& s = stores_[stored_++];
    s.data = data;
    s.address = serial ? Time::beginning() : address_ready(memory);
  }

  Centicycles measured() const {
    std::array<Centicycles, kTerms> terms;
    terms.fill(kNever);
    terms[0] = 0;
    // The first round finds results that are ready, in one piece, and no stores.
    for (std::size_t i = 1; i < terms_; ++i) terms[i] = carried_[i].place == kNowhere ? kNever : 0;
    std::array<Centicycles, kTerms> before = terms;
    for (unsigned round = 1; round < kRounds; ++round) {
      std::array<Centicycles, kTerms> next = terms;
      for (std::size_t i = 1; i < terms_; ++i) next[i] = handed_on(carried_[i], terms);
      terms = next;
      if (round + 1 == kWarmUp) before = terms;
    }
    Centicycles most = 0;
    for (std::uint64_t left = set_; left != 0; left &= left - 1) {
      const Time& time = times_[static_cast<std::size_t>(std::countr_zero(left))];
      most = std::max(most, time.at(terms) - time.at(before));
    }
    Centicycles stored = 0;
    Centicycles stored_before = 0;
    for (std::size_t i = 0; i < stored_; ++i) {
      stored = std::max(stored, stores_[i].data.at(terms));
      stored_before = std::max(stored_before, stores_[i].data.at(before));
    }
    return std::max(most, stored - stored_before);
  }

  Centicycles handed_on(const Carried& carried,
                        const std::array<Centicycles, kTerms>& terms) const {
    if (carried.place != kNowhere)
      return times_[carried.place].at(terms) + (carried.merged ? kMerge : 0);
    const Store& store = stores_[carried.store];
    return (carried.of_address ? store.address : store.data).at(terms);
  }

  const std::span<const Instruction* const> block_;
  const Centicycles partial_;
  bool failed_ = false;
  std::uint64_t written_ = 0;  // places that the round writes
  std::uint64_t set_ = 0;      // and has written so far: those have a time
  std::array<Time, kPlaces> times_;
  std::array<std::uint8_t, kXmmFirst> sizes_{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8};
  std::array<std::uint8_t, kXmmFirst> final_sizes_;
  std::array<Version, kXmmFirst> versions_;
  std::array<Version, kXmmFirst> final_versions_;
  Version last_version_ = kInitial;
  std::int64_t stack_ = 0;
  std::int64_t moved_ = 0;  // by a round
  std::array<Store, kMostStores> stores_;
  std::size_t store_count_ = 0;  // of a round
  std::size_t stored_ = 0;       // so far
  std::array<Carried, kTerms> carried_;
  std::size_t terms_ = 1;
};

}  // namespace

std::optional<Centicycles> recurrence_growth(std::span<const Instruction* const> block,
                                             Centicycles partial) {
  // Most blocks hand on next to nothing.
  if (const auto growth = Recurrence<1>(block, partial).growth()) return growth;
  return Recurrence<2>(block, partial).growth();
}

}  // namespace mint
