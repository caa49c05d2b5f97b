#include "cli/command.hpp"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "traces/run_store.hpp"

namespace mint {

void StoreOptions::add_to(CLI::App& command) {
  command.add_option("--store", store, "the run store (in the user's data folder)")
      ->type_name("FILE");
  command.add_option("--json", json, "write what is shown as JSON; - is standard output")
      ->type_name("FILE");
}

std::filesystem::path StoreOptions::file() const {
  return store.empty() ? default_store() : std::filesystem::path(store);
}

void StoreOptions::write(const nlohmann::ordered_json& value) const {
  if (json.empty()) return;
  // Console bytes need not be UTF-8: what is not becomes U+FFFD.
  write_file(json,
             value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void write_file(const std::string& file, std::string_view content) {
  if (file == "-") {
    std::fwrite(content.data(), 1, content.size(), stdout);
    std::fflush(stdout);
    return;
  }
  std::ofstream out(file, std::ios::binary);
  out << content;
  if (!out.flush()) throw StoreError(file + " cannot be written; remedy: name another file");
}

std::vector<std::unique_ptr<Command>> trace_commands(CLI::App& app) {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(runs_command(app));
  commands.push_back(show_command(app));
  commands.push_back(export_command(app));
  commands.push_back(prune_command(app));
  commands.push_back(diff_command(app));
  commands.push_back(replay_command(app));
  commands.push_back(baseline_command(app));
  commands.push_back(report_command(app));
  commands.push_back(bench_command(app));
  return commands;
}

}  // namespace mint
