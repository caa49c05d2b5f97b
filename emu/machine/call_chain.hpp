// Who called the function that a core is in: told from its stack, without frame pointers or debug
// information. A word of the stack is a return address when the instruction in front of the place
// that it names calls the function below, or calls through a register or memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "emu/machine/symbols.hpp"

namespace mint {

struct CallStack {
  const SymbolTable& symbols;
  std::uint64_t shift = 0;  // of the kernel's addresses against its symbols
  bool wide = true;         // 8-byte words
  std::uint64_t pc = 0;
  std::uint64_t stack_pointer = 0;
  // `bytes` bytes of the guest's memory at a linear address; fewer where it is not mapped.
  std::function<std::vector<std::uint8_t>(std::uint64_t linear, unsigned bytes)> memory;
};

// The name of the innermost function that is none of `passed_over`; that of the outermost known
// one when all are, and empty when not even the innermost has a name.
std::string caller_beyond(const CallStack& stack, const std::vector<std::string_view>& passed_over);

}  // namespace mint
