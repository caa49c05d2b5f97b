// Folded stacks for flame graphs: "OS;stage;function COUNT" a line.
//
// A run of level blocks or full has every block that a core has executed, and the count is of
// blocks. Of level events there are samples only, one each 10 ms of simulated time.
#pragma once

#include <string>

#include "traces/run_store.hpp"

namespace mint {

// `exact`: whether it was made of blocks.
std::string folded_stacks(RunStore& store, const StoredRun& run, bool& exact);

}  // namespace mint
