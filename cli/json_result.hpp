// A run's result as JSON: for --json, and kept in the output folder so that a later run of another
// scenario can be set beside it. docs/scenarios.md describes the keys.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "emu/scenario/run_result.hpp"

namespace mint {

std::string result_json(const RunRequest& request, const RunResult& result);

// What a report needs of another scenario's result.
struct EarlierResult {
  std::string scenario;
  std::string kernel_sha256;  // of the first follower
  double both_up_s = 0;       // from the first follower's start to the last daemons up
};

// The result that an earlier run of `scenario` left in the folder beside `out_dir`: only one that
// met its goal and has followers.
std::optional<EarlierResult> earlier_result(const std::filesystem::path& out_dir,
                                            const std::string& scenario);

// From the first follower's start until daemons are up in all followers; nothing if they are not.
std::optional<double> all_up_s(const RunResult& result);

inline constexpr std::string_view kResultFile = "result.json";

}  // namespace mint
