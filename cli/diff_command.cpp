// diff: where two recorded runs part.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "traces/diff.hpp"

namespace mint {
namespace {

class DiffCommand final : public Command {
 public:
  explicit DiffCommand(CLI::App& app)
      : command_(app.add_subcommand("diff", "where two recorded runs part")) {
    command_->add_option("a", a_, "a run's number, or 'last'")->required()->type_name("RUN");
    command_->add_option("b", b_, "another")->required()->type_name("RUN");
    command_->add_option("--os", options_.os, "only this operating system")->type_name("NAME");
    command_->add_flag("!--no-rerun", options_.rerun,
                       "tell what is stored; run nothing again to find the instruction");
    command_->footer("Exit codes: 0 identical, 1 diverged, 2 bad input, 4 inconclusive.");
    store_.add_to(*command_);
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext& context) override {
    RunStore store(store_.file(), Database::Mode::kRead);
    const StoredRun a = store.run(a_);
    const StoredRun b = store.run(b_);
    const Diff diff = diff_runs(store, a, b, options_, context.run, context.installation);
    if (!store_.json_only()) fmt::print("{}", diff_text(diff));
    store_.write(diff_json(diff));
    switch (diff.outcome) {
      case DiffOutcome::kIdentical:
        return kGoalMet;
      case DiffOutcome::kDiverged:
        return kGoalMissed;
      case DiffOutcome::kInconclusive:
        break;
    }
    return kInconclusive;
  }

 private:
  CLI::App* command_;
  StoreOptions store_;
  DiffOptions options_;
  std::string a_;
  std::string b_;
};

}  // namespace

std::unique_ptr<Command> diff_command(CLI::App& app) { return std::make_unique<DiffCommand>(app); }

}  // namespace mint
