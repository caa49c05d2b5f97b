// What cores took in, from the marks of two stored runs: where they still are the same, and between
// which marks they part.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "traces/run_store.hpp"
#include "traces/window_sink.hpp"

namespace mint {

struct Mark {
  std::uint64_t inputs = 0;
  std::uint64_t hash = 0;
  std::uint64_t retired = 0;  // since the core's start
  Cycles at;
};

// A core from one start on.
struct Epoch {
  std::uint64_t base = 0;  // instructions of the core before it
  Cycles begun;
  std::vector<Mark> marks;  // the last one may be that of the run's end, at any number of inputs
};

// By core; epochs in order, the first from power-on.
using Streams = std::map<std::uint8_t, std::vector<Epoch>>;
Streams read_streams(RunStore& store, std::int64_t run);

// A core of A and the core of B that is compared with it.
struct CorePair {
  std::uint8_t a = 0;
  std::uint8_t b = 0;
};

// Where a core's inputs part, or may part.
struct Parting {
  CorePair cores;
  Window a;
  Window b;
  bool certain = false;  // the marks differ; else one run just goes on longer, as far as marks say
  Cycles at;             // in A: of the last mark that is the same
};

// The first of each pair of cores. `last_epoch_only`: compare the cores' last starts.
std::vector<Parting> find_partings(const Streams& a, const Streams& b,
                                   const std::vector<CorePair>& pairs, bool last_epoch_only);

}  // namespace mint
