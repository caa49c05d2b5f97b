// Runs a bare-metal program or ROM image: [bare_metal] of a scenario, or `mintsim run program.elf`.
#pragma once

#include "emu/scenario/run_result.hpp"

namespace mint {

RunResult run_bare_metal(const RunRequest& request, RunObserver& observer);

}  // namespace mint
