// baseline: what runs gave once, as a gate for what they give now.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "traces/baseline.hpp"

namespace mint {
namespace {

class Baseline final : public Command {
 public:
  explicit Baseline(CLI::App& app)
      : command_(app.add_subcommand("baseline", "compare runs with what they gave once")) {
    command_->require_subcommand(1);
    save_ = command_->add_subcommand("save", "keep what runs gave as a baseline");
    check_ = command_->add_subcommand("check", "whether runs still give what the baseline says");
    for (CLI::App* each : {save_, check_}) {
      each->add_option("runs", runs_, "runs' numbers, or 'last'")->type_name("RUN");
      each->add_option("--name", name_, "the baseline's name (default)")->type_name("NAME");
      options_.add_to(*each);
    }
    save_->get_option("runs")->required();
    check_->footer(
        "Without RUN: the latest run of each scenario and seed of the baseline.\n"
        "Exit codes: 0 the same, 1 moved, 2 bad input, 4 inconclusive: other images.");
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext&) override {
    // Nothing is made where there is nothing.
    const RunStore existing(options_.file(), Database::Mode::kRead);
    RunStore store(options_.file(),
                   save_->parsed() ? Database::Mode::kWrite : Database::Mode::kRead);
    std::vector<StoredRun> runs;
    for (const std::string& name : runs_) runs.push_back(store.run(name));
    return save_->parsed() ? save(store, runs) : check(store, std::move(runs));
  }

 private:
  int save(RunStore& store, const std::vector<StoredRun>& runs) const {
    save_baseline(store, name_, runs);
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const StoredRun& run : runs) {
      if (!options_.json_only())
        fmt::print("{}: {}, seed {}: {}\n", name_, run.scenario, run.seed, run.digest);
      list.push_back({{"name", name_},
                      {"scenario", run.scenario},
                      {"seed", run.seed},
                      {"run", run.id},
                      {"digest", run.digest}});
    }
    options_.write(list);
    return kGoalMet;
  }

  int check(RunStore& store, std::vector<StoredRun> runs) const {
    const std::vector<BaselineCheck> checks = check_baseline(store, name_, std::move(runs));
    for (const BaselineCheck& c : checks) {
      if (options_.json_only()) break;
      fmt::print("{}, seed {}: {} (run {})\n", c.scenario, c.seed, baseline_outcome_name(c.outcome),
                 c.run);
      for (const std::string& line : c.lines) fmt::print("  {}\n", line);
    }
    options_.write(baseline_json(checks));
    switch (overall(checks)) {
      case BaselineOutcome::kSame:
        return kGoalMet;
      case BaselineOutcome::kMoved:
        return kGoalMissed;
      case BaselineOutcome::kInconclusive:
        break;
    }
    return kInconclusive;
  }

  CLI::App* command_;
  CLI::App* save_;
  CLI::App* check_;
  StoreOptions options_;
  std::vector<std::string> runs_;
  std::string name_ = "default";
};

}  // namespace

std::unique_ptr<Command> baseline_command(CLI::App& app) { return std::make_unique<Baseline>(app); }

}  // namespace mint
