// Runs pieces of code bare metal on the emulated machine and tells how long they took by the
// core's own time-stamp counter.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "emu/scenario/profile.hpp"

namespace mint::accuracy {

// A loop: `setup`, then `body` again and again. What a round costs is the difference between a long
// and a short run.
struct Loop {
  std::string setup;
  std::string body;
  unsigned rounds = 100;  // of the difference
  // Fills the buffer before the loop runs; `address` is where the guest sees it.
  std::function<void(std::span<std::uint8_t> buffer, std::uint64_t address)> prepare = {};
};

struct LoopResult {
  std::optional<double> cycles;  // of a round; nothing when the loop could not be run
  std::string problem;           // why
};

// Assembles all loops into one program, runs it, and returns a result for each. Throws
// std::runtime_error when the assembler cannot be run or the program does not end.
std::vector<LoopResult> run_loops(const std::vector<Loop>& loops, TimingLevel timing,
                                  std::uint64_t buffer_bytes);

}  // namespace mint::accuracy
