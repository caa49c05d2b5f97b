// Reads the keys of a machine profile, from the profile's own file or from a scenario's [machine].
#pragma once

#include "emu/scenario/profile.hpp"
#include "emu/scenario/toml_reader.hpp"

namespace mint {

// Overwrites in `profile` what `table` sets. `new_waits`: whether [post] may add names.
void read_machine(TomlTable& table, MachineProfile& profile, bool new_waits);

}  // namespace mint
