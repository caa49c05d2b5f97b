#include "emu/machine/run.hpp"

#include <stdexcept>

#include "emu/machine/bare_metal_run.hpp"

namespace mint {

RunResult run_scenario(const RunRequest& request, RunObserver& observer) {
  if (request.scenario.bare_metal) return run_bare_metal(request, observer);
  throw std::runtime_error("scenarios with operating systems cannot be run");
}

}  // namespace mint
