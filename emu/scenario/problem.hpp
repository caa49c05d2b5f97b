// What is wrong with an input, where, and what would be right. Checks collect problems instead of
// stopping at the first, so that one look shows everything there is to mend.
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mint {

// A place in an input file. Line and column start at 1; 0 means the file as a whole.
struct Location {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
};

// "FILE:LINE:COL", or "FILE:LINE" and "FILE" where less is known.
std::string to_string(const Location& location);

struct Problem {
  Location where;
  std::string what;               // "memory of 'f2' overlaps memory of 'f1'"
  std::optional<Location> other;  // the other side of a conflict
  std::string remedy;             // "give 'f2' a range that starts at 512M or later"
};

// "FILE:LINE:COL: WHAT (see FILE:LINE); remedy: REMEDY"
std::string to_string(const Problem& problem);

using Problems = std::vector<Problem>;

// Something that the user gave is no good, and it took the machine to find out. The message names
// it and the remedy.
struct BadInput : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The candidate that `word` is most likely a misspelling of; empty when none is near.
std::string_view did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace mint
