// The command line of mintsim. Holds no logic of its own: it reads arguments, and shows what
// emu/scenario and emu/machine say.
#pragma once

#include <functional>

#include "emu/scenario/run_result.hpp"

namespace mint {

enum ExitCode : int {
  kGoalMet = 0,
  kGoalMissed = 1,
  kBadInput = 2,
  kOwnFault = 3,
  kInconclusive = 4
};

// Runs a scenario: run_scenario() of emu/machine/run.hpp, or a stand-in in tests.
using RunFunction = std::function<RunResult(const RunRequest&, RunObserver&)>;

// The whole program; returns its exit code.
int cli_main(int argc, const char* const* argv, const RunFunction& run);

}  // namespace mint
