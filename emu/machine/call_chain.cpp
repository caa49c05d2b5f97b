#include "emu/machine/call_chain.hpp"

#include <algorithm>
#include <cstring>

namespace mint {
namespace {

constexpr unsigned kWords = 128;  // of the stack that are looked at
constexpr unsigned kLongestCall = 7;

// Is the last instruction of `code`, which ends at `end`, a call of `function` or one whose target
// is not known from it?
bool ends_with_call(const std::vector<std::uint8_t>& code, std::uint64_t end, bool wide,
                    std::uint64_t function) {
  const std::size_t n = code.size();
  if (n >= 5 && code[n - 5] == 0xe8) {
    std::int32_t offset = 0;
    std::memcpy(&offset, &code[n - 4], 4);
    std::uint64_t target = end + static_cast<std::uint64_t>(std::int64_t{offset});
    if (!wide) target &= 0xffffffff;
    if (target == function) return true;
  }
  // FF /2: call through a register, memory without, with an 8-bit and with a 32-bit displacement.
  const auto is_indirect = [&](std::size_t length, unsigned mode) {
    if (n < length || code[n - length] != 0xff) return false;
    const std::uint8_t modrm = code[n - length + 1];
    return (modrm >> 3 & 7) == 2 && modrm >> 6 == mode;
  };
  const bool absolute = n >= 6 && code[n - 6] == 0xff && code[n - 5] == 0x15;
  return is_indirect(2, 3) || is_indirect(2, 0) || is_indirect(3, 1) || is_indirect(6, 2) ||
         absolute;
}

}  // namespace

std::string caller_beyond(const CallStack& stack,
                          const std::vector<std::string_view>& passed_over) {
  const SymbolTable::Symbol* function = stack.symbols.function_at(stack.pc - stack.shift);
  if (function == nullptr) return "";
  const auto is_passed_over = [&] {
    return std::find(passed_over.begin(), passed_over.end(), function->name) != passed_over.end();
  };
  const unsigned size = stack.wide ? 8 : 4;
  const std::vector<std::uint8_t> words = stack.memory(stack.stack_pointer, kWords * size);
  for (std::size_t at = 0; at + size <= words.size() && is_passed_over(); at += size) {
    std::uint64_t word = 0;
    std::memcpy(&word, &words[at], size);
    const SymbolTable::Symbol* caller = stack.symbols.function_at(word - 1 - stack.shift);
    if (caller == nullptr) continue;
    const std::vector<std::uint8_t> code = stack.memory(word - kLongestCall, kLongestCall);
    if (code.size() == kLongestCall &&
        ends_with_call(code, word, stack.wide, function->address + stack.shift))
      function = caller;
  }
  return std::string(function->name);
}

}  // namespace mint
