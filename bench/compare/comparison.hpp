// Two sets of results side by side: which benchmark moved, by how much, and whether that is a
// regression.
//
// Simulated time has to be equal: the emulator is deterministic, so any difference is a change of
// the model. A change that is meant is declared in a file of results (bench/cycles.json) that has
// the new figure. Times of the host are judged by the Mann-Whitney test and a threshold: slower is
// what is slower by both. Where there are too few measurements for the test, the threshold decides.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/compare/result_set.hpp"

namespace mint::bench {

struct CompareOptions {
  double threshold = 0.05;     // of the medians' ratio
  double significance = 0.01;  // the probability of a difference that is none
  bool cycles_only = false;
  const ResultSet* declared = nullptr;
};

enum class CyclesVerdict { kUnknown, kSame, kDeclared, kChanged };
enum class TimeVerdict { kUnknown, kSame, kSlower, kFaster };

struct TimeComparison {
  const char* what = "";  // "processor time", "wall time"
  double base_s = 0;      // medians
  double new_s = 0;
  std::size_t base_runs = 0;
  std::size_t new_runs = 0;
  std::optional<double> probability;  // nothing: too few runs for the test
  TimeVerdict verdict = TimeVerdict::kUnknown;

  double change() const { return new_s / base_s - 1; }
};

struct Comparison {
  std::string name;
  bool other_images = false;    // they are not comparable, and were not compared
  bool base_is_broken = false;  // it gave nothing that could be compared with
  CyclesVerdict cycles = CyclesVerdict::kUnknown;
  std::optional<std::uint64_t> base_cycles;
  std::optional<std::uint64_t> new_cycles;
  std::vector<TimeComparison> times;
  std::vector<std::string> regressions;  // sentences
  std::vector<std::string> notes;

  bool slower() const;
};

struct Report {
  std::vector<Comparison> rows;  // of benchmarks that both have, in the order of the base
  std::vector<std::string> notes;

  bool regressed() const;
  bool comparable() const;  // every row was compared
};

Report compare(const ResultSet& base, const ResultSet& current, const CompareOptions& options);

}  // namespace mint::bench
