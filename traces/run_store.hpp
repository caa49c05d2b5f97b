// The run store: what is known of recorded runs, and their events. docs/traces.md has the schema.
//
//   RunStore store(path, Database::Mode::kRead);
//   for (const StoredRun& run : store.runs()) ...
//   store.events(run.id, [](const TraceEvent& event) { ...; return true; });
//
// All functions throw StoreError.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "emu/scenario/run_result.hpp"
#include "traces/database.hpp"
#include "traces/event_codec.hpp"

namespace mint {

// A file of which the guest was made.
struct StoredImage {
  std::string os;    // empty: of no OS
  std::string what;  // "kernel", "initrd", "disk", "system.map", "boot tool", "firmware", ...
  std::string name;
  std::string path;
  std::string hash;
};

struct StoredOs {
  unsigned number = 0;
  std::string name;
  std::string role;
  unsigned boot_core = 0;
  std::string cores;
};

struct StoredRun {
  std::int64_t id = 0;
  bool finished = false;
  std::string recorded_at;
  std::string scenario;
  std::string scenario_file;
  std::string scenario_text;
  std::string profile_file;
  std::string profile_text;
  std::string timing;  // level of the timing model
  std::uint64_t seed = 1;
  TraceLevel level = TraceLevel::kEvents;
  std::string program_version;
  std::string program_hash;
  Hertz core_clock;
  unsigned cores = 1;
  // Of a finished run.
  bool goal_met = false;
  std::string reason;
  std::string digest;
  Cycles end;
  double wall_s = 0;
  std::uint64_t instructions = 0;
  std::optional<int> exit_code;
  std::string result;  // JSON
  // Of the events.
  std::uint64_t events = 0;
  std::uint64_t event_bytes = 0;
  std::vector<StoredOs> os;
  std::vector<StoredImage> images;

  const StoredOs* find_os(const std::string& name) const;
  std::string os_name(std::uint8_t number) const;  // "" for none
  std::string time(Cycles at) const;               // "12.345678 s"
};

struct StoredStage {
  unsigned os = 0;
  std::string stage;
  Cycles begun;
  std::optional<Cycles> ended;
  std::uint64_t retired = 0;
};

class RunStore {
 public:
  RunStore(const std::filesystem::path& file, Database::Mode mode);

  Database& db() { return db_; }

  std::vector<StoredRun> runs();  // by id; without images, operating systems and texts
  // `name`: a number, or "last" for the latest finished run.
  StoredRun run(const std::string& name);
  std::vector<StoredStage> stages(std::int64_t run);
  // In the order of recording, from the chunk on that has `from`; ends when `each` returns false.
  // Throws StoreError where the events are damaged.
  void events(std::int64_t run, const std::function<bool(const TraceEvent&)>& each,
              Cycles from = {});
  // Only those of `kind`.
  std::vector<OwnedEvent> events_of(std::int64_t run, TraceKind kind);

  void remove(std::int64_t run);
  // Gives the room of removed runs back to the file system.
  void shrink();

 private:
  StoredRun read(Statement& row);
  Database db_;
};

// $XDG_DATA_HOME/mintsim/runs.db, else ~/.local/share/mintsim/runs.db. Throws StoreError when there
// is no home.
std::filesystem::path default_store();

// XXH3, 128 bits, of a file's content as 32 hexadecimal digits; empty when it cannot be read.
std::string hash_of_file(const std::filesystem::path& file);

}  // namespace mint
