// The guest's images as a scenario needs them: where `@NAME` is, building what is missing, and the
// leader's disk. The builder is the tool guest/images; this drives it.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "emu/scenario/load.hpp"

namespace mint {

// What belongs to the program but is not in it. In the source tree when the program is in a build
// folder of it, else PREFIX/share/mintsim beside PREFIX/bin.
struct Installation {
  std::filesystem::path data;      // has scenarios/, guest/; empty when not found
  std::filesystem::path firmware;  // has bios.bin, boot_sector.bin, boot_loader.bin

  std::filesystem::path images_tool() const { return data / "guest" / "images"; }
  std::filesystem::path profiles() const { return data / "scenarios" / "machines"; }
};

// `program`: this executable.
Installation find_installation(const std::filesystem::path& program);

// Artefact names (without '@') that a scenario file's OSes and boot tool refer to.
std::set<std::string> artefacts_of(const Scenario& scenario);

// Where the artefacts `names` are; when one is not there, all artefacts there are. Nothing, and
// `error`, when guest/images does not run.
std::optional<ArtefactCatalogue> find_artefacts(const Installation& installation,
                                                const std::set<std::string>& names,
                                                std::string& error);

// The catalogue from the text of `guest/images list`: a line is the name, then "SIZE MB  DIRECTORY"
// when it is built.
ArtefactCatalogue parse_artefact_list(const std::string& text);

// Builds what the scenario needs and has not got yet, and points the scenario at it. The tool tells
// its progress on standard error. Its exit code, 0 when all is there.
int build_artefacts(const Installation& installation, Scenario& scenario);

// Where a scenario starts something, names no boot tool and has the leader's disk made: the one for
// the leader's word size, with the Mint patches for followers, without them for a Kexec reboot; and
// for kboot the initrd that is the boot loader. After check_files().
void choose_start_files(Scenario& scenario);

// Where a leader has no `disk`: writes its plan and disk to `directory` and points the scenario at
// the disk. The tool's exit code.
int build_leader_disk(const Installation& installation, const std::filesystem::path& directory,
                      Scenario& scenario);

}  // namespace mint
