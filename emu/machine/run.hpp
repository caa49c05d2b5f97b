// Runs a scenario to its end: the whole emulator behind one call.
#pragma once

#include <stdexcept>

#include "emu/scenario/run_result.hpp"

namespace mint {

// Something that the user gave is no good, and it took the machine to find out. The message names
// it and the remedy.
struct BadInput : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `request.scenario` has been checked. Guest trouble of any kind is in the result. Throws BadInput;
// any other std::exception is the emulator's own fault or a file that vanished meanwhile.
RunResult run_scenario(const RunRequest& request, RunObserver& observer);

}  // namespace mint
