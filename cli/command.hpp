// A sub-command of mintsim with a file of its own.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/cli.hpp"
#include "emu/scenario/guest_images.hpp"
#include "traces/database.hpp"

namespace mint {

struct CommandContext {
  const RunFunction& run;
  const Installation& installation;
};

class Command {
 public:
  virtual ~Command() = default;
  virtual bool parsed() const = 0;
  // Returns the exit code. Throws StoreError and BadRequest for bad input.
  virtual int execute(const CommandContext& context) = 0;
};

// --store and --json, which all commands about recorded runs have.
struct StoreOptions {
  std::string store;
  std::string json;

  void add_to(CLI::App& command);
  std::filesystem::path file() const;
  // Whether the JSON goes to standard output, which is then its alone.
  bool json_only() const { return json == "-"; }
  // Writes `value` where --json says; nothing when it was not given. Throws StoreError.
  void write(const nlohmann::ordered_json& value) const;
};

// "-" is standard output. Throws StoreError when it cannot be written.
void write_file(const std::string& file, std::string_view content);

// runs, show, export, prune, diff, replay, baseline, report, bench.
std::vector<std::unique_ptr<Command>> trace_commands(CLI::App& app);

std::unique_ptr<Command> runs_command(CLI::App& app);
std::unique_ptr<Command> show_command(CLI::App& app);
std::unique_ptr<Command> export_command(CLI::App& app);
std::unique_ptr<Command> prune_command(CLI::App& app);
std::unique_ptr<Command> diff_command(CLI::App& app);
std::unique_ptr<Command> replay_command(CLI::App& app);
std::unique_ptr<Command> baseline_command(CLI::App& app);
std::unique_ptr<Command> report_command(CLI::App& app);
std::unique_ptr<Command> bench_command(CLI::App& app);

}  // namespace mint
