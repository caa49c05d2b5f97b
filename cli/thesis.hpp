// The thesis's measured figures (chapter 6: Core i7 at 2.8 GHz, mean of 10 runs by TSC) beside
// ours, with what accounts for the difference.
#pragma once

#include <string>

#include "emu/scenario/run_result.hpp"

namespace mint {

// Empty where there is nothing to compare.
std::string thesis_comparison(const RunRequest& request, const RunResult& result);

}  // namespace mint
