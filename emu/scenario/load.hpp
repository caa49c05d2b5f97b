// From a scenario's TOML file to a Scenario that is filled in and checked. Nothing is started and
// nothing is built; what is wrong goes to `problems`, all of it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "emu/scenario/problem.hpp"
#include "emu/scenario/scenario.hpp"

namespace mint {

// The artefacts that `@NAME` may stand for.
struct ArtefactCatalogue {
  // Name without `@` to its directory; an empty path is one that can be built but is not there yet.
  std::map<std::string, std::filesystem::path> artefacts;
};

struct LoadOptions {
  // Searched for NAME.toml after the "machines" folder beside the scenario.
  std::vector<std::filesystem::path> profile_dirs;
  // Taken instead of the content of the files of these names: scenarios and profiles as they once
  // were.
  std::map<std::string, std::string> texts;
  // None: `@NAME` is taken as it is and the files behind it are not looked at.
  std::optional<ArtefactCatalogue> catalogue;
};

// Sets the symbol files of `file` that lie in `directory`.
void find_symbols(GuestFile& file, const std::filesystem::path& directory);
// Points `file` at what an artefact's directory holds.
void resolve_artefact(GuestFile& file, const std::filesystem::path& directory);

Scenario load_scenario(const std::string& file, const LoadOptions& options, Problems& problems);

// The short form `mintsim run program.elf`: a bare-metal scenario with the default machine. To be
// changed at will, and then given to check_files().
Scenario bare_metal_scenario(const std::filesystem::path& program, const LoadOptions& options,
                             Problems& problems);

// The parts of load_scenario(), in its order. False when the file is no TOML.
bool read_scenario(const std::string& file, const LoadOptions& options, Scenario& scenario,
                   Problems& problems);
// Fills in what the file leaves out and hardware ownership implies (docs/scenarios.md).
void assign_resources(Scenario& scenario);
// Everything that can be said without opening a guest file.
void check_resources(const Scenario& scenario, Problems& problems);
// Kernels, initrds, disks: there, of the right kind, and small enough for their ranges.
void check_files(Scenario& scenario, Problems& problems);

}  // namespace mint
