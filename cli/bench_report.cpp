#include "cli/bench_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/table.hpp"

namespace mint::bench {
namespace {

const char* name_of(CyclesVerdict verdict) {
  switch (verdict) {
    case CyclesVerdict::kSame:
      return "same";
    case CyclesVerdict::kDeclared:
      return "declared";
    case CyclesVerdict::kChanged:
      return "CHANGED";
    case CyclesVerdict::kUnknown:
      break;
  }
  return "-";
}

const char* name_of(TimeVerdict verdict) {
  switch (verdict) {
    case TimeVerdict::kSame:
      return "same";
    case TimeVerdict::kSlower:
      return "slower";
    case TimeVerdict::kFaster:
      return "faster";
    case TimeVerdict::kUnknown:
      break;
  }
  return "unknown";
}

template <typename T>
nlohmann::ordered_json or_null(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

std::string report_text(const Report& report) {
  Table table({"", "simulated cycles", "", "host: base", "new", "change", "p", ""});
  for (const Comparison& row : report.rows) {
    std::vector<std::string> cells{row.name, row.new_cycles ? with_commas(*row.new_cycles) : "-",
                                   name_of(row.cycles)};
    for (const TimeComparison& t : row.times) {
      if (cells.size() > 3) cells = {"", "", ""};
      cells.push_back(fmt::format("{:.4g} s", t.base_s));
      cells.push_back(fmt::format("{:.4g} s", t.new_s));
      cells.push_back(fmt::format("{:+.1f} %", t.change() * 100));
      cells.push_back(t.probability ? fmt::format("{:.2g}", *t.probability) : "-");
      cells.push_back(fmt::format("{}{}", t.what,
                                  t.verdict == TimeVerdict::kSlower   ? ": SLOWER"
                                  : t.verdict == TimeVerdict::kFaster ? ": faster"
                                                                      : ""));
      table.add(cells);
    }
    if (row.times.empty()) table.add(cells);
  }
  std::string text = report.rows.empty() ? "" : table.text();
  for (const Comparison& row : report.rows)
    for (const std::string& note : row.notes) text += fmt::format("{}: {}\n", row.name, note);
  for (const std::string& note : report.notes) text += note + "\n";
  for (const Comparison& row : report.rows)
    for (const std::string& sentence : row.regressions)
      text += fmt::format("REGRESSION {}: {}\n", row.name, sentence);
  if (report.rows.empty())
    text += "Nothing in common that could be compared.\n";
  else if (!report.regressed())
    text += report.comparable() ? "No regression.\n" : "No regression in what could be compared.\n";
  return text;
}

nlohmann::ordered_json report_json(const Report& report) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Comparison& row : report.rows) {
    nlohmann::ordered_json times = nlohmann::ordered_json::array();
    for (const TimeComparison& t : row.times)
      times.push_back({{"what", t.what},
                       {"base_s", t.base_s},
                       {"new_s", t.new_s},
                       {"change", t.change()},
                       {"p", or_null(t.probability)},
                       {"base_runs", t.base_runs},
                       {"new_runs", t.new_runs},
                       {"verdict", name_of(t.verdict)}});
    const bool known = row.cycles != CyclesVerdict::kUnknown;
    rows.push_back({{"name", row.name},
                    {"compared", !row.other_images && !row.base_is_broken},
                    {"regressed", !row.regressions.empty()},
                    {"cycles",
                     {{"base", or_null(row.base_cycles)},
                      {"new", or_null(row.new_cycles)},
                      {"verdict", !known                                  ? "unknown"
                                  : row.cycles == CyclesVerdict::kChanged ? "changed"
                                                                          : name_of(row.cycles)}}},
                    {"times", times},
                    {"regressions", row.regressions},
                    {"notes", row.notes}});
  }
  return {{"regressed", report.regressed()}, {"benchmarks", rows}, {"notes", report.notes}};
}

}  // namespace mint::bench
