// bench: benchmarks of programs, and two of them side by side.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/compare/measure.hpp"
#include "bench/compare/programs.hpp"
#include "cli/bench_report.hpp"
#include "cli/command.hpp"
#include "emu/scenario/problem.hpp"

namespace mint {
namespace {

namespace fs = std::filesystem;

class Bench final : public Command {
 public:
  explicit Bench(CLI::App& app)
      : command_(app.add_subcommand("bench", "benchmarks, and comparing them")) {
    command_->require_subcommand(1);
    run_ = command_->add_subcommand("run", "run benchmarks and write a result file");
    run_->add_option("--program", base_, "a mintsim executable (this one)")->type_name("FILE");
    compare_ = command_->add_subcommand("compare", "two programs or two result files side by side");
    compare_->add_option("base", base_, "a mintsim executable, or a result file")
        ->required()
        ->type_name("BASE");
    compare_->add_option("new", new_, "another of the same kind")->required()->type_name("NEW");
    for (CLI::App* each : {run_, compare_}) {
      each->add_option(
              "targets", targets_,
              "what programs run: SCENARIO.toml, PROGRAM.elf, the name of a program that is "
              "built in, or 'builtin' for all of those (builtin)")
          ->type_name("TARGET");
      each->add_option("--runs", runs_, "of each program, for the host's times (7)")
          ->check(CLI::Range(1, 1000))
          ->type_name("N");
      each->add_flag("--cycles", options_.cycles_only, "simulated cycles only");
      each->add_option("--timing", timing_, "count, block or cache (the profile's)")
          ->type_name("LEVEL");
      each->add_option("--json", json_, "write the result as JSON; - is standard output")
          ->type_name("FILE");
    }
    compare_->add_option("--threshold", threshold_, "slower by less is no regression (5)")
        ->check(CLI::Range(0.0, 10'000.0))
        ->type_name("PERCENT");
    compare_
        ->add_option("--significance", options_.significance,
                     "largest probability of a difference that is none (0.01)")
        ->check(CLI::Range(0.0, 1.0))
        ->type_name("P");
    compare_
        ->add_option("--declared", declared_,
                     "result file with the simulated cycles that NEW is meant to take")
        ->type_name("FILE");
    run_->footer("Built in: " + fmt::format("{}", fmt::join(bench::program_names(), " ")) + ".");
    compare_->footer(
        "Simulated cycles have to be equal, or be those of --declared. Host times are a "
        "regression\n"
        "when they are larger by the threshold and by a Mann-Whitney test. A result file is what\n"
        "`bench run` writes, or Google Benchmark (--benchmark_format=json).\n"
        "Exit codes: 0 no regression, 1 regression, 2 bad input or nothing comparable.");
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext& context) override {
    return run_->parsed() ? run(context) : compare(context);
  }

 private:
  int run(const CommandContext& context) {
    std::error_code error;
    const fs::path program =
        base_.empty() ? fs::read_symlink("/proc/self/exe", error) : fs::path(base_);
    check_program(program);
    bench::Workbench workbench(context.installation);
    bench::ResultSet set;
    bool failed = false;
    for (const bench::Target& target : prepare(workbench)) {
      std::vector<bench::Result> results(1);
      bench::measure(workbench, {program}, target, timing_, runs(), results);
      const bench::Result& result = results[0];
      fmt::print(stderr, "{}: {}\n", target.name,
                 !result.failure.empty() ? result.failure
                 : result.cycles         ? fmt::format("{} cycles", *result.cycles)
                                         : "done");
      failed = failed || !result.failure.empty();
      set.results.push_back(result);
    }
    write_file(json_.empty() ? "-" : json_, bench::results_json(set));
    return failed ? kGoalMissed : kGoalMet;
  }

  int compare(const CommandContext& context) {
    options_.threshold = threshold_ / 100;
    bench::ResultSet declared;
    if (!declared_.empty()) {
      declared = bench::read_results(declared_);
      options_.declared = &declared;
    }
    for (const std::string& file : {base_, new_}) {
      std::error_code error;
      if (!fs::is_regular_file(file, error))
        throw BadInput(fmt::format("{} is no file; remedy: give a program or a result file", file));
    }
    const bool files = bench::is_result_file(base_);
    if (files != bench::is_result_file(new_))
      throw BadInput(
          fmt::format("{} and {}: one is a result file and the other is not; remedy: give "
                      "two of the same kind",
                      base_, new_));
    if (files && !targets_.empty())
      throw BadInput(
          fmt::format("{} can be run by programs only, not by result files", targets_[0]));
    const bench::Report report =
        files ? bench::compare(bench::read_results(base_), bench::read_results(new_), options_)
              : compare_programs(context);
    if (json_ != "-") fmt::print("{}", bench::report_text(report));
    if (!json_.empty()) write_file(json_, bench::report_json(report).dump(2) + "\n");
    if (report.regressed()) return kGoalMissed;
    return report.comparable() ? kGoalMet : kBadInput;
  }

  bench::Report compare_programs(const CommandContext& context) {
    const std::vector<fs::path> programs{base_, new_};
    for (const fs::path& program : programs) check_program(program);
    bench::Workbench workbench(context.installation);
    bench::ResultSet base{base_, {}};
    bench::ResultSet current{new_, {}};
    for (const bench::Target& target : prepare(workbench)) {
      fmt::print(stderr, "{} ...\n", target.name);
      std::vector<bench::Result> results(2);
      bench::measure(workbench, programs, target, timing_, runs(), results);
      if (seems_slower(results)) {
        // Something else on the host may have hit one of them: what counts is a second look.
        fmt::print(stderr, "{} seems slower; measuring it once more ...\n", target.name);
        bench::measure(workbench, programs, target, timing_, runs(), results);
      }
      base.results.push_back(results[0]);
      current.results.push_back(results[1]);
    }
    return bench::compare(base, current, options_);
  }

  bool seems_slower(const std::vector<bench::Result>& results) const {
    const bench::Report report =
        bench::compare({base_, {results[0]}}, {new_, {results[1]}}, options_);
    return report.rows[0].slower();
  }

  std::vector<bench::Target> prepare(bench::Workbench& workbench) const {
    std::vector<bench::Target> targets;
    for (const std::string& name :
         targets_.empty() ? std::vector<std::string>{"builtin"} : targets_) {
      if (name != "builtin") {
        targets.push_back(workbench.prepare(name));
        continue;
      }
      for (const std::string& each : bench::program_names())
        targets.push_back(workbench.prepare(each));
    }
    for (auto target = targets.begin(); target != targets.end(); ++target)
      if (std::any_of(targets.begin(), target,
                      [&](const bench::Target& other) { return other.name == target->name; }))
        throw BadInput(fmt::format("two targets are named {}", target->name));
    return targets;
  }

  static void check_program(const fs::path& program) {
    if (access(program.c_str(), X_OK) != 0)
      throw BadInput(fmt::format("{} is neither a program that can be run nor a result file",
                                 program.string()));
  }

  unsigned runs() const { return options_.cycles_only ? 0 : runs_; }

  CLI::App* command_;
  CLI::App* run_;
  CLI::App* compare_;
  bench::CompareOptions options_;
  std::vector<std::string> targets_;
  std::string base_;
  std::string new_;
  std::string timing_;
  std::string json_;
  std::string declared_;
  double threshold_ = 5;
  unsigned runs_ = 7;
};

}  // namespace

std::unique_ptr<Command> bench_command(CLI::App& app) { return std::make_unique<Bench>(app); }

}  // namespace mint
