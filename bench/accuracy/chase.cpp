#include "bench/accuracy/chase.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "bench/accuracy/bare_metal.hpp"

namespace mint::accuracy {
namespace {

// The order in which the words are gone through: neighbours up or down, or one random cycle through
// all of them (Sattolo's algorithm; the generator is Knuth's MMIX one).
std::vector<std::uint32_t> successors(const std::string& pattern, std::uint64_t words) {
  std::vector<std::uint32_t> next(words);
  const auto last = static_cast<std::uint32_t>(words - 1);
  for (std::uint32_t i = 0; i <= last; ++i) {
    if (pattern == "linear") next[i] = i == last ? 0 : i + 1;
    if (pattern == "backward") next[i] = i == 0 ? last : i - 1;
    if (pattern == "random") next[i] = i;
  }
  if (pattern != "random") return next;
  std::uint64_t state = 1;
  for (std::uint32_t i = last; i > 0; --i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    std::swap(next[i], next[(state >> 33) % i]);
  }
  return next;
}

void link_words(const MemoryRow& row, std::span<std::uint8_t> buffer, std::uint64_t address) {
  const std::vector<std::uint32_t> next = successors(row.pattern, row.working_set / row.stride);
  for (std::size_t i = 0; i < next.size(); ++i) {
    const std::uint64_t target = address + next[i] * row.stride;
    std::memcpy(&buffer[i * row.stride], &target, sizeof target);
  }
}

}  // namespace

std::vector<std::optional<double>> run_chases(const std::vector<MemoryRow>& rows,
                                              TimingLevel timing) {
  constexpr unsigned kLoads = 64;  // in a round
  constexpr std::uint64_t kMostRounds = 2048;
  constexpr std::uint64_t kMostWarm = 1u << 19;
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
    // Before the difference is taken, the words are gone through once, or as many of them as fill
    // the caches several times over.
    const std::uint64_t rounds = std::clamp<std::uint64_t>(words / kLoads + 1, 32, kMostRounds);
    const std::string warm =
        fmt::format("  mov rax, r14\n  mov rcx, {}\n4: mov rax, [rax]\n  dec rcx\n  jnz 4b\n",
                    std::min<std::uint64_t>(words, kMostWarm));
    loops.push_back({warm, body, static_cast<unsigned>(rounds),
                     [&row](std::span<std::uint8_t> buffer, std::uint64_t address) {
                       link_words(row, buffer, address);
                     }});
    owner.push_back(i);
    largest = std::max(largest, row.working_set);
  }
  const std::vector<LoopResult> results = run_loops(loops, timing, largest);
  for (std::size_t k = 0; k < owner.size(); ++k)
    if (results[k].cycles) out[owner[k]] = *results[k].cycles / kLoads;
  return out;
}

}  // namespace mint::accuracy
