// Where two stored runs part: the first true divergence of a core, aligned by its retired
// instructions and not by time; apart from that, in what only their times differ.
//
//   Diff diff = diff_runs(store, a, b, {}, run_scenario, installation);
//   fmt::print("{}", diff_text(diff)); return exit_code(diff.outcome);
//
// Marks (Tracer) say between which instructions a core's inputs part. What a mark cannot say is
// found by running both again with everything watched in that window, and once more up to the very
// block, for registers and memory.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "traces/diff_inputs.hpp"
#include "traces/diff_timing.hpp"
#include "traces/rerun.hpp"

namespace mint {

enum class DiffOutcome : std::uint8_t { kIdentical, kDiverged, kInconclusive };

struct DiffOptions {
  std::string os;     // only its cores; all if empty
  bool rerun = true;  // what is stored need not be enough
};

struct WordDifference {
  std::string name;  // register, or address
  std::uint64_t a = 0;
  std::uint64_t b = 0;
};

struct Divergence {
  unsigned core_a = 0;
  unsigned core_b = 0;
  std::string os;
  bool exact = false;         // the instruction is known; else the window `retired` to `until`
  std::uint64_t retired = 0;  // instructions since the core was started
  std::uint64_t until = 0;
  Cycles at_a;
  Cycles at_b;
  std::string place_a;  // address and symbol of the block
  std::string place_b;
  std::string does_a;  // what happens there
  std::string does_b;
  std::string cause;              // "interrupt", "device value", "shared memory", "time", "memory"
  std::string cause_text;         // what is known of it
  std::string data;               // where registers first differed, if before
  std::vector<std::string> code;  // around it
  std::vector<WordDifference> registers;
  std::vector<WordDifference> operands;  // of the code, that differ
  std::vector<WordDifference> memory;    // the first few
  std::uint64_t memory_words = 0;        // all that differ
  std::vector<std::string> followed_a;
  std::vector<std::string> followed_b;
};

struct Diff {
  StoredRun a;
  StoredRun b;
  DiffOutcome outcome = DiffOutcome::kInconclusive;
  std::string why;  // in one sentence
  std::vector<InputDifference> inputs;
  std::optional<Divergence> first;
  std::vector<Divergence> others;  // of other cores, in the order of time
  std::optional<DataDifference> disk_data;
  std::optional<TimeDifference> time;
  std::vector<StageDifference> stages;
  double rerun_s = 0;  // host's time
};

Diff diff_runs(RunStore& store, const StoredRun& a, const StoredRun& b, const DiffOptions& options,
               const ScenarioRunner& runner, const Installation& installation);

std::string_view outcome_name(DiffOutcome outcome);
std::string diff_text(const Diff& diff);
nlohmann::ordered_json diff_json(const Diff& diff);

}  // namespace mint
