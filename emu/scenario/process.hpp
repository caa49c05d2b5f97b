// Running another program and reading what it prints.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace mint {

struct ProcessResult {
  int exit_code = -1;  // 128 + signal when it was killed
  std::string output;  // its standard output, when that was captured
};

// Runs `arguments[0]` and waits for it. Standard error goes where ours goes; standard output as
// well unless `capture`. Nothing when the program cannot be started; `error` then says why.
std::optional<ProcessResult> run_process(const std::vector<std::string>& arguments, bool capture,
                                         std::string& error);

}  // namespace mint
