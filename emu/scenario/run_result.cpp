#include "emu/scenario/run_result.hpp"

namespace mint {

std::string_view stage_name(Stage stage) {
  constexpr std::array<std::string_view, kStages> kNames = {"load",      "place",  "ipi",
                                                            "purgatory", "kernel", "user"};
  return kNames[static_cast<std::size_t>(stage)];
}

double default_cost_share(const RunResult& result) {
  if (result.instructions == 0) return 0;
  return static_cast<double>(result.unknown_instructions) /
         static_cast<double>(result.instructions);
}

double seconds(Cycles cycles, Hertz clock) {
  return static_cast<double>(cycles.count) / static_cast<double>(clock.count);
}

}  // namespace mint
