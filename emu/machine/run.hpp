// Runs a scenario to its end: the whole emulator behind one call.
#pragma once

#include "emu/scenario/problem.hpp"
#include "emu/scenario/run_result.hpp"

namespace mint {

// `request.scenario` has been checked. Guest trouble of any kind is in the result. Throws BadInput;
// any other std::exception is the emulator's own fault or a file that vanished meanwhile.
RunResult run_scenario(const RunRequest& request, RunObserver& observer);

}  // namespace mint
