// replay: a recorded run once more, from the store.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json_result.hpp"
#include "traces/replay.hpp"
#include "traces/rerun.hpp"

namespace mint {
namespace {

class ReplayCommand final : public Command {
 public:
  explicit ReplayCommand(CLI::App& app)
      : command_(app.add_subcommand("replay", "run a recorded run again, checking its digest")) {
    command_->add_option("run", run_, "its number, or 'last'")->required()->type_name("RUN");
    command_
        ->add_option("--until", until_,
                     "end there: cycle:N, a time as 12.5s, core:C:N (its N-th instruction), "
                     "symbol:NAME, event:KIND[:N or :TEXT]")
        ->type_name("WHEN");
    command_->add_option("--level", level_, "record it as a new run: stages, events, blocks, full")
        ->check(CLI::IsMember({"stages", "events", "blocks", "full"}));
    command_->footer("Exit codes: 0 the same, 1 not the same, or WHEN never came, 2 bad input.");
    options_.add_to(*command_);
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext& context) override {
    RunStore store(options_.file(), Database::Mode::kRead);
    const StoredRun run = store.run(run_);
    const Until until = parse_until(until_, run);
    Rerun again(run, context.run, context.installation);
    Replay replay(store, run, until);
    std::unique_ptr<RunRecorder> recorder;
    if (!level_.empty()) {
      recorder =
          std::make_unique<RunRecorder>(options_.file(), again.request(), *level_named(level_));
      replay.record_to(*recorder);
    }
    const RunResult result = again.run(replay);
    if (recorder) recorder->finish(result, result_json(again.request(), result));

    const bool to_the_end = !replay.reached() && !replay.mismatch();
    const bool same_end = !to_the_end || !run.finished || result.digest == run.digest;
    const bool missed = until.anywhere() && !replay.reached();
    const bool same = !replay.mismatch() && same_end;
    std::string text = fmt::format("run {}: {} checkpoints the same", run.id, replay.checked());
    if (replay.mismatch()) {
      text = fmt::format("run {}: the digest is the same at cycle {} and differs at cycle {} ({})",
                         run.id, replay.mismatch()->same.count, replay.mismatch()->differs.count,
                         run.time(replay.mismatch()->differs));
    } else if (!same_end) {
      text += fmt::format(", but not the digest at the end: {} instead of {}", result.digest,
                          run.digest);
    } else if (replay.reached()) {
      text += fmt::format("; {} at cycle {} ({})", until_, replay.ended_at().count,
                          run.time(replay.ended_at()));
    } else if (missed) {
      text += fmt::format(", to the end; {} never came", until_);
    } else {
      text += fmt::format(", to the end: {}", result.reason);
    }
    text += "\n";
    if (!to_the_end) text += result.watchdog;
    if (recorder) text += fmt::format("recorded as run {}\n", recorder->id());
    if (!options_.json_only()) fmt::print("{}", text);
    nlohmann::ordered_json json{
        {"run", run.id},
        {"same", same},
        {"checked", replay.checked()},
        {"reached", replay.reached()},
        {"cycle", replay.mismatch() ? replay.mismatch()->differs.count : replay.ended_at().count},
        {"digest", result.digest},
        {"cores", result.watchdog}};
    json["last_same_cycle"] = replay.mismatch()
                                  ? nlohmann::ordered_json(replay.mismatch()->same.count)
                                  : nlohmann::ordered_json(nullptr);
    json["recorded_as"] =
        recorder ? nlohmann::ordered_json(recorder->id()) : nlohmann::ordered_json(nullptr);
    options_.write(json);
    return same && !missed ? kGoalMet : kGoalMissed;
  }

 private:
  CLI::App* command_;
  StoreOptions options_;
  std::string run_;
  std::string until_;
  std::string level_;
};

}  // namespace

std::unique_ptr<Command> replay_command(CLI::App& app) {
  return std::make_unique<ReplayCommand>(app);
}

}  // namespace mint
