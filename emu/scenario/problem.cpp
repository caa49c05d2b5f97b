#include "emu/scenario/problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace mint {

std::string to_string(const Location& location) {
  if (location.line == 0) return location.file;
  if (location.column == 0) return fmt::format("{}:{}", location.file, location.line);
  return fmt::format("{}:{}:{}", location.file, location.line, location.column);
}

std::string to_string(const Problem& problem) {
  std::string text = fmt::format("{}: {}", to_string(problem.where), problem.what);
  if (problem.other) {
    text += fmt::format(" (the other side: {})",
                        to_string(Location{problem.other->file, problem.other->line, 0}));
  }
  if (!problem.remedy.empty()) text += "; remedy: " + problem.remedy;
  return text;
}

namespace {

// Levenshtein distance.
unsigned edit_distance(std::string_view a, std::string_view b) {
  std::vector<unsigned> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 0; i < a.size(); i++) {
    unsigned diagonal = row[0];
    row[0] = static_cast<unsigned>(i + 1);
    for (std::size_t j = 0; j < b.size(); j++) {
      const unsigned above = row[j + 1];
      row[j + 1] = std::min({diagonal + (a[i] == b[j] ? 0U : 1U), above + 1, row[j] + 1});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  unsigned best_distance = std::max<unsigned>(1, static_cast<unsigned>(word.size()) / 2) + 1;
  for (std::string_view candidate : candidates) {
    const unsigned distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace mint
