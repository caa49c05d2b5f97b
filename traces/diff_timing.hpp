// In what the times of two runs differ: per stage, and which event was the first that came at
// another time or took another time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "traces/run_store.hpp"

namespace mint {

struct StageDifference {
  std::string os;
  std::string stage;
  std::optional<double> a;  // seconds; nothing: it did not end
  std::optional<double> b;
};
std::vector<StageDifference> stage_differences(RunStore& store, const StoredRun& a,
                                               const StoredRun& b);

// The first event that is the same in both but for its time, or a disk command of which a part took
// another time; empty when there is none.
struct TimeDifference {
  Cycles at_a;
  Cycles at_b;
  std::string what;
};
std::optional<TimeDifference> first_time_difference(RunStore& store, const StoredRun& a,
                                                    const StoredRun& b);

// The first data that a disk's controller moved to memory and that is not the same: "disk 0, LBA
// 123 ...". Empty when there is none.
struct DataDifference {
  Cycles at_a;
  std::string what;
};
std::optional<DataDifference> first_disk_data_difference(RunStore& store, const StoredRun& a,
                                                         const StoredRun& b);

}  // namespace mint
