// Events that no instruction table has: mispredicted branches, store forwarding, page walks and the
// like, each measured by a small loop of its own and compared with a published figure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/accuracy/measurement.hpp"
#include "emu/scenario/profile.hpp"

namespace mint::accuracy {

struct CheckResult {
  CheckRow published;
  TimingLevel level = TimingLevel::kBlock;  // the one that models it
  std::optional<double> cycles;             // nothing when the loop could not be run
  std::string problem;                      // why
  bool within = false;                      // 10 % or 0.3 cycles beyond what is published, at most
};

// Runs the check of each row, at `level` or else at the level that models it. Throws
// std::runtime_error for a name that is no check.
std::vector<CheckResult> run_checks(const std::vector<CheckRow>& rows,
                                    std::optional<TimingLevel> level);

}  // namespace mint::accuracy
