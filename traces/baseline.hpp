// Baselines: what runs of a set of scenarios gave once, for comparison with what they give now.
//
// Like is compared with like: where the images are not those of the baseline, what moved says
// nothing about the emulator, and the comparison is inconclusive.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "traces/run_store.hpp"

namespace mint {

enum class BaselineOutcome : std::uint8_t { kSame, kMoved, kInconclusive };

struct BaselineCheck {
  std::string scenario;
  std::uint64_t seed = 1;
  std::int64_t run = 0;       // that was checked
  std::int64_t baseline = 0;  // the run that the baseline was saved of
  BaselineOutcome outcome = BaselineOutcome::kSame;
  std::vector<std::string> lines;  // what moved, and by how much; or which images differ
};

// Saves the runs under `name`, in the place of earlier ones of the same scenarios and seeds. Throws
// StoreError for an unfinished run.
void save_baseline(RunStore& store, const std::string& name, const std::vector<StoredRun>& runs);

// Compares `runs`, or the latest finished run of each of the baseline's scenarios and seeds when
// there are none. Throws StoreError when there is no such baseline, or no run to compare.
std::vector<BaselineCheck> check_baseline(RunStore& store, const std::string& name,
                                          std::vector<StoredRun> runs);

// The worst of them: moved before inconclusive before same.
BaselineOutcome overall(const std::vector<BaselineCheck>& checks);
nlohmann::ordered_json baseline_json(const std::vector<BaselineCheck>& checks);
std::string_view baseline_outcome_name(BaselineOutcome outcome);

}  // namespace mint
