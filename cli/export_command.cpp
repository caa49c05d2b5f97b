// export: a recorded run in the formats of other programs.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "traces/export_folded.hpp"
#include "traces/export_perfetto.hpp"
#include "traces/export_svg.hpp"
#include "traces/run_json.hpp"
#include "traces/timeline.hpp"

namespace mint {
namespace {

using Json = nlohmann::ordered_json;

class Export final : public Command {
 public:
  explicit Export(CLI::App& app)
      : command_(app.add_subcommand("export", "a recorded run in other programs' formats")) {
    command_->add_option("run", run_, "its number, or 'last'")->required()->type_name("RUN");
    command_
        ->add_option("--format", format_,
                     "json; csv; perfetto (protobuf for ui.perfetto.dev); folded (stacks for flame "
                     "graphs); svg")
        ->check(CLI::IsMember({"json", "csv", "perfetto", "folded", "svg"}));
    command_
        ->add_option("--table", table_, "json, csv: only this table or view; 'events': all events")
        ->type_name("NAME");
    command_->add_option("--figure", figure_, "svg: 4.1 or 4.4, of the thesis (4.4)")
        ->check(CLI::IsMember({"4.1", "4.4"}));
    command_
        ->add_option("-o,--out", out_,
                     "file, - for standard output (-); csv of all tables: a folder")
        ->type_name("FILE");
    options_.add_to(*command_);
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext&) override {
    RunStore store(options_.file(), Database::Mode::kRead);
    const StoredRun run = store.run(run_);
    if (format_ == "json" || !options_.json.empty()) {
      // --json FILE is --format json -o FILE.
      if (options_.json.empty()) options_.json = out_;
      options_.write(json(store, run));
    } else if (format_ == "csv") {
      csv(store, run);
    } else if (format_ == "folded") {
      folded(store, run);
    } else {
      const Timeline timeline = read_timeline(store, run);
      write_file(out_, format_ == "perfetto" ? perfetto_trace(run, timeline)
                       : figure_ == "4.1"    ? stages_figure(run, timeline)
                                             : boots_figure(run, timeline));
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

  void csv(RunStore& store, const StoredRun& run) const {
    if (!table_.empty()) return write_file(out_, table_csv(store, run, table_));
    if (out_ == "-") {
      throw StoreError(
          "export --format csv: all tables do not go to standard output; remedy: name a folder "
          "with -o, or one of them with --table");
    }
    std::error_code error;
    std::filesystem::create_directories(out_, error);
    for (const std::string& table : exported_tables())
      write_file((std::filesystem::path(out_) / (table + ".csv")).string(),
                 table_csv(store, run, table));
  }

  void folded(RunStore& store, const StoredRun& run) const {
    bool exact = false;
    write_file(out_, folded_stacks(store, run, exact));
    if (exact) return;
    fmt::print(stderr,
               "mintsim: of 10 ms samples only; `mintsim replay {} --level blocks` records every "
               "block\n",
               run.id);
  }

  CLI::App* command_;
  StoreOptions options_;
  std::string run_;
  std::string format_ = "json";
  std::string table_;
  std::string figure_ = "4.4";
  std::string out_ = "-";
};

}  // namespace

std::unique_ptr<Command> export_command(CLI::App& app) { return std::make_unique<Export>(app); }

}  // namespace mint
