#include "traces/rerun.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "emu/scenario/load.hpp"
#include "traces/describe_run.hpp"

namespace mint {
namespace {

namespace fs = std::filesystem;

class Silent final : public RunObserver {
 public:
  void progress(const Progress&) override {}
  void console(unsigned, std::string_view) override {}
};

[[noreturn]] void refuse(const StoredRun& run, const std::string& why, const std::string& remedy) {
  throw StoreError(fmt::format("run {} cannot be run again: {}; remedy: {}", run.id, why, remedy));
}

}  // namespace

Rerun::Rerun(const StoredRun& run, const ScenarioRunner& runner, const Installation& installation,
             const fs::path& folder)
    : runner_(runner), folder_(folder) {
  if (folder_.empty()) folder_ = own_folder_.emplace("mintsim-rerun").path();
  load(run, installation);
  check_images(run);
}

void Rerun::load(const StoredRun& run, const Installation& installation) {
  LoadOptions options;
  options.texts[run.scenario_file] = run.scenario_text;
  options.texts[run.profile_file] = run.profile_text;
  options.profile_dirs.push_back(fs::path(run.profile_file).parent_path());
  ArtefactCatalogue& catalogue = options.catalogue.emplace();
  const StoredImage* boot_tool = nullptr;
  const StoredImage* loader_initrd = nullptr;
  for (const StoredImage& image : run.images) {
    if (!fs::exists(image.path) && image.what != "disk")
      refuse(run, fmt::format("its {} {} is gone", image.what, image.path), "bring it back");
    if (image.name.starts_with('@'))
      catalogue.artefacts[image.name.substr(1)] = fs::path(image.path).parent_path();
    if (image.what == "boot tool") boot_tool = &image;
    if (image.what == "loader initrd") loader_initrd = &image;
  }
  Problems problems;
  Scenario& scenario = request_.scenario;
  scenario = load_scenario(run.scenario_file, options, problems);
  if (problems.empty()) check_files(scenario, problems);
  if (!problems.empty()) refuse(run, to_string(problems.front()), "record it anew");
  const auto timing = std::find(kTimingLevels.begin(), kTimingLevels.end(), run.timing);
  if (timing == kTimingLevels.end())
    refuse(run,
           run.timing.empty() ? "it does not say at which timing level it ran"
                              : fmt::format("there is no timing level '{}'", run.timing),
           "record it anew");
  scenario.machine.timing = static_cast<TimingLevel>(timing - kTimingLevels.begin());
  choose_start_files(scenario);
  if (scenario.boot_tool && scenario.boot_tool->path.empty() && boot_tool != nullptr)
    resolve_artefact(*scenario.boot_tool, fs::path(boot_tool->path).parent_path());
  if (scenario.loader_initrd && scenario.loader_initrd->path.empty() && loader_initrd != nullptr)
    resolve_artefact(*scenario.loader_initrd, fs::path(loader_initrd->path).parent_path());
  request_.seed = run.seed;
  request_.firmware_dir = installation.firmware;
  if (!scenario.bare_metal && build_leader_disk(installation, folder_, scenario) != 0)
    refuse(run, "the leader's disk could not be made", "see the message above");
}

void Rerun::check_images(const StoredRun& run) const {
  for (const StoredImage& now : images_of(request_)) {
    for (const StoredImage& then : run.images) {
      const bool same = then.os == now.os && then.what == now.what && then.name == now.name;
      if (!same || then.hash == now.hash) continue;
      refuse(run,
             fmt::format("{} {} is not what it was ({} instead of {})", now.what, now.path,
                         now.hash.substr(0, 12), then.hash.substr(0, 12)),
             "bring the old one back, or record the run anew");
    }
  }
}

RunResult Rerun::run(TraceSink& sink) {
  Silent silent;
  request_.trace = &sink;
  RunResult result = runner_(request_, silent);
  request_.trace = nullptr;
  return result;
}

}  // namespace mint
