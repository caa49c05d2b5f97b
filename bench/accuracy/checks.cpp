#include "bench/accuracy/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <stdexcept>
#include <utility>

#include "bench/accuracy/bare_metal.hpp"

namespace mint::accuracy {
namespace {

constexpr std::uint64_t kBuffer = 8 << 20;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kLine = 64;
constexpr unsigned kCopies = 16;

// What an event costs is the time of a round of `with`, less that of a round of `without` if there
// is one, by the events of a round.
struct Check {
  std::string name;
  TimingLevel level;
  double events;
  Loop with;
  std::optional<Loop> without = std::nullopt;
};

std::string repeated(const std::string& text) {
  return fmt::format(".rept {}\n{}\n.endr\n", kCopies, text);
}

// A branch by bit 0 of a register, both of whose ways are as long. In each round the state of a
// xorshift generator (Marsaglia) moves on, whether it is what decides or not.
Loop branch_by(const std::string& bit) {
  return {"mov rbx, 88172645463325252\n",
          "mov rax, rbx\nshl rax, 13\nxor rbx, rax\nmov rax, rbx\nshr rax, 7\nxor rbx, rax\n"
          "mov rax, rbx\nshl rax, 17\nxor rbx, rax\n"
          "test " +
              bit + ", 1\njz 2f\nnop\njmp 3f\n2: nop\n3:\n",
          4000};
}

// A function that returns to where RBX says: before or behind a NOP, of which the first is where
// the call came from.
Loop return_to(const std::string& there, const std::string& behind) {
  return {"jmp 9f\n8: mov [rsp], rbx\nret\n9:\n",
          fmt::format("lea rbx, [rip + 2f]\ncall 8b\n{}nop\n{}", there, behind), 1000};
}

// A chase through `words` words, a power of two, `stride` apart, every 37th: no prefetcher follows.
Loop chase(std::uint64_t words, std::uint64_t stride) {
  const std::string warm =
      fmt::format("mov rax, r14\nmov rcx, {}\n4: mov rax, [rax]\ndec rcx\njnz 4b\n", 2 * words);
  return {warm, repeated("mov rax, [rax]"), 2000,
          [=](std::span<std::uint8_t> buffer, std::uint64_t address) {
            for (std::uint64_t i = 0; i < words; ++i) {
              const std::uint64_t next = address + (i + 37) % words * stride;
              std::memcpy(&buffer[i * stride], &next, sizeof next);
            }
          }};
}

// The buffer full of zeros.
Loop zeros(Loop loop) {
  loop.prepare = [](std::span<std::uint8_t> buffer, std::uint64_t) {
    std::fill(buffer.begin(), buffer.end(), std::uint8_t{0});
  };
  return loop;
}

std::vector<Check> all_checks() {
  using enum TimingLevel;
  const auto instruction = [](const char* name, const std::string& text) {
    return Check{name, kBlock, kCopies, {"xor ecx, ecx\n", repeated(text)}};
  };
  // A load whose address is the result of the one before, after a store to R14.
  const auto after_store = [](std::uint64_t offset) {
    return zeros(
        {"xor eax, eax\nxor ebx, ebx\n",
         repeated(fmt::format("mov [r14 + rbx], rax\nmov rbx, [r14 + rbx + {}]", offset))});
  };
  // Two stores of four bytes, then a load of as many or of all eight.
  const auto parts = [](const char* loaded) {
    return Loop{"xor eax, eax\n",
                repeated(fmt::format("mov [r14], eax\nmov [r14 + 4], eax\nmov {}, [r14]", loaded))};
  };
  const auto patch = [](const char* where) {
    return Loop{"", fmt::format("mov byte ptr [{}], r15b\njmp 2f\n2: mov al, 0\n", where), 200};
  };
  return {
      {"mispredicted branch", kCache, 0.5, branch_by("bl"), branch_by("r15b")},
      {"call and return", kBlock, kCopies, {"jmp 9f\n8: ret\n9:\n", repeated("call 8b")}},
      {"return to elsewhere", kCache, 1, return_to("", "2:\n"), return_to("2: ", "")},
      {"store forwarding",
       kBlock,
       kCopies,
       {"xor eax, eax\n", repeated("mov [r14], rax\nmov rax, [r14]")}},
      {"store forwarding that fails", kCache, kCopies, parts("rax"), parts("eax")},
      instruction("LOCK ADD", "lock add dword ptr [r14], ecx"),
      instruction("XCHG with memory", "xchg dword ptr [r14], ecx"),
      {"4 KB aliasing", kCache, kCopies, after_store(kPage), after_store(kPage + kLine)},
      {"second TLB", kCache, kCopies, chase(128, kPage + kLine), chase(128, kLine)},
      {"page walk", kCache, kCopies, chase(1024, kPage + kLine), chase(1024, kLine)},
      {"self-modifying code", kCache, 1, patch("rip + 2f + 1"), patch("r14")},
      instruction("CPUID, leaf 0", "xor eax, eax\ncpuid"),
      instruction("CPUID, leaf 1", "mov eax, 1\ncpuid"),
      instruction("RDTSC", "rdtsc"),
      instruction("PAUSE", "pause"),
  };
}

bool is_within(double cycles, const CheckRow& row) {
  constexpr double kRounding = 1e-6;
  const auto margin = [](double bound) { return std::max(0.1 * bound, 0.3) + kRounding; };
  return cycles >= row.low - margin(row.low) && cycles <= row.high + margin(row.high);
}

}  // namespace

std::vector<CheckResult> run_checks(const std::vector<CheckRow>& rows,
                                    std::optional<TimingLevel> level) {
  const std::vector<Check> checks = all_checks();
  std::vector<CheckResult> results;
  std::vector<const Check*> recipes;
  for (const CheckRow& row : rows) {
    const auto found = std::find_if(checks.begin(), checks.end(),
                                    [&](const Check& check) { return check.name == row.name; });
    if (found == checks.end())
      throw std::runtime_error(fmt::format("there is no check named '{}'", row.name));
    recipes.push_back(&*found);
    results.push_back({row, level.value_or(found->level), {}, "", false});
  }
  for (const TimingLevel at : {TimingLevel::kCount, TimingLevel::kBlock, TimingLevel::kCache}) {
    std::vector<Loop> loops;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (results[i].level != at) continue;
      loops.push_back(recipes[i]->with);
      loops.push_back(recipes[i]->without.value_or(Loop{"", "nop\n"}));
    }
    const std::vector<LoopResult> measured = run_loops(loops, at, kBuffer);
    std::size_t next = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CheckResult& result = results[i];
      if (result.level != at) continue;
      const LoopResult& with = measured[next++];
      const LoopResult& without = measured[next++];
      result.problem = with.problem.empty() ? without.problem : with.problem;
      if (!result.problem.empty()) continue;
      const double less = recipes[i]->without ? *without.cycles : 0;
      result.cycles = (*with.cycles - less) / recipes[i]->events;
      result.within = is_within(*result.cycles, result.published);
    }
  }
  return results;
}

}  // namespace mint::accuracy
