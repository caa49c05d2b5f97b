// What caches, TLBs and branch prediction add to a core's time at the level `cache`. The engine
// asks with every load, store and block; the answer is cycles beyond what the block costs with
// everything in L1.
//
// Loads are charged in full, as if whatever follows needed them: right for pointer chases, too much
// where the out-of-order window would overlap several misses. Stores fill lines, but wait in the
// store buffer; they cost nothing themselves, unless L3 or memory does not keep up with
// them or they change code that has been fetched.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "emu/base/cache_parameters.hpp"

namespace mint {

// A set-associative array of keys with least-recently-used replacement.
class LruArray {
 public:
  // `entries` is a multiple of `ways`, their quotient a power of two.
  LruArray(std::uint64_t entries, unsigned ways)
      : ways_(ways), sets_(entries / ways), keys_(entries, kEmpty) {}
  // Whether the key is there; from now on it is, and the newest of its set.
  bool touch(std::uint64_t key);
  // Takes the key out; whether it was there.
  bool remove(std::uint64_t key);
  void clear() { keys_.assign(keys_.size(), kEmpty); }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  unsigned ways_;
  std::uint64_t sets_;
  std::vector<std::uint64_t> keys_;  // of a set: newest first
};

// Something that serves one line after the other, for all cores. Time is cut into windows, each
// with room for so many lines; what finds its window full waits for the next one that is not. Cores
// need not come in the order of their times.
class SharedPath {
 public:
  explicit SharedPath(unsigned cycles_per_line) : room_(kWindow / cycles_per_line) {}
  // Takes the room for one line; how many cycles it has to wait for that.
  std::uint32_t take(std::uint64_t now);

 private:
  static constexpr std::uint64_t kWindow = 256;  // cycles
  static constexpr std::size_t kWindows = 64;    // that are remembered
  struct Window {
    std::uint64_t number = 0;
    unsigned lines = 0;
  };

  unsigned room_;
  std::array<Window, kWindows> windows_{};
};

// What the cores of a package share.
class SharedCache {
 public:
  explicit SharedCache(const CacheParameters& parameters);
  // Cycles from the core's L2 on, to L3 or memory; `waited` is what it had to wait for others
  // there, and comes on top.
  std::uint32_t access(std::uint64_t line, std::uint64_t now, bool& from_memory,
                       std::uint32_t& waited);

 private:
  const CacheParameters parameters_;
  LruArray l3_;
  SharedPath l3_path_;
  SharedPath memory_path_;
  std::array<std::uint64_t, 16> open_rows_{};  // by bank
};

class CoreCaches {
 public:
  // Physical address of a linear one; false when it is not mapped.
  using Translate = std::function<bool(std::uint64_t linear, std::uint64_t& physical)>;

  CoreCaches(const CacheParameters& parameters, std::shared_ptr<SharedCache> shared);

  // The core's time for the calls that follow.
  void set_time(std::uint64_t cycles) { now_ = cycles; }
  std::uint32_t load(std::uint64_t linear, const Translate& translate);
  std::uint32_t store(std::uint64_t linear, const Translate& translate);
  // A block of `size` bytes begins to run.
  std::uint32_t block(std::uint64_t pc, unsigned size, const Translate& translate);
  // The address space has changed.
  void flush_tlbs();

 private:
  struct Page {
    std::uint64_t linear = ~std::uint64_t{0};
    std::uint64_t physical = 0;
    bool memory = false;
  };
  struct Stream {
    std::uint64_t page = 0;
    std::int64_t line = 0;  // within the page
    std::int64_t step = 0;  // of the last two lines
    unsigned touches = 0;   // of the current line
    bool dense = false;     // the line before was touched several times
  };

  // The line of memory that it lies in; nothing for devices. What it takes is added to `cycles`.
  std::optional<std::uint64_t> data(std::uint64_t linear, const Translate& translate,
                                    std::uint32_t& cycles);
  // Translation by the TLBs; what a miss takes is added to `cycles`.
  const Page& page_of(std::uint64_t linear, bool code, const Translate& translate,
                      std::uint32_t& cycles);
  // A line that is not in the first level: cycles beyond the first level's.
  std::uint32_t beyond_first(std::uint64_t line, std::int64_t stream_step, bool dense);
  std::uint32_t branch(std::uint64_t pc);

  const CacheParameters parameters_;
  std::shared_ptr<SharedCache> shared_;
  std::uint64_t now_ = 0;
  std::uint32_t waited_ = 0;  // in the present call, for what cores share
  LruArray l1i_;
  LruArray l1d_;
  LruArray l2_;
  LruArray dtlb_;
  LruArray itlb_;
  LruArray stlb_;
  std::vector<Page> pages_;
  Stream stream_;
  // The last store, and how many loads ago: until then it is taken to be in the store buffer.
  std::uint64_t stored_ = 0;
  unsigned loads_since_store_ = ~0u;
  // Branch prediction: by the path so far, where the next block is.
  std::vector<std::uint64_t> targets_;
  std::uint64_t history_ = 0;
  std::uint64_t expected_ = 0;  // the end of the last block
};

}  // namespace mint
