#include "bench/accuracy/chase.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/accuracy/bare_metal.hpp"

namespace mint::accuracy {
namespace {

// Chases in the guest: R14 is the buffer. The words are linked by the guest itself.
//
// Random: one cycle through all addresses, by Sattolo's algorithm with a linear congruential
// generator (the multiplier is Knuth's MMIX one). The order is made in place: word i of the cycle
// first holds its own address, then words are exchanged.
std::string link_words(const MemoryRow& row, std::uint64_t words) {
  if (row.pattern != "random") {
    const bool backward = row.pattern == "backward";
    // Each word points to its neighbour, the last one to the first.
    return fmt::format(R"(
  mov rcx, {0}
  mov rbx, r14
2: lea rax, [rbx + {1}]
  mov [rbx{2}], {3}
  mov rbx, rax
  dec rcx
  jnz 2b
  mov {4}, r14
  mov [{5}], {6}
  mov rax, r14
)",
                       words - 1, row.stride, backward ? fmt::format(" + {}", row.stride) : "",
                       backward ? "rbx" : "rax", backward ? "rcx" : "rax", backward ? "r14" : "rbx",
                       backward ? "rbx" : "rax");
  }
  return fmt::format(R"(
  mov rcx, {0}
  mov rbx, r14
2: mov [rbx], rbx
  add rbx, {1}
  dec rcx
  jnz 2b
  mov rcx, {0} - 1
  mov rbp, 0x5851f42d4c957f2d
  mov r8, 1
3: imul r8, rbp
  add r8, 12345
  mov rax, r8
  shr rax, 32
  xor edx, edx
  div rcx
  imul rdx, {1}
  mov rbx, rcx
  imul rbx, {1}
  mov rax, [r14 + rdx]
  mov rsi, [r14 + rbx]
  mov [r14 + rdx], rsi
  mov [r14 + rbx], rax
  dec rcx
  jnz 3b
  mov rax, r14
)",
                     words, row.stride);
}

}  // namespace

std::vector<std::optional<double>> run_chases(const std::vector<MemoryRow>& rows,
                                              TimingLevel timing) {
  constexpr unsigned kLoads = 64;  // in a round
  std::vector<std::optional<double>> out(rows.size());
  std::vector<Loop> loops;
  std::vector<std::size_t> owner;
  std::uint64_t largest = 4096;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const MemoryRow& row = rows[i];
    const bool known =
        row.pattern == "linear" || row.pattern == "backward" || row.pattern == "random";
    if (!known || row.stride < 8 || row.working_set < 2 * row.stride ||
        row.working_set > (256u << 20))
      continue;
    const std::uint64_t words = row.working_set / row.stride;
    std::string body;
    for (unsigned k = 0; k < kLoads; ++k) body += "mov rax, [rax]\n";
    // The words are gone through twice before the difference is taken, and at least once for it.
    const std::uint64_t rounds = std::clamp<std::uint64_t>(words / kLoads + 1, 32, 4096);
    const std::string warm =
        fmt::format("{}  mov rcx, {}\n4: mov rax, [rax]\n  dec rcx\n  jnz 4b\n",
                    link_words(row, words), std::min<std::uint64_t>(2 * words, 1u << 18));
    loops.push_back({warm, body, static_cast<unsigned>(rounds)});
    owner.push_back(i);
    largest = std::max(largest, row.working_set);
  }
  const std::vector<LoopResult> results = run_loops(loops, timing, largest);
  for (std::size_t k = 0; k < owner.size(); ++k)
    if (results[k].cycles) out[owner[k]] = *results[k].cycles / kLoads;
  return out;
}

}  // namespace mint::accuracy
