// Runs a scenario to its end: the whole emulator behind one call.
#pragma once

#include "emu/scenario/run_result.hpp"

namespace mint {

// `request.scenario` has been checked. Guest trouble of any kind is in the result; throws
// std::exception only for the emulator's own faults and for files that vanish meanwhile.
RunResult run_scenario(const RunRequest& request, RunObserver& observer);

}  // namespace mint
