// Running another program and reading what it prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mint {

struct ProcessResult {
  int exit_code = -1;  // 128 + signal when it was killed
  std::string output;  // its standard output, when that was captured
  double cpu_s = 0;    // processor time, user and system, of it and what it waited for
};

enum class Streams : std::uint8_t {
  kInherit,          // its output goes where ours goes
  kCapture,          // standard output into the result
  kCaptureNoErrors,  // and standard error nowhere
};

// Runs `arguments[0]` and waits for it. Nothing when the program cannot be started; `error` then
// says why.
std::optional<ProcessResult> run_process(const std::vector<std::string>& arguments, Streams streams,
                                         std::string& error);

}  // namespace mint
