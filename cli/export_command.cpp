// export: a recorded run in the formats of other programs.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "traces/run_json.hpp"

namespace mint {
namespace {

using Json = nlohmann::ordered_json;

class Export final : public Command {
 public:
  explicit Export(CLI::App& app)
      : command_(app.add_subcommand("export", "a recorded run in other programs' formats")) {
    command_->add_option("run", run_, "its number, or 'last'")->required()->type_name("RUN");
    command_->add_option("--format", format_, "json, or csv of one table (json)")
        ->check(CLI::IsMember({"json", "csv"}));
    command_->add_option("--table", table_, "only this table or view; 'events': all events")
        ->type_name("NAME");
    command_->add_option("-o,--out", out_, "file, - for standard output (-)")->type_name("FILE");
    options_.add_to(*command_);
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext&) override {
    RunStore store(options_.file(), Database::Mode::kRead);
    const StoredRun run = store.run(run_);
    // --json FILE is --format json -o FILE.
    const bool as_json = format_ == "json" || !options_.json.empty();
    if (as_json) {
      options_.json = options_.json.empty() ? out_ : options_.json;
      options_.write(json(store, run));
    } else {
      write_file(out_, table_csv(store, run, table_.empty() ? "events" : table_));
    }
    return kGoalMet;
  }

 private:
  Json json(RunStore& store, const StoredRun& run) const {
    if (!table_.empty()) return table_json(store, run, table_);
    Json all = run_details(store, run);
    Json& tables = all["tables"] = Json::object();
    for (const std::string& table : exported_tables())
      tables[table] = table_json(store, run, table);
    return all;
  }

  CLI::App* command_;
  StoreOptions options_;
  std::string run_;
  std::string format_ = "json";
  std::string table_;
  std::string out_ = "-";
};

}  // namespace

std::unique_ptr<Command> export_command(CLI::App& app) { return std::make_unique<Export>(app); }

}  // namespace mint
