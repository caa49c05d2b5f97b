// What two stored runs were made of, and in what that differs: texts, seed, program, images.
#pragma once

#include <string>
#include <vector>

#include "traces/run_store.hpp"

namespace mint {

struct InputDifference {
  std::string what;  // "seed", "scenario", "initrd of f1", ...
  std::string a;
  std::string b;
  std::string detail;  // the first line or byte that differs, where that can be told
};

std::vector<InputDifference> input_differences(const StoredRun& a, const StoredRun& b);

// The first line in which two texts differ: "line 12: 'x = 1' / 'x = 2'"; empty when none does.
std::string first_line_difference(const std::string& a, const std::string& b);
// How two files of the same kind differ: number of bytes, and the first one.
std::string file_difference(const std::string& a, const std::string& b);

}  // namespace mint
