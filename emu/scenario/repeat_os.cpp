#include "emu/scenario/repeat_os.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "emu/scenario/units.hpp"

namespace mint {

namespace {

constexpr unsigned kLastCore = 63;  // of any machine

// "f27" is "f" and 27. Nothing when the name does not end in a number that can be counted up.
struct NumberedName {
  std::string stem;
  std::uint64_t number = 0;
};

std::optional<NumberedName> split(const std::string& name) {
  constexpr std::size_t kDigits = 9;
  std::size_t digits = 0;
  while (digits < name.size() &&
         std::isdigit(static_cast<unsigned char>(name[name.size() - 1 - digits])) != 0) {
    digits++;
  }
  if (digits == 0 || digits == name.size() || digits > kDigits) return std::nullopt;
  const std::string stem = name.substr(0, name.size() - digits);
  return NumberedName{stem, std::stoull(name.substr(stem.size()))};
}

// From the lowest to the highest of its cores.
unsigned span_of(const std::vector<ApicId>& cores) {
  if (cores.empty()) return 0;
  const auto [low, high] = std::minmax_element(cores.begin(), cores.end());
  return high->value - low->value + 1U;
}

// What one OS has alone cannot be counted up.
bool can_repeat(TomlTable& table, const OsSpec& os) {
  bool good = true;
  const auto problem = [&](std::string_view key, const std::string& what, const char* remedy) {
    table.problem(key, what, remedy);
    good = false;
  };
  if (os.role == Role::kLeader) {
    problem("count", "'count' of a leader, and there is only one leader",
            "remove 'count', or give role = \"follower\"");
  }
  if (!split(os.name) && table.has("name")) {
    problem("name",
            fmt::format("'{}' cannot be counted up: the name does not end in a number", os.name),
            "give name = \"f1\", from which f2, f3, ... follow");
  }
  for (const char* key : {"uart", "pci", "pins"}) {
    if (!table.has(key)) continue;
    problem(key, fmt::format("'{}' belongs to one OS, and 'count' makes several", key),
            "leave it out: the first OSes get the UARTs that are free, the others go without");
  }
  if (os.nic && os.nic->mac_given) {
    problem("nic",
            fmt::format("{} is the address of one NIC, and 'count' makes several OSes",
                        to_string(os.nic->mac)),
            "leave 'mac' out: each gets one of its own");
  }
  if (os.disk && !os.disk->name.starts_with('@')) {
    problem("disk",
            fmt::format("disk {} is one disk, and 'count' makes several OSes", os.disk->name),
            "give an @NAME image, of which each OS gets a copy");
  }
  return good;
}

std::string without_numbers(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      if (out.empty() || out.back() != '#') out += '#';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void repeat_os(TomlTable& table, Scenario& scenario) {
  unsigned count = 1;
  if (!table.get("count", count, 1, kMaxCount) || count == 1) return;
  const OsSpec first = scenario.os.back();
  if (!can_repeat(table, first)) return;
  const auto name = split(first.name);
  if (!name) return;
  const unsigned cores = span_of(first.cores);
  const unsigned highest =
      first.cores.empty() ? 0 : std::max_element(first.cores.begin(), first.cores.end())->value;
  if (highest + (count - 1) * cores > kLastCore) {
    table.problem("count",
                  fmt::format("{} OSes with {} each from core {} on need cores up to {}", count,
                              cores == 1 ? "a core" : fmt::format("{} cores", cores),
                              first.cores[0].value, highest + (count - 1) * cores),
                  fmt::format("give count = {} or less: a machine has 64 cores",
                              (kLastCore - highest) / cores + 1));
    return;
  }
  for (unsigned i = 1; i < count; i++) {
    OsSpec& os = scenario.os.emplace_back(first);
    os.name = fmt::format("{}{}", name->stem, name->number + i);
    for (ApicId& core : os.cores) core.value = static_cast<std::uint8_t>(core.value + i * cores);
    const std::uint64_t shift = i * first.memory.size();
    os.memory = {first.memory.start + shift, first.memory.end + shift};
  }
}

void fold_repeated(Problems& problems) {
  const auto same = [](const Problem& a, const Problem& b) {
    return to_string(a.where) == to_string(b.where) && a.other.has_value() == b.other.has_value() &&
           (!a.other || to_string(*a.other) == to_string(*b.other)) &&
           without_numbers(a.what) == without_numbers(b.what);
  };
  Problems kept;
  std::vector<unsigned> more;
  for (Problem& problem : problems) {
    const auto found = std::find_if(kept.begin(), kept.end(),
                                    [&](const Problem& other) { return same(problem, other); });
    if (found != kept.end()) {
      more[static_cast<std::size_t>(found - kept.begin())]++;
      continue;
    }
    kept.push_back(std::move(problem));
    more.push_back(0);
  }
  for (std::size_t i = 0; i < kept.size(); i++) {
    if (more[i] != 0) kept[i].what += fmt::format(" (and so {} more of its count)", more[i]);
  }
  problems = std::move(kept);
}

}  // namespace mint
