#include "traces/run_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace mint {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(bool there, Json value) { return there ? std::move(value) : Json(nullptr); }

Json column_json(const Statement& row, int column) {
  switch (row.type(column)) {
    case SQLITE_INTEGER:
      return row.number(column);
    case SQLITE_FLOAT:
      return row.real(column);
    case SQLITE_NULL:
      return nullptr;
    default:
      return row.text(column);
  }
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

constexpr const char* kEventsTable = "events";

}  // namespace

Json run_json(const StoredRun& run) {
  const bool f = run.finished;
  return {{"id", run.id},
          {"state", f ? "finished" : "unfinished"},
          {"recorded_at", run.recorded_at},
          {"scenario", run.scenario},
          {"seed", run.seed},
          {"level", level_name(run.level)},
          {"goal_met", or_null(f, run.goal_met)},
          {"reason", or_null(f, run.reason)},
          {"digest", or_null(f, run.digest)},
          {"simulated_s", or_null(f, seconds(run.end, run.core_clock))},
          {"wall_s", or_null(f, run.wall_s)},
          {"instructions", or_null(f, run.instructions)},
          {"events", run.events},
          {"event_bytes", run.event_bytes}};
}

Json query_json(Database& db, const std::string& sql, std::int64_t run) {
  Statement rows(db, sql);
  rows.with(run);
  Json list = Json::array();
  while (rows.next()) {
    Json row = Json::object();
    for (int i = 0; i < rows.columns(); ++i) row[rows.name(i)] = column_json(rows, i);
    list.push_back(std::move(row));
  }
  return list;
}

Json run_details(RunStore& store, const StoredRun& run) {
  Json json = run_json(run);
  json["program_version"] = run.program_version;
  json["program_hash"] = run.program_hash;
  json["scenario_file"] = run.scenario_file;
  json["exit_code"] = run.exit_code ? Json(*run.exit_code) : Json(nullptr);
  const auto query = [&](const char* sql) { return query_json(store.db(), sql, run.id); };
  json["os"] = query("SELECT number, name, role, boot_core, cores FROM os WHERE run = ?");
  json["images"] = query("SELECT os, what, name, path, hash FROM image WHERE run = ?");
  json["stages"] = query(
      "SELECT os, stage, begin_s, end_s, duration_s FROM v_stage WHERE run = ? ORDER BY begin_s");
  json["boots"] = query("SELECT os, begin_s, up_s, boot_s FROM v_boot WHERE run = ?");
  json["lock"] = query(
      "SELECT os, count(taken_s) AS taken, sum(held_s) AS held_s, sum(waited_s) AS waited_s "
      "FROM v_lock WHERE run = ? GROUP BY os");
  json["disks"] = query(
      "SELECT disk, commands, mb, cache_hits, seek_s, rotation_s, transfer_s, busy_s FROM v_disk "
      "WHERE run = ?");
  json["moments"] = query(
      "SELECT 1.0 * m.at / r.core_clock_hz AS at_s, m.core, m.os, m.retired, m.kind, m.what "
      "FROM moment m JOIN run r ON r.id = m.run WHERE m.run = ? AND m.kind <> 'mode' ORDER BY "
      "m.at");
  json["event_counts"] = query(
      "SELECT kind, sum(events) AS events FROM event_count WHERE run = ? GROUP BY kind ORDER BY 2 "
      "DESC");
  json["consoles"] = query("SELECT os, count(*) AS lines FROM v_console WHERE run = ? GROUP BY os");
  json["result"] = Json::parse(run.result, nullptr, false);
  if (json["result"].is_discarded()) json["result"] = nullptr;
  return json;
}

Json event_json(const StoredRun& run, const TraceEvent& e) {
  Json json{{"cycle", e.at.count},
            {"at_s", seconds(e.at, run.core_clock)},
            {"core", or_null(e.core != TraceEvent::kNone, e.core)},
            {"os", or_null(e.os < run.os.size(), run.os_name(e.os))},
            {"retired", or_null(e.core != TraceEvent::kNone, e.retired)},
            {"kind", kind_name(e.kind)}};
  Json& arguments = json["arguments"] = Json::object();
  const auto names = describe(e.kind).arguments;
  for (std::size_t i = 0; i < names.size(); ++i) arguments[std::string(names[i])] = e.argument(i);
  json["what"] = e.kind == TraceKind::kBlock ? "" : event_text(e);
  return json;
}

const std::vector<std::string>& exported_tables() {
  static const std::vector<std::string> kTables{
      "os",      "image",  "stage",       "lock",        "disk_command", "ipi",
      "console", "moment", "checkpoint",  "event_count", "v_stage",      "v_boot",
      "v_lock",  "v_disk", "v_interrupt", "v_console",   kEventsTable};
  return kTables;
}

std::string table_query(const std::string& table) {
  for (const std::string& known : exported_tables())
    if (known == table) return fmt::format("SELECT * FROM {} WHERE run = ?", table);
  std::string names;
  for (const std::string& known : exported_tables()) names += (names.empty() ? "" : ", ") + known;
  throw StoreError(fmt::format("there is no table '{}'; remedy: name one of {}", table, names));
}

std::string table_csv(RunStore& store, const StoredRun& run, const std::string& table) {
  std::string text;
  if (table == kEventsTable) {
    text = "cycle,core,os,retired,kind,what\r\n";
    store.events(run.id, [&](const TraceEvent& e) {
      if (e.kind == TraceKind::kBlock) return true;
      text += e.core == TraceEvent::kNone
                  ? fmt::format("{},,{},,{},{}\r\n", e.at.count, csv_field(run.os_name(e.os)),
                                kind_name(e.kind), csv_field(event_text(e)))
                  : fmt::format("{},{},{},{},{},{}\r\n", e.at.count, e.core,
                                csv_field(run.os_name(e.os)), e.retired, kind_name(e.kind),
                                csv_field(event_text(e)));
      return true;
    });
    return text;
  }
  Statement rows(store.db(), table_query(table));
  rows.with(run.id);
  for (int i = 0; i < rows.columns(); ++i) text += (i == 0 ? "" : ",") + csv_field(rows.name(i));
  text += "\r\n";
  while (rows.next()) {
    for (int i = 0; i < rows.columns(); ++i) text += (i == 0 ? "" : ",") + csv_field(rows.text(i));
    text += "\r\n";
  }
  return text;
}

Json table_json(RunStore& store, const StoredRun& run, const std::string& table) {
  if (table != kEventsTable) return query_json(store.db(), table_query(table), run.id);
  Json list = Json::array();
  store.events(run.id, [&](const TraceEvent& e) {
    if (e.kind != TraceKind::kBlock) list.push_back(event_json(run, e));
    return true;
  });
  return list;
}

}  // namespace mint
