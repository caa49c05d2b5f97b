// Costs by the hash of a block's bytes. A cost that was forgotten is computed again. Most look-ups
// of a boot find nothing, and a small table says so.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <vector>

#include "emu/timing/timing_model.hpp"

namespace mint {

class KnownCosts {
 public:
  // A boot has tens of thousands: room that is not used costs nothing, and moving them does.
  KnownCosts() {
    entries_.reserve(kMost);
    before_.reserve(8 * kMost);
  }
  void prefetch(const XXH128_hash_t& hash) const {
    __builtin_prefetch(&slots_[hash.low64 & (slots_.size() - 1)]);
  }
  bool find(const XXH128_hash_t& hash, BlockCost& cost) const {
    const std::uint32_t slot = slots_[hash.low64 & (slots_.size() - 1)];
    const std::uint32_t place = slot & kPlace;
    if (place == 0 || ((slot ^ tag(hash)) & ~kPlace) != 0) return false;
    const Entry& entry = entries_[place - 1];
    if (entry.low != hash.low64 || entry.high != hash.high64) return false;
    cost.cycles = entry.cycles;
    cost.unknown = entry.unknown;
    const auto first = before_.begin() + entry.first;
    cost.before.assign(first, first + entry.count);
    return true;
  }
  void keep(const XXH128_hash_t& hash, const BlockCost& cost) {
    if (entries_.size() >= kMost) {
      entries_.clear();
      before_.clear();
      slots_.assign(kFirst, 0);
    }
    entries_.push_back({.low = hash.low64,
                        .high = hash.high64,
                        .first = static_cast<std::uint32_t>(before_.size()),
                        .cycles = cost.cycles,
                        .count = static_cast<std::uint16_t>(cost.before.size()),
                        .unknown = static_cast<std::uint16_t>(cost.unknown)});
    before_.insert(before_.end(), cost.before.begin(), cost.before.end());
    if (entries_.size() > slots_.size()) {
      slots_.assign(2 * slots_.size(), 0);
      for (std::size_t i = 0; i < entries_.size(); ++i) put(i);
    } else {
      put(entries_.size() - 1);
    }
  }

 private:
  struct Entry {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::uint32_t first = 0;  // in before_
    std::uint32_t cycles = 0;
    std::uint16_t count = 0;
    std::uint16_t unknown = 0;
  };
  static constexpr std::size_t kFirst = 1u << 16;
  static constexpr std::size_t kMost = 1u << 17;
  // A slot is the place in entries_, from 1, and beside it a part of the hash; 0: unused.
  static constexpr std::uint32_t kPlace = 2 * kMost - 1;

  static std::uint32_t tag(const XXH128_hash_t& hash) {
    return static_cast<std::uint32_t>(hash.high64);
  }
  void put(std::size_t i) {
    const Entry& entry = entries_[i];
    slots_[entry.low & (slots_.size() - 1)] =
        (static_cast<std::uint32_t>(entry.high) & ~kPlace) | static_cast<std::uint32_t>(i + 1);
  }

  std::vector<std::uint32_t> slots_ = std::vector<std::uint32_t>(kFirst);  // without chains
  std::vector<Entry> entries_;
  std::vector<std::uint16_t> before_;
};

}  // namespace mint
