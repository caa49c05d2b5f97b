#include "traces/report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report_page.hpp"
#include "traces/event_kinds.hpp"

namespace mint {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// The thesis, chapter 6, and its 4.1 for the share of stage 6.
Json thesis_rows() {
  return Json::array(
      {{{"what", "follower, start to kernel_init"}, {"seconds", 0.309}},
       {{"what", "one follower, start to daemons up"}, {"seconds", 19.7}},
       {{"what", "two followers in parallel, to daemons up in both"}, {"seconds", 21.6}},
       {{"what", "share of stage 6 in a follower's boot, percent"}, {"seconds", 92}}});
}

}  // namespace

Json report_data(RunStore& store, const StoredRun& run, const Timeline& t) {
  Json data;
  data["run"] = {{"id", run.id},
                 {"scenario", run.scenario},
                 {"seed", run.seed},
                 {"level", level_name(run.level)},
                 {"recorded_at", run.recorded_at},
                 {"program", run.program_version},
                 {"finished", run.finished},
                 {"goal_met", run.goal_met},
                 {"reason", run.reason},
                 {"digest", run.digest},
                 {"cores", run.cores},
                 {"events", run.events},
                 {"end", t.end}};
  Json& os = data["os"] = Json::array();
  for (const StoredOs& one : run.os)
    os.push_back({{"name", one.name}, {"role", one.role}, {"core", one.boot_core}});
  Json& names = data["stage_names"] = Json::array();
  for (unsigned i = 0; i < kTraceStages; ++i) names.push_back(trace_stage_name(i));
  Json& stages = data["stages"] = Json::array();
  for (const Timeline::Stage& s : t.stages)
    stages.push_back({s.os, s.stage, s.core, s.begin, or_null(s.end)});
  Json& locks = data["locks"] = Json::array();
  for (const Timeline::Lock& l : t.locks)
    locks.push_back({l.os, l.core, or_null(l.waits), or_null(l.taken), or_null(l.released)});
  Json& interrupts = data["interrupts"] = Json::array();
  for (const Timeline::Interrupt& i : t.interrupts)
    interrupts.push_back({i.core, i.vector, i.begin, or_null(i.end), or_null(i.message)});
  Json& messages = data["messages"] = Json::array();
  for (const Timeline::Message& m : t.messages) {
    Json to = Json::array();
    for (unsigned core = 0; core < 64; ++core)
      if ((m.to >> core & 1) != 0) to.push_back(core);
    messages.push_back({m.sent, m.arrived, m.from, to, std::string(delivery_mode_name(m.mode)),
                        m.vector, m.origin});
  }
  Json& disks = data["disks"] = Json::array();
  for (const Timeline::Disk& d : t.disks) {
    disks.push_back({d.disk, d.received, d.finished, std::string(ata_command_name(d.command)),
                     d.lba, d.sectors, d.parts, d.cache_hit, d.failed});
  }
  Json& lines = data["lines"] = Json::array();
  for (const Timeline::Line& l : t.lines) lines.push_back({l.os, l.at, l.text});
  // Points of a kind are many; kinds go by number.
  Json& kinds = data["kinds"] = Json::array();
  for (unsigned i = 0; i < kTraceKinds; ++i) kinds.push_back(kind_name(static_cast<TraceKind>(i)));
  Json& points = data["points"] = Json::array();
  for (const Timeline::Point& p : t.points)
    points.push_back({p.at, p.core, static_cast<unsigned>(p.kind), p.text});
  data["thesis"] = thesis_rows();
  Json& boots = data["boots"] = Json::array();
  Statement rows(store.db(), "SELECT os, begin_s, up_s, boot_s FROM v_boot WHERE run = ?");
  rows.with(run.id);
  while (rows.next()) boots.push_back({rows.text(0), rows.real(1), rows.real(2), rows.real(3)});
  Json& inits = data["kernel_init"] = Json::array();
  Statement init(store.db(),
                 "SELECT o.name, 1.0 * m.at / r.core_clock_hz FROM moment m "
                 "JOIN run r ON r.id = m.run JOIN os o ON o.run = m.run AND o.number = m.os "
                 "WHERE m.run = ? AND m.kind = 'probe' AND m.what = 'kernel_init' ORDER BY m.at");
  init.with(run.id);
  while (init.next()) inits.push_back({init.text(0), init.real(1)});
  return data;
}

std::string report_page(RunStore& store, const StoredRun& run) {
  std::string data = report_data(store, run, read_timeline(store, run))
                         .dump(-1, ' ', false, Json::error_handler_t::replace);
  // A console line could end the script that the data are in.
  for (std::size_t at = 0; (at = data.find("</", at)) != std::string::npos; at += 3)
    data.replace(at, 2, "<\\/");
  for (std::size_t at = 0; (at = data.find("<!--", at)) != std::string::npos; at += 9)
    data.replace(at, 4, "<\\u0021--");
  std::string page = kReportPage;
  static constexpr std::string_view kTitle = "TITLE_OF_THE_RUN";
  static constexpr std::string_view kData = "\"DATA_OF_THE_RUN\"";
  const std::string title = fmt::format("{}, run {}", run.scenario, run.id);
  page.replace(page.find(kTitle), kTitle.size(), title);
  return page.replace(page.find(kData), kData.size(), data);
}

}  // namespace mint
