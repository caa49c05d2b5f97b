#include "traces/run_store.hpp"

#include <fmt/format.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <vector>

#include "traces/schema.hpp"

namespace mint {
namespace {

constexpr const char* kRunColumns =
    "SELECT id, state, recorded_at, scenario, scenario_file, scenario_text, profile_file, "
    "profile_text, seed, level, program_version, program_hash, core_clock_hz, cores, goal_met, "
    "reason, digest, end, wall_s, instructions, exit_code, result, timing, "
    "(SELECT coalesce(sum(events), 0) FROM chunk WHERE chunk.run = run.id), "
    "(SELECT coalesce(sum(length(data)), 0) FROM chunk WHERE chunk.run = run.id) FROM run ";

std::string decompress(std::string_view data, std::uint64_t bytes) {
  std::string out(bytes, '\0');
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), data.data(), data.size());
  if (ZSTD_isError(got) != 0 || got != bytes) return {};
  return out;
}

}  // namespace

const StoredOs* StoredRun::find_os(const std::string& name) const {
  for (const StoredOs& one : os)
    if (one.name == name) return &one;
  return nullptr;
}

std::string StoredRun::os_name(std::uint8_t number) const {
  return number < os.size() ? os[number].name : "";
}

std::string StoredRun::time(Cycles at) const {
  return fmt::format("{:.6f} s", seconds(at, core_clock));
}

RunStore::RunStore(const std::filesystem::path& file, Database::Mode mode) : db_(file, mode) {
  if (mode == Database::Mode::kWrite)
    migrate(db_);
  else if (is_older(db_))
    bring_up_to_date(db_);
}

StoredRun RunStore::read(Statement& row) {
  StoredRun run;
  run.id = row.number(0);
  run.finished = row.text(1) == "finished";
  run.recorded_at = row.text(2);
  run.scenario = row.text(3);
  run.scenario_file = row.text(4);
  run.scenario_text = row.text(5);
  run.profile_file = row.text(6);
  run.profile_text = row.text(7);
  run.seed = static_cast<std::uint64_t>(row.number(8));
  run.level = level_named(row.text(9)).value_or(TraceLevel::kEvents);
  run.program_version = row.text(10);
  run.program_hash = row.text(11);
  run.core_clock = {static_cast<std::uint64_t>(row.number(12))};
  run.cores = static_cast<unsigned>(row.number(13));
  run.goal_met = row.number(14) != 0;
  run.reason = row.text(15);
  run.digest = row.text(16);
  run.end = {static_cast<std::uint64_t>(row.number(17))};
  run.wall_s = row.real(18);
  run.instructions = static_cast<std::uint64_t>(row.number(19));
  if (!row.null(20)) run.exit_code = static_cast<int>(row.number(20));
  run.result = row.text(21);
  run.timing = row.text(22);
  run.events = static_cast<std::uint64_t>(row.number(23));
  run.event_bytes = static_cast<std::uint64_t>(row.number(24));
  return run;
}

std::vector<StoredRun> RunStore::runs() {
  std::vector<StoredRun> runs;
  Statement rows(db_, std::string(kRunColumns) + "ORDER BY id");
  while (rows.next()) runs.push_back(read(rows));
  return runs;
}

StoredRun RunStore::run(const std::string& name) {
  const bool last = name == "last";
  if (!last && (name.empty() || name.size() > 18 ||
                name.find_first_not_of("0123456789") != std::string::npos)) {
    throw StoreError(fmt::format(
        "'{}' is no run; remedy: name one by its number (`mintsim runs`), or the latest by 'last'",
        name));
  }
  Statement row(db_,
                std::string(kRunColumns) +
                    (last ? "WHERE state = 'finished' ORDER BY id DESC LIMIT 1" : "WHERE id = ?"));
  if (!last) row.with(static_cast<std::int64_t>(std::stoll(name)));
  if (!row.next()) {
    throw StoreError(
        fmt::format("there is no {} in {}; remedy: `mintsim runs` shows which there are",
                    last ? "finished run" : "run " + name, db_.file().string()));
  }
  StoredRun run = read(row);
  Statement os(db_, "SELECT number, name, role, boot_core, cores FROM os WHERE run = ? ORDER BY 1");
  os.with(run.id);
  while (os.next()) {
    run.os.push_back({static_cast<unsigned>(os.number(0)), os.text(1), os.text(2),
                      static_cast<unsigned>(os.number(3)), os.text(4)});
  }
  Statement images(db_, "SELECT os, what, name, path, hash FROM image WHERE run = ?");
  images.with(run.id);
  while (images.next()) {
    run.images.push_back(
        {images.text(0), images.text(1), images.text(2), images.text(3), images.text(4)});
  }
  return run;
}

std::vector<StoredStage> RunStore::stages(std::int64_t run) {
  std::vector<StoredStage> stages;
  Statement rows(
      db_, "SELECT os, stage, begun, ended, retired FROM stage WHERE run = ? ORDER BY os, begun");
  rows.with(run);
  while (rows.next()) {
    StoredStage stage;
    stage.os = static_cast<unsigned>(rows.number(0));
    stage.stage = rows.text(1);
    stage.begun = {static_cast<std::uint64_t>(rows.number(2))};
    if (!rows.null(3)) stage.ended = Cycles{static_cast<std::uint64_t>(rows.number(3))};
    stage.retired = static_cast<std::uint64_t>(rows.number(4));
    stages.push_back(std::move(stage));
  }
  return stages;
}

void RunStore::events(std::int64_t run, const std::function<bool(const TraceEvent&)>& each,
                      Cycles from) {
  Statement rows(
      db_, "SELECT bytes, data, number FROM chunk WHERE run = ? AND last >= ? ORDER BY number");
  rows.with(run, from.count);
  while (rows.next()) {
    const auto bytes = static_cast<std::uint64_t>(rows.number(0));
    const std::string chunk = decompress(rows.blob(1), bytes);
    EventDecoder decoder(chunk);
    while (const TraceEvent* event = decoder.next())
      if (!each(*event)) return;
    if (decoder.damaged() || chunk.size() != bytes) {
      throw StoreError(fmt::format("{}: chunk {} of run {} is damaged; remedy: record the run anew",
                                   db_.file().string(), rows.number(2), run));
    }
  }
}

std::vector<OwnedEvent> RunStore::events_of(std::int64_t run, TraceKind kind) {
  std::vector<OwnedEvent> found;
  events(run, [&](const TraceEvent& event) {
    if (event.kind == kind) found.emplace_back(event);
    return true;
  });
  return found;
}

void RunStore::remove(std::int64_t run) {
  Transaction transaction(db_);
  Statement(db_, "DELETE FROM run WHERE id = ?").run(run);
  transaction.commit();
}

void RunStore::shrink() { db_.run("VACUUM"); }

std::filesystem::path default_store() {
  const char* data = std::getenv("XDG_DATA_HOME");
  // A relative path is to be ignored (XDG Base Directory Specification).
  if (data != nullptr && data[0] == '/') return std::filesystem::path(data) / "mintsim" / "runs.db";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] == 0) {
    throw StoreError(
        "there is no place for the run store: HOME is not set; remedy: name one with --store");
  }
  return std::filesystem::path(home) / ".local" / "share" / "mintsim" / "runs.db";
}

std::string hash_of_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return {};
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       XXH3_freeState);
  XXH3_128bits_reset(state.get());
  std::vector<char> buffer(1 << 20);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    XXH3_128bits_update(state.get(), buffer.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return {};
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace mint
