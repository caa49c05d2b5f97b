// runs, show and prune: what is in the run store.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/table.hpp"
#include "traces/run_json.hpp"

namespace mint {
namespace {

using Json = nlohmann::ordered_json;

std::string size_text(std::uint64_t bytes) {
  return fmt::format("{:.2f} MB", static_cast<double>(bytes) / 1e6);
}

std::string outcome(const StoredRun& run) {
  if (!run.finished) return "unfinished";
  return run.goal_met ? "goal met" : "goal missed";
}

class Runs final : public Command {
 public:
  explicit Runs(CLI::App& app)
      : command_(app.add_subcommand("runs", "which runs have been recorded")) {
    options_.add_to(*command_);
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext&) override {
    RunStore store(options_.file(), Database::Mode::kRead);
    Json list = Json::array();
    Table table({"run", "recorded", "scenario", "seed", "level", "outcome", "simulated", "events",
                 "size", "digest"});
    for (const StoredRun& run : store.runs()) {
      list.push_back(run_json(run));
      table.add({std::to_string(run.id), run.recorded_at, run.scenario, std::to_string(run.seed),
                 std::string(level_name(run.level)), outcome(run),
                 run.finished ? fmt::format("{:.3f} s", seconds(run.end, run.core_clock)) : "-",
                 std::to_string(run.events), size_text(run.event_bytes), run.digest.substr(0, 12)});
    }
    if (!options_.json_only())
      fmt::print("{}", list.empty() ? "no runs have been recorded\n" : table.text());
    options_.write(list);
    return kGoalMet;
  }

 private:
  CLI::App* command_;
  StoreOptions options_;
};

class Show final : public Command {
 public:
  explicit Show(CLI::App& app)
      : command_(app.add_subcommand("show", "what is known of a recorded run")) {
    command_->add_option("run", run_, "its number, or 'last'")->required()->type_name("RUN");
    options_.add_to(*command_);
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext&) override {
    RunStore store(options_.file(), Database::Mode::kRead);
    const StoredRun run = store.run(run_);
    const Json json = run_details(store, run);
    if (!options_.json_only()) fmt::print("{}", text(run, json));
    options_.write(json);
    return kGoalMet;
  }

 private:
  static std::string cell(const Json& value) {
    if (value.is_null()) return "-";
    if (value.is_number_float()) return fmt::format("{:.6f}", value.get<double>());
    return value.is_string() ? value.get<std::string>() : value.dump();
  }

  static std::string table(const Json& rows, const char* title) {
    if (rows.empty()) return {};
    std::vector<std::string> names;
    for (const auto& [name, value] : rows.front().items()) names.push_back(name);
    Table table(names);
    // Sentences and paths.
    if (names.back() == "what" || names.back() == "hash") table.left_from(names.size() - 1);
    for (const Json& row : rows) {
      std::vector<std::string> cells;
      for (const auto& [name, value] : row.items()) cells.push_back(cell(value));
      table.add(cells);
    }
    return fmt::format("\n{}\n{}", title, table.text());
  }

  static std::string text(const StoredRun& run, const Json& json) {
    std::string text = fmt::format("run {}: {}, seed {}, level {}\nrecorded {} by mintsim {}\n",
                                   run.id, run.scenario, run.seed, level_name(run.level),
                                   run.recorded_at, run.program_version);
    if (run.finished) {
      text += fmt::format("{}: {}\nsimulated {:.6f} s, took {:.2f} s, {} instructions\ndigest {}\n",
                          outcome(run), run.reason, seconds(run.end, run.core_clock), run.wall_s,
                          run.instructions, run.digest);
    } else {
      text += "unfinished: the program that recorded it is still running, or has been killed\n";
    }
    text += fmt::format("{} events, {}\n", run.events, size_text(run.event_bytes));
    text += table(json["stages"], "Stages");
    text += table(json["boots"], "Boots");
    text += table(json["lock"], "Lock");
    text += table(json["disks"], "Disks");
    text += table(json["moments"], "Moments");
    text += table(json["event_counts"], "Events");
    text += table(json["images"], "Images");
    return text;
  }

  CLI::App* command_;
  StoreOptions options_;
  std::string run_;
};

class Prune final : public Command {
 public:
  explicit Prune(CLI::App& app) : command_(app.add_subcommand("prune", "remove recorded runs")) {
    command_->add_option("runs", runs_, "these")->type_name("RUN");
    command_->add_option("--keep", keep_, "all but the latest N finished runs of each scenario")
        ->type_name("N");
    command_->add_flag("--unfinished", unfinished_, "those that have not finished");
    options_.add_to(*command_);
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext&) override {
    if (runs_.empty() && !keep_ && !unfinished_) {
      throw StoreError(
          "prune: nothing was said to be removed; remedy: name runs, --keep N, or "
          "--unfinished");
    }
    // Nothing is made where there is nothing.
    const RunStore existing(options_.file(), Database::Mode::kRead);
    RunStore store(options_.file(), Database::Mode::kWrite);
    std::map<std::int64_t, StoredRun> doomed;
    for (const std::string& name : runs_) {
      const StoredRun run = store.run(name);
      doomed.emplace(run.id, run);
    }
    const std::vector<StoredRun> all = store.runs();
    std::map<std::string, unsigned> kept;
    for (auto run = all.rbegin(); run != all.rend(); ++run) {
      const bool too_old = keep_ && run->finished && ++kept[run->scenario] > *keep_;
      if (too_old || (unfinished_ && !run->finished)) doomed.emplace(run->id, *run);
    }
    Json list = Json::array();
    for (const auto& [id, run] : doomed) {
      store.remove(id);
      list.push_back(run_json(run));
    }
    if (!doomed.empty()) store.shrink();
    if (!options_.json_only()) fmt::print("{} runs removed\n", doomed.size());
    options_.write(list);
    return kGoalMet;
  }

 private:
  CLI::App* command_;
  StoreOptions options_;
  std::vector<std::string> runs_;
  std::optional<unsigned> keep_;
  bool unfinished_ = false;
};

}  // namespace

std::unique_ptr<Command> runs_command(CLI::App& app) { return std::make_unique<Runs>(app); }
std::unique_ptr<Command> show_command(CLI::App& app) { return std::make_unique<Show>(app); }
std::unique_ptr<Command> prune_command(CLI::App& app) { return std::make_unique<Prune>(app); }

}  // namespace mint
