#include "traces/export_svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "traces/event_kinds.hpp"

namespace mint {
namespace {

constexpr unsigned kOwnStages = 6;  // of the thesis
constexpr unsigned kOnLeader = 3;   // load, place, IPI
constexpr double kWidth = 860;
constexpr double kLeft = 90;
constexpr double kRight = 30;
constexpr double kThinnest = 1.5;  // what is too short to be seen is drawn so wide
constexpr const char* kColours[kOwnStages] = {"#8a94a3", "#c9952b", "#d1495b",
                                              "#8b4fa8", "#3a7fc1", "#3f9b63"};
constexpr const char* kTitles[kOwnStages] = {"1 load",      "2 place",  "3 IPI",
                                             "4 purgatory", "5 kernel", "6 initrd and daemons"};
constexpr const char* kStyle = R"(
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 11px; fill: #59636e; }
  .axis { stroke: #b9c0c8; stroke-width: 1; }
  .waits { fill: none; stroke: #d1742b; stroke-width: 3; }
  .holds { fill: none; stroke: #7a3e9d; stroke-width: 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .axis { stroke: #4b525a; }
    .holds { stroke: #c297e0; }
  }
)";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

std::string document(const std::string& title, double height, const std::string& body) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" role=\"img\">\n<title>{2}</title>\n<style>{3}</style>\n{4}</svg>\n",
      kWidth, height, escaped(title), kStyle, body);
}

std::string label(double x, double y, const std::string& text, const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, more, escaped(text));
}

std::string box(double x, double y, double width, double height, const char* colour,
                const std::string& title) {
  return fmt::format(
      "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" "
      "fill=\"{}\"><title>{}</title></rect>\n",
      x, y, std::max(width, kThinnest), height, colour, escaped(title));
}

double in_ms(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }

std::vector<Timeline::Stage> follower_stages(const StoredRun& run, const Timeline& timeline) {
  std::vector<Timeline::Stage> stages;
  for (Timeline::Stage s : timeline.stages) {
    if (s.stage >= kOwnStages || s.os >= run.os.size() || run.os[s.os].role != "follower") continue;
    s.end = s.end.value_or(timeline.end);
    stages.push_back(s);
  }
  if (stages.empty()) {
    throw StoreError(fmt::format(
        "run {} has started no follower, of which the figures are; remedy: name another run",
        run.id));
  }
  return stages;
}

std::string legend(double y) {
  std::string out;
  double x = kLeft;
  for (unsigned i = 0; i < kOwnStages; ++i) {
    out += box(x, y - 10, 12, 12, kColours[i], kTitles[i]) + label(x + 17, y, kTitles[i]);
    x += 34 + 7.0 * static_cast<double>(std::string_view(kTitles[i]).size());
  }
  return out;
}

std::string axis(double y, double begin_ms, double span_ms) {
  const double plot = kWidth - kLeft - kRight;
  double step = std::pow(10, std::floor(std::log10(span_ms / 5)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (span_ms / (step * factor) > 8) continue;
    step *= factor;
    break;
  }
  std::string out =
      fmt::format("<line class=\"axis\" x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\"/>\n",
                  kLeft, y, kWidth - kRight);
  const auto steps = static_cast<unsigned>(span_ms / step);
  for (unsigned i = 0; i <= steps; ++i) {
    const double at = i * step;
    const double x = kLeft + plot * at / span_ms;
    out += fmt::format(
        "<line class=\"axis\" x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" "
        "y2=\"{2:.1f}\"/>\n",
        x, y, y + 5);
    out += label(x, y + 19, fmt::format("{:g} ms", at), "class=\"small\" text-anchor=\"middle\"");
  }
  out += label(kLeft, y + 36, fmt::format("from {:.3f} s after power-on", begin_ms / 1000),
               "class=\"small\"");
  return out;
}

}  // namespace

std::string stages_figure(const StoredRun& run, const Timeline& timeline) {
  const auto stages = follower_stages(run, timeline);
  const unsigned os = stages.front().os;
  std::uint64_t begin = timeline.end;
  std::uint64_t end = 0;
  for (const Timeline::Stage& s : stages) {
    if (s.os != os) continue;
    begin = std::min(begin, s.begin);
    end = std::max(end, *s.end);
  }
  const double span = in_ms(end - begin);
  const double plot = kWidth - kLeft - kRight;
  std::string body;
  double y = 20;
  for (const Timeline::Stage& s : stages) {
    if (s.os != os) continue;
    const double length = in_ms(*s.end - s.begin);
    const double x = kLeft + plot * in_ms(s.begin - begin) / span;
    body += label(4, y + 15, kTitles[s.stage], "class=\"small\"");
    body += box(x, y, plot * length / span, 22, kColours[s.stage], kTitles[s.stage]);
    const std::string words = fmt::format("{:.3f} ms, {:.1f} %, on {}", length, 100 * length / span,
                                          s.stage < kOnLeader ? "the leader" : run.os[os].name);
    const bool left = x + plot * length / span > kWidth * 0.6;
    body += left ? label(x - 6, y + 15, words, "text-anchor=\"end\"")
                 : label(x + std::max(plot * length / span, kThinnest) + 6, y + 15, words);
    y += 32;
  }
  body += axis(y + 6, in_ms(begin), span);
  return document(fmt::format("Stages of the boot of {} in {}", run.os[os].name, run.scenario),
                  y + 54, body);
}

std::string boots_figure(const StoredRun& run, const Timeline& timeline) {
  const auto stages = follower_stages(run, timeline);
  std::uint64_t begin = timeline.end;
  std::uint64_t end = 0;
  for (const Timeline::Stage& s : stages) {
    begin = std::min(begin, s.begin);
    end = std::max(end, *s.end);
  }
  const double span = in_ms(end - begin);
  const double plot = kWidth - kLeft - kRight;
  const auto x = [&](std::uint64_t at) {
    return kLeft + plot * in_ms(std::max(at, begin) - begin) / span;
  };
  std::map<unsigned, double> rows;  // by OS
  double y = 44;
  for (const StoredOs& os : run.os) {
    rows[os.number] = y;
    y += 42;
  }
  std::string body = legend(22);
  for (const StoredOs& os : run.os) body += label(8, rows[os.number] + 15, os.name);
  for (const Timeline::Stage& s : stages) {
    const unsigned row = s.stage < kOnLeader ? run.os.front().number : s.os;
    body += box(x(s.begin), rows[row], x(*s.end) - x(s.begin), 20, kColours[s.stage],
                fmt::format("{}: {}, {:.3f} ms", run.os[s.os].name, kTitles[s.stage],
                            in_ms(*s.end - s.begin)));
  }
  const auto line = [&](const char* kind, unsigned os, std::uint64_t from, std::uint64_t to) {
    if (to <= begin || rows.find(os) == rows.end()) return;
    body += fmt::format(
        "<line class=\"{}\" x1=\"{:.2f}\" y1=\"{:.1f}\" x2=\"{:.2f}\" y2=\"{:.1f}\"/>\n", kind,
        x(from), rows[os] + 25, std::max(x(to), x(from) + 1), rows[os] + 25);
  };
  for (const Timeline::Lock& l : timeline.locks) {
    if (l.waits) line("waits", l.os, *l.waits, l.taken.value_or(timeline.end));
    if (l.taken) line("holds", l.os, *l.taken, l.released.value_or(timeline.end));
  }
  body += axis(y, in_ms(begin), span);
  body += label(kLeft + 330, y + 36, "below a row: waits for the lock (orange), holds it (violet)",
                "class=\"small\"");
  return document(fmt::format("Boots of the followers of {}", run.scenario), y + 48, body);
}

}  // namespace mint
