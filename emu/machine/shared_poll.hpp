// Waiting for a word in shared memory: a loop that reads it by a LOCKed instruction until another
// core has changed it, which is how Mint's lock is awaited.
//
// Each turn of such a loop is an access that must wait for its place in the order of all cores.
// With 26 kernels waiting for the lock of the 27th that is nearly all there is to compute. So once
// it is proven that the turns are the same until somebody writes the word, the core does not run
// until then, and goes on with the first turn that sees the change. Cycles, instructions and
// registers are the same as without.
//
// The proof: the loop is a straight piece of code with one jump, back to its beginning; nothing in
// it writes memory but the one LOCKed instruction, which wrote what it had read; interrupts are
// off; and several turns took the same time, had as many instructions as the loop has, and found
// the same registers. What else it reads is memory of its own OS, in which no other core runs.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "emu/base/types.hpp"
#include "emu/engine/cpu.hpp"

namespace mint {

class SharedPoll {
 public:
  struct Loop {
    PhysAddr word;
    unsigned size = 0;
    std::uint64_t value = 0;
    Cycles period;
    std::uint64_t instructions = 0;  // of a turn
  };

  // The core has done something else than to look at the word.
  void disturb() { turns_ = 0; }
  // A LOCKed instruction of `cpu` has read `value` from a shared word at `at` and written it back.
  void looked(const Cpu& cpu, Cycles at, PhysAddr word, unsigned size, std::uint64_t value);
  // The core is about to look at `word`, which has `value`: the loop, when its next turns are known
  // to be like the last.
  using CodeReader =
      std::function<std::vector<std::uint8_t>(std::uint64_t linear, std::uint64_t bytes)>;
  std::optional<Loop> proven(const Cpu& cpu, Cycles at, PhysAddr word, unsigned size,
                             std::uint64_t value, const CodeReader& code);

 private:
  Loop loop_;
  Cycles last_;
  std::uint64_t last_instructions_ = 0;
  std::array<std::uint64_t, 16> registers_{};
  std::uint64_t block_ = 0;
  unsigned turns_ = 0;    // like the one before
  bool refused_ = false;  // the loop at block_ is none that can be proven
};

// Is the code from `block` on, at most `code` long, the rest of a loop as described above, which
// has `instructions` instructions? `before` is the code that ends at `block`.
bool is_polling_loop(std::span<const std::uint8_t> before, std::span<const std::uint8_t> code,
                     std::uint64_t block, bool wide, std::uint64_t instructions);

}  // namespace mint
