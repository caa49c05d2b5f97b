#include "bench/compare/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "bench/compare/programs.hpp"
#include "emu/scenario/problem.hpp"
#include "emu/scenario/process.hpp"
#include "emu/scenario/sha256.hpp"

namespace mint::bench {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// A name as TOML writes it becomes a path.
void put_path(std::string& text, const std::string& name, const fs::path& path) {
  const std::string from = '"' + name + '"';
  const std::string to = '"' + fs::absolute(path).string() + '"';
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string all_of(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += (text.empty() ? "" : "\n") + to_string(problem);
  return text;
}

Scenario load(const std::string& file, const Installation& installation) {
  LoadOptions options;
  options.profile_dirs.push_back(installation.profiles());
  Problems problems;
  Scenario scenario = load_scenario(file, options, problems);
  const std::set<std::string> artefacts = artefacts_of(scenario);
  if (!artefacts.empty()) {
    std::string error;
    options.catalogue = find_artefacts(installation, artefacts, error);
    if (!options.catalogue) throw BadInput(error);
    problems.clear();
    scenario = load_scenario(file, options, problems);
  }
  if (!problems.empty()) throw BadInput(all_of(problems));
  return scenario;
}

void take_first(Result& result, const nlohmann::json& json) {
  result.timing = json.value("timing", "");
  result.simulated_s = json.at("simulated_s").get<double>();
  if (json.contains("cycles")) result.cycles = json.at("cycles").get<std::uint64_t>();
  result.instructions = json.at("instructions").get<std::uint64_t>();
  result.digest = json.at("digest").get<std::string>();
}

}  // namespace

Target Workbench::prepare(const std::string& name) {
  const fs::path file = fs::absolute(name);
  if (const std::string image = program_image(name); !image.empty()) {
    const fs::path program = folder_.path() / (name + ".elf");
    std::ofstream(program, std::ios::binary) << image;
    return {name, program, sha256(image)};
  }
  std::error_code error;
  if (!fs::is_regular_file(file, error))
    throw BadInput(
        fmt::format("{} is no file; remedy: name a SCENARIO.toml, a PROGRAM.elf or one of "
                    "{}",
                    name, fmt::join(program_names(), ", ")));
  if (file.extension() == ".toml") return prepare_scenario(file);
  return {file.stem().string(), file, sha256_of_file(file)};
}

Target Workbench::prepare_scenario(const fs::path& file) {
  Scenario scenario = load(file.string(), installation_);
  const fs::path folder = folder_.path() / std::to_string(made_++);
  fs::create_directories(folder);
  std::string text = read_text(file);
  std::string images;
  const auto pin = [&](const GuestFile& guest) {
    put_path(text, guest.name, guest.path);
    images += sha256_of_file(guest.path);
  };
  if (!scenario.bare_metal) {
    int code = build_artefacts(installation_, scenario);
    if (code == 0) {
      choose_start_files(scenario);
      code = build_artefacts(installation_, scenario);
    }
    const OsSpec* leader = scenario.leader();
    const bool makes_disk = leader != nullptr && !leader->disk;
    if (code == 0) code = build_leader_disk(installation_, folder, scenario);
    if (code != 0) throw BadInput(fmt::format("{}: its images cannot be built", file.string()));
    for (const OsSpec& os : scenario.os) {
      pin(os.kernel);
      if (os.initrd) pin(*os.initrd);
      if (os.disk && !(makes_disk && os.role == Role::kLeader)) pin(*os.disk);
    }
    if (makes_disk) {
      // Each program would make one of its own.
      const GuestFile& disk = *scenario.leader()->disk;
      images += sha256_of_file(disk.path);
      constexpr std::string_view kLeader = "role = \"leader\"";
      const std::size_t at = text.find(kLeader);
      if (at == std::string::npos)
        throw BadInput(
            fmt::format("{}: `{}` is not written like that in it", file.string(), kLeader));
      text.insert(at + kLeader.size(), fmt::format("\ndisk = \"{}\"", disk.path.string()));
    }
  } else {
    for (const auto& each : {scenario.bare_metal->program, scenario.bare_metal->rom})
      if (each) {
        put_path(text, fs::relative(*each, file.parent_path()).string(), *each);
        images += sha256_of_file(*each);
      }
  }
  // A scenario's own machines go with it; the programs' are part of what is compared.
  std::error_code error;
  const fs::path machines = file.parent_path() / "machines";
  if (fs::is_directory(machines, error) &&
      !fs::equivalent(machines, installation_.profiles(), error))
    fs::create_directory_symlink(machines, folder / "machines");
  const fs::path pinned = folder / file.filename();
  std::ofstream(pinned) << text;
  return {scenario.name, pinned, sha256(images)};
}

void Workbench::run(const fs::path& program, const Target& target, const std::string& timing,
                    Result& result) const {
  const fs::path json_file = folder_.path() / "result.json";
  std::error_code ignored;
  fs::remove(json_file, ignored);
  std::vector<std::string> arguments{program.string(),  "run",   target.file.string(),   "--quiet",
                                     "--no-record",     "--out", folder_.path() / "out", "--json",
                                     json_file.string()};
  if (!timing.empty()) arguments.insert(arguments.end(), {"--timing", timing});
  std::string error;
  const auto begun = std::chrono::steady_clock::now();
  const auto done = run_process(arguments, Streams::kCapture, error);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begun;
  if (!done) throw BadInput(fmt::format("{} does not start: {}", program.string(), error));
  const nlohmann::json json =
      nlohmann::json::parse(read_text(json_file), nullptr, /*allow_exceptions=*/false);
  if (done->exit_code != 0 || !json.is_object()) {
    result.failure = fmt::format(
        "exit code {}{}", done->exit_code,
        json.is_object() ? ": " + json.value("reason", "") : " without a result; see above");
    return;
  }
  const std::string digest = result.digest;
  const auto cycles = result.simulated_s;
  take_first(result, json);
  if (!digest.empty() && (digest != result.digest || cycles != result.simulated_s))
    result.failure = "two runs of it differ: it is not deterministic";
  result.cpu_s.push_back(done->cpu_s);
  result.wall_s.push_back(wall.count());
}

void measure(const Workbench& workbench, const std::vector<fs::path>& programs,
             const Target& target, const std::string& timing, unsigned runs,
             std::vector<Result>& results) {
  const auto run = [&](std::size_t which) {
    if (results[which].failure.empty())
      workbench.run(programs[which], target, timing, results[which]);
  };
  for (std::size_t i = 0; i < programs.size(); ++i) {
    results[i].name = target.name;
    results[i].images = target.images;
    run(i);
    results[i].cpu_s.clear();
    results[i].wall_s.clear();
  }
  for (unsigned turn = 0; turn < runs; ++turn)
    for (std::size_t i = 0; i < programs.size(); ++i)
      run(turn % 2 == 0 ? i : programs.size() - 1 - i);
}

}  // namespace mint::bench
