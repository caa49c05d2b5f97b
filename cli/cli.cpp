#include "cli/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>

#include "cli/command.hpp"
#include "cli/json_result.hpp"
#include "cli/output_folder.hpp"
#include "cli/progress.hpp"
#include "cli/report.hpp"
#include "emu/scenario/guest_images.hpp"
#include "emu/scenario/image_memory.hpp"
#include "emu/scenario/load.hpp"
#include "emu/scenario/process.hpp"
#include "emu/scenario/sha256.hpp"
#include "emu/scenario/units.hpp"
#include "traces/run_recorder.hpp"
#include "traces/run_store.hpp"

namespace mint {

namespace {

namespace fs = std::filesystem;

struct RunOptions {
  std::string target;
  std::string json;
  std::string out;
  std::uint64_t seed = 1;
  unsigned jobs = 1;
  bool quiet = false;
  std::string timing;
  // Recording:
  bool no_record = false;
  std::string store;
  std::string level = "events";
  // Of the short form, for bare-metal programs:
  std::optional<unsigned> cores;
  std::optional<unsigned> memory_mb;
  std::string append;
  std::vector<std::string> modules;
};

int report_problems(const Problems& problems) {
  for (const Problem& problem : problems) fmt::print(stderr, "{}\n", to_string(problem));
  if (problems.size() > 1)
    fmt::print(stderr, "{} problems; nothing was started\n", problems.size());
  return kBadInput;
}

int bad_input(const std::string& message) {
  fmt::print(stderr, "mintsim: {}\n", message);
  return kBadInput;
}

class Program {
 public:
  explicit Program(const RunFunction& run) : run_(run) {
    std::error_code error;
    installation_ = find_installation(fs::read_symlink("/proc/self/exe", error));
  }

  int run(const RunOptions& options) {
    Problems problems;
    Scenario scenario = is_scenario(options.target) ? load(options.target, problems)
                                                    : short_form(options, problems);
    if (!problems.empty()) return report_problems(problems);
    if (is_scenario(options.target) && (options.cores || options.memory_mb ||
                                        !options.append.empty() || !options.modules.empty())) {
      return bad_input(
          "--cores, --memory, --append and --module are for a bare-metal program; remedy: write "
          "machine.cores and the like in " +
          options.target);
    }

    if (!options.timing.empty()) {
      const auto level = std::find(kTimingLevels.begin(), kTimingLevels.end(), options.timing);
      if (level == kTimingLevels.end())
        return bad_input(fmt::format("--timing is '{}'; remedy: give one of {}", options.timing,
                                     fmt::join(kTimingLevels, ", ")));
      scenario.machine.timing = static_cast<TimingLevel>(level - kTimingLevels.begin());
    }

    RunRequest request;
    request.seed = options.seed;
    request.out_dir = options.out.empty() ? fs::path("out") / scenario.name : fs::path(options.out);
    request.firmware_dir = installation_.firmware;
    // Before the run, which may take long; what the file holds stays until then.
    if (!options.json.empty() && options.json != "-" &&
        !std::ofstream(options.json, std::ios::app)) {
      return bad_input(options.json + " cannot be written; remedy: name another file with --json");
    }
    const OutputFolder folder(request.out_dir);
    if (const int code = prepare_guest(request.out_dir, scenario); code != 0) return code;
    request.scenario = std::move(scenario);
    return run_and_report(options, request);
  }

  int check(const std::string& file) {
    Problems problems;
    const Scenario scenario = load(file, problems);
    if (!problems.empty()) return report_problems(problems);
    fmt::print("{}", scenario_summary(scenario));
    return kGoalMet;
  }

  int images(const std::vector<std::string>& arguments) {
    // A scenario stands for the images that it needs.
    std::vector<std::string> scenarios;
    std::set<std::string> names;
    for (std::size_t i = 1; i < arguments.size(); i++) {
      if (is_scenario(arguments[i]))
        scenarios.push_back(arguments[i]);
      else
        names.insert(arguments[i]);
    }
    if (arguments[0] == "build" && arguments.size() == 1) {
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(installation_.data / "scenarios", error)) {
        if (entry.path().extension() == ".toml") scenarios.push_back(entry.path().string());
      }
    }
    for (const std::string& file : scenarios) {
      Problems problems;
      const Scenario scenario = load_scenario(file, load_options(), problems);
      if (!problems.empty()) return report_problems(problems);
      names.merge(artefacts_of(scenario));
    }
    if (const int code = images_tool(arguments[0], names); code != 0) return code;
    // Which boot tool a leader has is known when its kernel is there.
    std::set<std::string> boot_tools;
    for (const std::string& file : scenarios) {
      Problems problems;
      Scenario scenario = load(file, problems);
      if (!problems.empty()) return report_problems(problems);
      choose_start_files(scenario);
      for (const std::string& name : artefacts_of(scenario))
        if (!names.contains(name)) boot_tools.insert(name);
    }
    return boot_tools.empty() ? 0 : images_tool(arguments[0], boot_tools);
  }

  const Installation& installation() const { return installation_; }

 private:
  static bool is_scenario(const std::string& target) { return target.ends_with(".toml"); }

  LoadOptions load_options() const {
    LoadOptions options;
    if (!installation_.data.empty()) options.profile_dirs.push_back(installation_.profiles());
    return options;
  }

  Scenario load(const std::string& file, Problems& problems) {
    LoadOptions options = load_options();
    Scenario scenario = load_scenario(file, options, problems);
    const std::set<std::string> artefacts = artefacts_of(scenario);
    if (artefacts.empty()) return scenario;
    std::string error;
    options.catalogue = find_artefacts(installation_, artefacts, error);
    if (!options.catalogue) {
      fmt::print(stderr, "mintsim: guest images were not looked at: {}\n", error);
      return scenario;
    }
    problems.clear();
    return load_scenario(file, options, problems);
  }

  Scenario short_form(const RunOptions& options, Problems& problems) {
    Scenario scenario = bare_metal_scenario(options.target, load_options(), problems);
    if (options.cores) scenario.machine.cores = *options.cores;
    if (options.memory_mb) scenario.machine.memory = std::uint64_t{*options.memory_mb} << 20;
    scenario.bare_metal->append = options.append;
    for (const std::string& module : options.modules) {
      scenario.bare_metal->modules.push_back(fs::absolute(module));
    }
    check_files(scenario, problems);
    return scenario;
  }

  // guest/images COMMAND NAME...; its exit code.
  int images_tool(const std::string& command, const std::set<std::string>& names) {
    std::vector<std::string> arguments{installation_.images_tool().string(), command};
    arguments.insert(arguments.end(), names.begin(), names.end());
    std::string error;
    const auto result = run_process(arguments, Streams::kInherit, error);
    if (result) return result->exit_code;
    fmt::print(stderr, "mintsim: {} does not start: {}\n", arguments[0], error);
    return kOwnFault;
  }

  // Builds what is missing of the guest, and checks the scenario once more with it.
  int prepare_guest(const fs::path& out_dir, Scenario& scenario) {
    // Of guest/images: a build failed. Nothing has run, so that no goal was missed.
    constexpr int kBuildFailed = 1;
    const int code = build_guest(out_dir, scenario);
    return code == kBuildFailed ? kBadInput : code;
  }

  int build_guest(const fs::path& out_dir, Scenario& scenario) {
    if (scenario.bare_metal) return 0;
    if (const int code = build_artefacts(installation_, scenario); code != 0) return code;
    Problems problems;
    check_files(scenario, problems);
    if (!problems.empty()) return report_problems(problems);
    choose_start_files(scenario);
    if (const int code = build_artefacts(installation_, scenario); code != 0) return code;
    return build_leader_disk(installation_, out_dir, scenario);
  }

  int run_and_report(const RunOptions& options, RunRequest& request) {
    const bool bare = request.scenario.bare_metal.has_value();
    const bool json_out = options.json == "-";
    // Standard output belongs to the JSON when that goes there, else to report and serial output.
    std::FILE* text = json_out ? stderr : stdout;
    request.console_to_observer = bare;
    request.jobs = options.jobs;
    if (options.jobs > 1) request.known_code = known_code_file(request.scenario);
    const bool show_progress = !options.quiet && !bare;
    LiveProgress observer(request.scenario.machine.core_clock, show_progress ? stderr : nullptr,
                          bare ? text : nullptr);
    std::unique_ptr<RunRecorder> recorder;
    if (!options.no_record) {
      recorder = std::make_unique<RunRecorder>(
          options.store.empty() ? default_store() : fs::path(options.store), request,
          *level_named(options.level));
      request.trace = recorder.get();
    }
    RunResult result;
    try {
      result = run_(request, observer);
    } catch (const BadInput&) {
      if (recorder) recorder->discard();
      throw;
    }
    observer.clear();
    std::map<fs::path, std::string> kernels;  // many OSes, few kernels
    for (std::size_t i = 0; i < result.os.size() && i < request.scenario.os.size(); i++) {
      const fs::path& kernel = request.scenario.os[i].kernel.path;
      const auto [known, first] = kernels.try_emplace(kernel);
      if (first) known->second = sha256_of_file(kernel);
      result.os[i].kernel_sha256 = known->second;
    }

    if (!options.quiet) fmt::print(text, "{}", run_report(request, result));
    const std::string json = result_json(request, result);
    if (json_out) fmt::print("{}", json);
    std::vector<std::string> files{(request.out_dir / kResultFile).string()};
    if (!json_out && !options.json.empty()) files.push_back(options.json);
    for (const std::string& name : files) {
      std::ofstream file(name);
      file << json;
      if (!file.flush()) return bad_input(name + " cannot be written; is the disk full?");
    }
    if (recorder) recorder->finish(result, json);
    if (recorder && !options.quiet) fmt::print(text, "recorded as run {}\n", recorder->id());
    return result.goal_met ? kGoalMet : kGoalMissed;
  }

  const RunFunction& run_;
  Installation installation_;
};

}  // namespace

int cli_main(int argc, const char* const* argv, const RunFunction& run) {
  CLI::App app{
      "mintsim: several Linux kernels side by side on one emulated PC, without hypervisor"};
  app.require_subcommand(1);
  app.footer("Exit codes: 0 goal met, 1 goal missed, 2 bad input, 3 own fault.");

  RunOptions options;
  CLI::App* run_command = app.add_subcommand("run", "run a scenario, or a bare-metal program");
  run_command->add_option("scenario", options.target, "SCENARIO.toml, or a multiboot program.elf")
      ->required();
  run_command->add_option("--json", options.json, "write the result as JSON; - is standard output")
      ->type_name("FILE");
  run_command->add_option("--out", options.out, "folder for consoles and result (out/NAME)")
      ->type_name("DIR");
  run_command->add_option("--seed", options.seed, "decides what the profile's [seed] leaves open")
      ->type_name("N");
  run_command
      ->add_option(
          "--timing", options.timing,
          "what time inside a core is computed by: count, block, cache (the profile's key timing)")
      ->type_name("LEVEL");
  run_command
      ->add_option("--jobs", options.jobs,
                   "host threads: OSes run at once, and known code is translated ahead; "
                   "changes no result (1)")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  run_command->add_flag("--quiet", options.quiet, "no progress and no report");
  const std::string recording = "Recording";
  run_command->add_flag("--no-record", options.no_record, "keep nothing of the run")
      ->group(recording);
  run_command->add_option("--store", options.store, "the run store (in the user's data folder)")
      ->type_name("FILE")
      ->group(recording);
  run_command->add_option("--level", options.level, "stages, events, blocks or full (events)")
      ->check(CLI::IsMember({"stages", "events", "blocks", "full"}))
      ->group(recording);
  const std::string bare = "Bare-metal program";
  run_command->add_option("--cores", options.cores, "number of cores")
      ->check(CLI::Range(1, 64))
      ->group(bare);
  run_command->add_option("--memory", options.memory_mb, "RAM")
      ->check(CLI::Range(2, 32768))
      ->type_name("MB")
      ->group(bare);
  run_command->add_option("--append", options.append, "command line after the program's name")
      ->type_name("TEXT")
      ->group(bare);
  run_command->add_option("--module", options.modules, "multiboot module; may be given again")
      ->type_name("FILE")
      ->group(bare);

  std::string file;
  CLI::App* check_command = app.add_subcommand("check", "check a scenario; nothing is started");
  check_command->add_option("scenario", file, "SCENARIO.toml")->required();

  CLI::App* images_command = app.add_subcommand("images", "the guest's kernels, tools and disks");
  images_command->require_subcommand(1);
  CLI::App* list_command =
      images_command->add_subcommand("list", "which there are, and which are built");
  CLI::App* build_command = images_command->add_subcommand("build", "build what is missing");
  std::vector<std::string> names;
  build_command->add_option("names", names,
                            "images, or scenarios for all theirs; none: all scenarios");

  const std::vector<std::unique_ptr<Command>> commands = trace_commands(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kGoalMet : kBadInput;
  }
  try {
    Program program(run);
    if (run_command->parsed()) return program.run(options);
    if (check_command->parsed()) return program.check(file);
    for (const auto& command : commands)
      if (command->parsed()) return command->execute({run, program.installation()});
    names.insert(names.begin(), list_command->parsed() ? "list" : "build");
    return program.images(names);
  } catch (const StoreError& error) {
    return bad_input(error.what());
  } catch (const BadInput& error) {
    return bad_input(error.what());
  } catch (const std::exception& error) {
    fmt::print(stderr, "mintsim: own fault: {}\n", error.what());
    return kOwnFault;
  }
}

}  // namespace mint
