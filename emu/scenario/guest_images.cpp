#include "emu/scenario/guest_images.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "emu/scenario/plan.hpp"
#include "emu/scenario/process.hpp"

namespace mint {

namespace {

namespace fs = std::filesystem;

constexpr int kOwnFault = 3;

// Every field of a scenario that may be an artefact.
std::vector<GuestFile*> guest_files(Scenario& scenario) {
  std::vector<GuestFile*> files;
  for (OsSpec& os : scenario.os) {
    files.push_back(&os.kernel);
    if (os.initrd) files.push_back(&*os.initrd);
    if (os.disk) files.push_back(&*os.disk);
  }
  if (scenario.boot_tool) files.push_back(&*scenario.boot_tool);
  if (scenario.loader_initrd) files.push_back(&*scenario.loader_initrd);
  return files;
}

int run_tool(const std::vector<std::string>& arguments, Streams streams, std::string* output) {
  std::string error;
  const auto result = run_process(arguments, streams, error);
  if (!result) {
    fmt::print(stderr, "mintsim: {} does not start: {}\n", arguments[0], error);
    return kOwnFault;
  }
  if (output) *output = result->output;
  return result->exit_code;
}

}  // namespace

Installation find_installation(const fs::path& program) {
  Installation found;
  std::error_code error;
  const fs::path folder = program.parent_path();
  if (const fs::path share = folder.parent_path() / "share" / "mintsim";
      fs::exists(share / "scenarios", error)) {
    return {share, share / "firmware"};
  }
  for (fs::path up = folder; up != up.parent_path(); up = up.parent_path()) {
    if (fs::exists(up / "scenarios" / "machines", error)) return {up, folder / "firmware"};
  }
  return found;
}

std::set<std::string> artefacts_of(const Scenario& scenario) {
  std::set<std::string> names;
  for (const GuestFile* file : guest_files(const_cast<Scenario&>(scenario))) {
    if (file->name.starts_with('@')) names.insert(file->name.substr(1));
  }
  return names;
}

ArtefactCatalogue parse_artefact_list(const std::string& text) {
  ArtefactCatalogue catalogue;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    if (!(words >> name)) continue;
    fs::path& path = catalogue.artefacts[name];
    double size = 0;
    std::string unit;
    if (words >> size >> unit && unit == "MB") {
      std::string rest;
      std::getline(words >> std::ws, rest);
      path = rest;
    }
  }
  return catalogue;
}

std::optional<ArtefactCatalogue> find_artefacts(const Installation& installation,
                                                const std::set<std::string>& names,
                                                std::string& error) {
  const std::string tool = installation.images_tool().string();
  ArtefactCatalogue catalogue;
  std::vector<std::string> arguments{tool, "path"};
  arguments.insert(arguments.end(), names.begin(), names.end());
  const auto paths = run_process(arguments, Streams::kCaptureNoErrors, error);
  if (paths && paths->exit_code == 0) {
    std::istringstream lines(paths->output);
    for (const std::string& name : names) {
      std::string line;
      if (std::getline(lines, line)) catalogue.artefacts[name] = line;
    }
  }
  if (catalogue.artefacts.size() == names.size()) return catalogue;
  // Not built, or no such image: the whole list tells, and can suggest a name, but takes seconds.
  const auto result = run_process({tool, "list"}, Streams::kCapture, error);
  if (result && result->exit_code == 0) return parse_artefact_list(result->output);
  if (result) error = fmt::format("it ended with exit code {}", result->exit_code);
  error = fmt::format("{} list: {}", tool, error);
  return std::nullopt;
}

int build_artefacts(const Installation& installation, Scenario& scenario) {
  std::vector<std::string> arguments{installation.images_tool().string(), "build"};
  std::set<std::string> missing;
  for (const GuestFile* file : guest_files(scenario)) {
    if (file->name.starts_with('@') && file->path.empty()) missing.insert(file->name.substr(1));
  }
  if (missing.empty()) return 0;
  arguments.insert(arguments.end(), missing.begin(), missing.end());
  std::string output;
  if (const int code = run_tool(arguments, Streams::kCapture, &output); code != 0) return code;
  std::istringstream lines(output);  // NAME <tab> DIRECTORY
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    for (GuestFile* file : guest_files(scenario)) {
      const bool named = file->name.starts_with('@') && file->name.substr(1) == line.substr(0, tab);
      if (named) resolve_artefact(*file, line.substr(tab + 1));
    }
  }
  return 0;
}

void choose_start_files(Scenario& scenario) {
  const OsSpec* leader = scenario.leader();
  if (scenario.start == StartMode::kNone || !leader || leader->disk) return;
  if (!scenario.boot_tool) {
    const char* kind = scenario.boots_twice() ? "plain-" : "";
    const char* arch = leader->wide ? "x86_64" : "i386";
    scenario.boot_tool = GuestFile{fmt::format("@kexec-{}{}", kind, arch), {}, {}, {}};
  }
  if (scenario.start == StartMode::kKboot && !scenario.loader_initrd)
    scenario.loader_initrd =
        GuestFile{leader->wide ? "@initrd-kboot64" : "@initrd-kboot32", {}, {}, {}};
}

int build_leader_disk(const Installation& installation, const fs::path& directory,
                      Scenario& scenario) {
  for (OsSpec& os : scenario.os) {
    if (os.role != Role::kLeader || os.disk) continue;
    const fs::path plan = directory / (os.name + ".plan.json");
    const fs::path disk = directory / (os.name + ".disk.img");
    std::ofstream file(plan);
    file << leader_plan(scenario);
    if (!file.flush())
      throw BadInput(
          fmt::format("{} cannot be written; is the disk full? remedy: make room there, or name "
                      "another folder",
                      plan.string()));
    const int code =
        run_tool({installation.images_tool().string(), "leader-disk",                     //
                  "--plan", plan.string(),                                                //
                  "--boot-sector", (installation.firmware / "boot_sector.bin").string(),  //
                  "--boot-loader", (installation.firmware / "boot_loader.bin").string(),  //
                  "--out", disk.string()},
                 Streams::kInherit, nullptr);
    if (code != 0) return code;
    os.disk = GuestFile{disk.filename().string(), disk, {}, {}};
  }
  return 0;
}

}  // namespace mint
