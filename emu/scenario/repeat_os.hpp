// `count` of an [[os]]: many equal followers from one table.
#pragma once

#include "emu/scenario/scenario.hpp"
#include "emu/scenario/toml_reader.hpp"

namespace mint {

inline constexpr unsigned kMaxCount = 63;  // a machine has 64 cores, and the leader has one

// Reads `count` of the last OS of `scenario`, which `table` describes, and appends its further
// copies. A copy has the next name (f1, f2, ...), the next cores and the next piece of memory.
void repeat_os(TomlTable& table, Scenario& scenario);

// Of problems that `count` has repeated, which differ in nothing but numbers, only the first
// remains; it says how many more there are. `problems` are sorted by their places.
void fold_repeated(Problems& problems);

}  // namespace mint
