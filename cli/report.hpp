// What a run shows at its end, as text for people.
#pragma once

#include <string>

#include "emu/scenario/run_result.hpp"

namespace mint {

// The tables: stages per follower, totals per OS, the thesis's figures beside ours, parallel
// against sequential as far as results of other scenarios lie beside `request.out_dir`,
// interference, and the run as a whole.
std::string run_report(const RunRequest& request, const RunResult& result);

// What a checked scenario amounts to: who owns what, and the options that make it so.
std::string scenario_summary(const Scenario& scenario);

}  // namespace mint
