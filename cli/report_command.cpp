// report: a recorded run as a page to look at.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "traces/report.hpp"

namespace mint {
namespace {

class Report final : public Command {
 public:
  explicit Report(CLI::App& app)
      : command_(app.add_subcommand("report", "a recorded run as a page to look at")) {
    command_->add_option("run", run_, "its number, or 'last'")->required()->type_name("RUN");
    command_->add_option("-o,--out", out_, "file, - for standard output (report.html)")
        ->type_name("FILE");
    options_.add_to(*command_);
  }
  bool parsed() const override { return command_->parsed(); }

  int execute(const CommandContext&) override {
    RunStore store(options_.file(), Database::Mode::kRead);
    const StoredRun run = store.run(run_);
    if (!options_.json.empty()) options_.write(report_data(store, run, read_timeline(store, run)));
    if (!options_.json.empty() && command_->count("--out") == 0) return kGoalMet;
    write_file(out_, report_page(store, run));
    if (out_ != "-" && !options_.json_only()) fmt::print("{}\n", out_);
    return kGoalMet;
  }

 private:
  CLI::App* command_;
  StoreOptions options_;
  std::string run_;
  std::string out_ = "report.html";
};

}  // namespace

std::unique_ptr<Command> report_command(CLI::App& app) { return std::make_unique<Report>(app); }

}  // namespace mint
