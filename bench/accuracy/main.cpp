// accuracy: how near the emulated core's times are to measured ones.
//
//   accuracy [--instructions FILE] [--memory FILE] [--checks FILE] [--timing LEVEL] [--json FILE]
//
// docs/timing.md explains the figures.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bench/accuracy/bare_metal.hpp"
#include "bench/accuracy/chase.hpp"
#include "bench/accuracy/checks.hpp"
#include "bench/accuracy/form.hpp"
#include "bench/accuracy/measurement.hpp"
#include "bench/accuracy/plot.hpp"

namespace mint::accuracy {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kData[] = MINTSIM_TIMING_DATA;

struct Options {
  std::string instructions = std::string(kData) + "/instructions.tsv";
  std::string memory = std::string(kData) + "/memory-latency.tsv";
  std::string checks = std::string(kData) + "/checks.tsv";
  std::string timing;  // empty: block for instructions, cache for memory
  std::string json;
  std::string plot;
  bool all = false;
  // Below these the exit code is 1.
  double least_covered = 0;
  double least_latency = 0;
  double least_throughput = 0;
  double least_memory = 0;
  double least_checks = 0;
};

// 10 % or 0.3 cycles for instructions, 15 % or 1 cycle for memory.
bool is_within(double modelled, double measured, double share, double cycles) {
  constexpr double kRounding = 1e-6;
  return std::abs(modelled - measured) <= std::max(measured * share, cycles) + kRounding;
}

// Errors of what was compared, for the plot.
std::vector<ErrorSeries> series_of(const Json& json) {
  std::vector<ErrorSeries> series = {{"latency", {}}, {"throughput", {}}, {"memory", {}}};
  const auto add = [](ErrorSeries& to, const Json& figures) {
    if (figures["measured"].is_null() || figures["modelled"].is_null()) return;
    const double measured = figures["measured"];
    if (measured > 0) to.errors.push_back(figures["modelled"].get<double>() / measured - 1);
  };
  for (const Json& row : json.at("instructions")) {
    add(series[0], row["latency"]);
    add(series[1], row["throughput"]);
  }
  if (json.contains("memory"))
    for (const Json& row : json["memory"]) add(series[2], row);
  std::erase_if(series, [](const ErrorSeries& s) { return s.errors.empty(); });
  return series;
}

struct Share {
  unsigned good = 0;
  unsigned all = 0;
  void add(bool is_good) {
    good += is_good;
    ++all;
  }
  double value() const { return all == 0 ? 0 : static_cast<double>(good) / all; }
};

struct Measured {
  std::optional<double> chain;
  std::optional<double> stream;
  std::string problem;
};

std::vector<Measured> run_instructions(const std::vector<InstructionRow>& rows,
                                       TimingLevel timing) {
  std::vector<Measured> out(rows.size());
  std::vector<Loop> loops;
  std::vector<std::size_t> owner;
  const auto body = [](const Sequence& sequence) {
    std::string text;
    for (const std::string& copy : sequence.copies) text += copy;
    return text;
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::optional<Test> test = build_test(rows[i]);
    if (!test) {
      out[i].problem = "the form is not understood";
      continue;
    }
    loops.push_back({test->chain.setup, body(test->chain)});
    loops.push_back({test->stream.setup, body(test->stream)});
    owner.push_back(i);
  }
  const std::vector<LoopResult> results = run_loops(loops, timing, kBufferBytes);
  for (std::size_t k = 0; k < owner.size(); ++k) {
    Measured& m = out[owner[k]];
    const LoopResult& chain = results[2 * k];
    const LoopResult& stream = results[2 * k + 1];
    if (chain.cycles) m.chain = *chain.cycles / kCopies;
    if (stream.cycles) m.stream = *stream.cycles / kCopies;
    m.problem = chain.problem.empty() ? stream.problem : chain.problem;
  }
  return out;
}

Json figure(std::optional<double> value) {
  return value ? Json(std::round(*value * 100) / 100) : Json(nullptr);
}

void report_instructions(const Options& options, TimingLevel timing, Json& json) {
  const std::vector<InstructionRow> rows = read_instructions(options.instructions);
  const std::vector<Measured> modelled = run_instructions(rows, timing);
  Share covered;
  Share latency;
  Share throughput;
  Json list = Json::array();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const InstructionRow& row = rows[i];
    const Measured& m = modelled[i];
    const bool built = m.chain && m.stream;
    covered.add(built);
    Json entry;
    entry["isa"] = row.isa;
    entry["form"] = row.form;
    entry["covered"] = built;
    if (!built) entry["problem"] = m.problem;
    const auto compare = [&](const char* name, std::optional<double> measured,
                             std::optional<double> model, Share& share) {
      const bool good = measured && model && is_within(*model, *measured, 0.10, 0.3);
      if (measured) share.add(good);
      entry[name] = {{"measured", figure(measured)}, {"modelled", figure(model)}};
      if (measured) entry[name]["within"] = good;
      if (measured && model && (!good || options.all))
        fmt::print("{} {:6} {:40} {:10} measured {:7.2f} modelled {:7.2f}\n", good ? " " : "!",
                   row.isa, row.form, name, *measured, *model);
    };
    compare("latency", row.latency, m.chain, latency);
    compare("throughput", row.throughput, m.stream, throughput);
    if (!built) fmt::print("- {:6} {:40} not covered: {}\n", row.isa, row.form, m.problem);
    list.push_back(entry);
  }
  json["covered"] = covered.value();
  json["latency_within"] = latency.value();
  json["throughput_within"] = throughput.value();
  json["instructions"] = list;
  fmt::print(
      "instruction forms: {} of {} covered ({:.1f} %); within 10 % or 0.3 cycles: latency {} of {} "
      "({:.1f} %), throughput {} of {} ({:.1f} %)\n",
      covered.good, covered.all, 100 * covered.value(), latency.good, latency.all,
      100 * latency.value(), throughput.good, throughput.all, 100 * throughput.value());
}

void report_memory(const Options& options, TimingLevel timing, Json& json) {
  const std::vector<MemoryRow> rows = read_memory(options.memory);
  const std::vector<std::optional<double>> modelled = run_chases(rows, timing);
  Share within;
  Json list = Json::array();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool good = modelled[i] && is_within(*modelled[i], rows[i].cycles, 0.15, 1);
    within.add(good);
    list.push_back({{"pattern", rows[i].pattern},
                    {"working_set_bytes", rows[i].working_set},
                    {"stride_bytes", rows[i].stride},
                    {"measured", figure(rows[i].cycles)},
                    {"modelled", figure(modelled[i])},
                    {"within", good}});
    if (options.all)
      fmt::print("{} {:8} {:10} {:8} measured {:7.1f} modelled {:7.1f}\n", good ? " " : "!",
                 rows[i].pattern, rows[i].working_set, rows[i].stride, rows[i].cycles,
                 modelled[i].value_or(-1));
  }
  json["memory_within"] = within.value();
  json["memory"] = list;
  fmt::print("memory: {} of {} cells within 15 % or 1 cycle ({:.1f} %)\n", within.good, within.all,
             100 * within.value());
}

void report_checks(const Options& options, std::optional<TimingLevel> timing, Json& json) {
  const std::vector<CheckResult> results = run_checks(read_checks(options.checks), timing);
  Share within;
  Json list = Json::array();
  fmt::print("  {:28} {:6} {:>10} {:>9}\n", "check", "level", "published", "modelled");
  for (const CheckResult& result : results) {
    const CheckRow& row = result.published;
    within.add(result.within);
    Json entry = {{"name", row.name},
                  {"level", timing_name(result.level)},
                  {"published", {figure(row.low), figure(row.high)}},
                  {"modelled", figure(result.cycles)},
                  {"within", result.within},
                  {"source", row.source}};
    if (!result.problem.empty()) entry["problem"] = result.problem;
    list.push_back(entry);
    const std::string published =
        row.low == row.high ? fmt::format("{}", row.low) : fmt::format("{}-{}", row.low, row.high);
    const std::string modelled =
        result.cycles ? fmt::format("{:.1f}", *result.cycles) : result.problem;
    fmt::print("{} {:28} {:6} {:>10} {:>9}\n", result.within ? " " : "!", row.name,
               timing_name(result.level), published, modelled);
  }
  json["checks_within"] = within.value();
  json["checks"] = list;
  fmt::print("checks: {} of {} within 10 % or 0.3 cycles of what is published ({:.1f} %)\n",
             within.good, within.all, 100 * within.value());
}

int run(const Options& options) {
  const auto level = std::find(kTimingLevels.begin(), kTimingLevels.end(), options.timing);
  if (!options.timing.empty() && level == kTimingLevels.end()) {
    fmt::print(stderr, "accuracy: --timing is '{}'; remedy: give one of {}\n", options.timing,
               fmt::join(kTimingLevels, ", "));
    return 2;
  }
  const auto chosen = static_cast<TimingLevel>(level - kTimingLevels.begin());
  const TimingLevel core = options.timing.empty() ? TimingLevel::kBlock : chosen;
  const TimingLevel memory = options.timing.empty() ? TimingLevel::kCache : chosen;
  Json json;
  json["timing"] = {{"instructions", timing_name(core)}, {"memory", timing_name(memory)}};
  report_instructions(options, core, json);
  // Without a memory table its share is 0.
  json["memory_within"] = 0;
  if (options.memory != "none") report_memory(options, memory, json);
  json["checks_within"] = 0;
  if (options.checks != "none")
    report_checks(options, options.timing.empty() ? std::nullopt : std::optional(chosen), json);
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    file << json.dump(1) << "\n";
    if (!file.flush()) throw std::runtime_error(options.json + " cannot be written");
  }
  if (!options.plot.empty()) plot_errors(series_of(json), options.plot);
  const auto reached = [&](const char* share, double least) {
    if (json[share].get<double>() >= least) return true;
    fmt::print("{} is below {}\n", share, least);
    return false;
  };
  const bool good = reached("covered", options.least_covered) &
                    reached("latency_within", options.least_latency) &
                    reached("throughput_within", options.least_throughput) &
                    reached("memory_within", options.least_memory) &
                    reached("checks_within", options.least_checks);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace mint::accuracy

int main(int argc, char** argv) {
  try {
    mint::accuracy::Options options;
    CLI::App app{"accuracy: the timing model beside measured figures"};
    app.add_option("--instructions", options.instructions, "table of instruction forms");
    app.add_option("--memory", options.memory, "table of memory latencies; none: leave them out");
    app.add_option("--checks", options.checks, "table of single events; none: leave them out");
    app.add_option("--timing", options.timing,
                   "level: count, block or cache; else block for instructions, cache for memory, "
                   "what models it for a check");
    app.add_option("--json", options.json, "write shares and rows as JSON");
    app.add_option("--plot", options.plot, "draw the distributions of the errors, as SVG");
    app.add_flag("--all", options.all, "print every row, not only those that are off");
    app.add_option("--least-covered", options.least_covered, "exit code 1 when the share is less");
    app.add_option("--least-latency", options.least_latency, "the same");
    app.add_option("--least-throughput", options.least_throughput, "the same");
    app.add_option("--least-memory", options.least_memory, "the same");
    app.add_option("--least-checks", options.least_checks, "the same");
    CLI11_PARSE(app, argc, argv);
    return mint::accuracy::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "accuracy: %s\n", error.what());
    return 2;
  }
}
