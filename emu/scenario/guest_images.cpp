#include "emu/scenario/guest_images.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "emu/scenario/image_memory.hpp"
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

// Points what is called `@name` at its artefact.
void resolve(Scenario& scenario, const std::string& name, const fs::path& directory) {
  for (GuestFile* file : guest_files(scenario))
    if (file->name == "@" + name) resolve_artefact(*file, directory);
}

// What goes onto the leader's disk.
std::vector<fs::path> leader_disk_files(const Scenario& scenario, const fs::path& boot_sector,
                                        const fs::path& boot_loader) {
  std::vector<fs::path> files{boot_sector, boot_loader};
  for (const OsSpec& os : scenario.os) {
    files.push_back(os.kernel.path);
    if (os.initrd) files.push_back(os.initrd->path);
  }
  if (scenario.boot_tool) files.push_back(scenario.boot_tool->path);
  if (scenario.loader_initrd) files.push_back(scenario.loader_initrd->path);
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
  const ImageMemory memory(installation);
  for (const std::string& name : names)
    if (const auto known = memory.directory(name)) catalogue.artefacts[name] = *known;
  if (catalogue.artefacts.size() == names.size()) return catalogue;
  std::vector<std::string> arguments{tool, "path"};
  arguments.insert(arguments.end(), names.begin(), names.end());
  const auto paths = run_process(arguments, Streams::kCaptureNoErrors, error);
  if (paths && paths->exit_code == 0) {
    std::istringstream lines(paths->output);
    for (const std::string& name : names) {
      std::string line;
      if (std::getline(lines, line)) catalogue.artefacts[name] = line;
    }
    if (catalogue.artefacts.size() == names.size()) {
      for (const auto& [name, path] : catalogue.artefacts) memory.remember(name, path);
      return catalogue;
    }
  }
  // Not built, or no such image: the whole list tells, and can suggest a name, but takes seconds.
  const auto result = run_process({tool, "list"}, Streams::kCapture, error);
  if (result && result->exit_code == 0) return parse_artefact_list(result->output);
  if (result) error = fmt::format("it ended with exit code {}", result->exit_code);
  error = fmt::format("{} list: {}", tool, error);
  return std::nullopt;
}

int build_artefacts(const Installation& installation, Scenario& scenario) {
  const auto missing = [&] {
    std::set<std::string> names;
    for (const GuestFile* file : guest_files(scenario))
      if (file->name.starts_with('@') && file->path.empty()) names.insert(file->name.substr(1));
    return names;
  };
  if (missing().empty()) return 0;
  const ImageMemory memory(installation);
  for (const std::string& name : missing())
    if (const auto known = memory.directory(name)) resolve(scenario, name, *known);
  const std::set<std::string> unknown = missing();
  if (unknown.empty()) return 0;
  std::vector<std::string> arguments{installation.images_tool().string(), "build"};
  arguments.insert(arguments.end(), unknown.begin(), unknown.end());
  std::string output;
  if (const int code = run_tool(arguments, Streams::kCapture, &output); code != 0) return code;
  std::istringstream lines(output);  // NAME <tab> DIRECTORY
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    const std::string name = line.substr(0, tab);
    const std::string directory = line.substr(tab + 1);
    resolve(scenario, name, directory);
    memory.remember(name, directory);
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
    const std::string text = leader_plan(scenario);
    std::ofstream file(plan);
    file << text;
    if (!file.flush())
      throw BadInput(
          fmt::format("{} cannot be written; is the disk full? remedy: make room there, or name "
                      "another folder",
                      plan.string()));
    const fs::path boot_sector = installation.firmware / "boot_sector.bin";
    const fs::path boot_loader = installation.firmware / "boot_loader.bin";
    const auto files = leader_disk_files(scenario, boot_sector, boot_loader);
    const ImageMemory memory(installation);
    const std::string name = memory.disk_name(text, files);
    if (!memory.leader_disk(name, disk)) {
      const int code = run_tool({installation.images_tool().string(), "leader-disk",  //
                                 "--plan", plan.string(),                             //
                                 "--boot-sector", boot_sector.string(),               //
                                 "--boot-loader", boot_loader.string(),               //
                                 "--out", disk.string()},
                                Streams::kInherit, nullptr);
      if (code != 0) return code;
      memory.remember_leader_disk(name, text, files, disk);
    }
    os.disk = GuestFile{disk.filename().string(), disk, {}, {}};
  }
  return 0;
}

}  // namespace mint
