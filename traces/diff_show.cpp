// A diff as text and as JSON.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "traces/diff.hpp"

namespace mint {
namespace {

using Json = nlohmann::ordered_json;

std::string run_line(const char* name, const StoredRun& run) {
  return fmt::format("{}: run {}, {}, seed {}: {}\n", name, run.id, run.scenario, run.seed,
                     !run.finished
                         ? "unfinished"
                         : fmt::format("{}{}", run.goal_met ? "" : "goal missed, ", run.reason));
}

std::string divergence_text(const Diff& diff, const Divergence& d) {
  std::string text = fmt::format("core {}", d.core_a);
  if (d.core_b != d.core_a) text += fmt::format(" (B: core {})", d.core_b);
  if (!d.os.empty()) text += fmt::format(", {}", d.os);
  if (!d.exact) {
    text += fmt::format(", between {} and {} instructions after its start; A is at {} there\n",
                        d.retired, d.until, diff.a.time(d.at_a));
    if (d.does_a.empty() && d.does_b.empty()) return text;
    const auto or_none = [](const std::string& event) { return event.empty() ? "-" : event; };
    return text + fmt::format("  its first stored events that differ\n  A {}\n  B {}\n",
                              or_none(d.does_a), or_none(d.does_b));
  }
  text += fmt::format(", after {} instructions; cycle {} / {} ({} / {})\n", d.retired, d.at_a.count,
                      d.at_b.count, diff.a.time(d.at_a), diff.b.time(d.at_b));
  text += fmt::format("  in {}\n  A {}\n  B {}\n",
                      d.place_a.empty() ? "its first block" : d.place_a, d.does_a, d.does_b);
  return text;
}

std::string words_text(const char* title, const std::vector<WordDifference>& words) {
  if (words.empty()) return {};
  std::string text = title;
  for (const WordDifference& w : words)
    text += fmt::format("  {:<18} {:x} / {:x}\n", w.name, w.a, w.b);
  return text;
}

std::string lines_text(const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  std::string text = title;
  for (const std::string& line : lines) text += fmt::format("  {}\n", line);
  return text;
}

std::string first_text(const Diff& diff, const Divergence& d) {
  std::string text = "\nFirst divergence: " + divergence_text(diff, d);
  if (!d.cause.empty()) text += fmt::format("  cause: {}; {}\n", d.cause, d.cause_text);
  if (!d.data.empty()) text += fmt::format("  {}\n", d.data);
  text += lines_text("\nCode (A), values in memory A / B\n", d.code);
  text += words_text("\nRegisters there, A / B\n", d.registers);
  if (d.memory_words != 0) {
    text += words_text(
        fmt::format(
            "\nIts memory there: {} words of 64 bits differ, the first by physical address\n",
            d.memory_words)
            .c_str(),
        d.memory);
  }
  text += lines_text("\nWhat followed in A\n", d.followed_a);
  text += lines_text("\nWhat followed in B\n", d.followed_b);
  return text;
}

std::string seconds_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.6f}", *value) : "-";
}

std::string times_text(const Diff& diff) {
  std::string text;
  if (diff.time) {
    text += fmt::format("\nFirst difference in time, {} / {}: {}\n", diff.a.time(diff.time->at_a),
                        diff.b.time(diff.time->at_b), diff.time->what);
  }
  std::string rows;
  for (const StageDifference& s : diff.stages) {
    const double delta = s.a && s.b ? *s.b - *s.a : 0;
    if (s.a && s.b && std::abs(delta) < 5e-10) continue;
    rows += fmt::format("  {:<10} {:<12} {:>12} {:>12} {:>12}\n", s.os, s.stage, seconds_text(s.a),
                        seconds_text(s.b), s.a && s.b ? fmt::format("{:+.6f}", delta) : "-");
  }
  if (!rows.empty()) {
    text +=
        fmt::format("\nStages of other lengths, seconds\n  {:<10} {:<12} {:>12} {:>12} {:>12}\n",
                    "OS", "stage", "A", "B", "B - A") +
        rows;
  }
  return text;
}

Json words_json(const std::vector<WordDifference>& words) {
  Json list = Json::array();
  for (const WordDifference& w : words) list.push_back({{"name", w.name}, {"a", w.a}, {"b", w.b}});
  return list;
}

Json divergence_json(const Divergence& d) {
  return {{"core", d.core_a},
          {"core_b", d.core_b},
          {"os", d.os},
          {"exact", d.exact},
          {"retired", d.retired},
          {"until", d.until},
          {"cycle_a", d.at_a.count},
          {"cycle_b", d.at_b.count},
          {"place_a", d.place_a},
          {"place_b", d.place_b},
          {"does_a", d.does_a},
          {"does_b", d.does_b},
          {"cause", d.cause},
          {"cause_text", d.cause_text},
          {"data", d.data},
          {"code", d.code},
          {"registers", words_json(d.registers)},
          {"operands", words_json(d.operands)},
          {"memory_words", d.memory_words},
          {"memory", words_json(d.memory)},
          {"followed_a", d.followed_a},
          {"followed_b", d.followed_b}};
}

}  // namespace

std::string diff_text(const Diff& diff) {
  std::string text = run_line("A", diff.a) + run_line("B", diff.b);
  text +=
      fmt::format("{}{}{}\n", outcome_name(diff.outcome), diff.why.empty() ? "" : ": ", diff.why);
  if (!diff.inputs.empty()) text += "\nMade of different things, A / B\n";
  for (const InputDifference& i : diff.inputs) {
    text += fmt::format("  {}: {} / {}{}{}\n", i.what, i.a, i.b, i.detail.empty() ? "" : "; ",
                        i.detail);
  }
  if (diff.first) text += first_text(diff, *diff.first);
  if (diff.disk_data) {
    text += fmt::format("\nFirst data of a disk that differ, {}: {}\n",
                        diff.a.time(diff.disk_data->at_a), diff.disk_data->what);
  }
  if (!diff.others.empty()) text += "\nThen the other cores\n";
  for (const Divergence& d : diff.others) {
    text += "  " + divergence_text(diff, d);
    if (!d.cause.empty()) text += fmt::format("  cause: {}; {}\n", d.cause, d.cause_text);
  }
  return text + times_text(diff);
}

Json diff_json(const Diff& diff) {
  Json json{{"a", diff.a.id},
            {"b", diff.b.id},
            {"outcome", outcome_name(diff.outcome)},
            {"why", diff.why},
            {"rerun_s", diff.rerun_s}};
  Json& inputs = json["inputs"] = Json::array();
  for (const InputDifference& i : diff.inputs)
    inputs.push_back({{"what", i.what}, {"a", i.a}, {"b", i.b}, {"detail", i.detail}});
  json["first"] = diff.first ? divergence_json(*diff.first) : Json(nullptr);
  Json& others = json["others"] = Json::array();
  for (const Divergence& d : diff.others) others.push_back(divergence_json(d));
  json["disk_data"] =
      diff.disk_data ? Json{{"cycle_a", diff.disk_data->at_a.count}, {"what", diff.disk_data->what}}
                     : Json(nullptr);
  json["time"] = diff.time ? Json{{"cycle_a", diff.time->at_a.count},
                                  {"cycle_b", diff.time->at_b.count},
                                  {"what", diff.time->what}}
                           : Json(nullptr);
  Json& stages = json["stages"] = Json::array();
  for (const StageDifference& s : diff.stages) {
    stages.push_back({{"os", s.os},
                      {"stage", s.stage},
                      {"a_s", s.a ? Json(*s.a) : Json(nullptr)},
                      {"b_s", s.b ? Json(*s.b) : Json(nullptr)}});
  }
  return json;
}

}  // namespace mint
