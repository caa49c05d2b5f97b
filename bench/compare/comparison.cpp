#include "bench/compare/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/compare/significance.hpp"

namespace mint::bench {
namespace {

std::string percent(double share) { return fmt::format("{:+.1f} %", share * 100); }

void judge_cycles(const Result& base, const Result& current, const CompareOptions& options,
                  Comparison& row) {
  row.base_cycles = base.cycles;
  row.new_cycles = current.cycles;
  bool same = false;
  if (base.cycles && current.cycles)
    same = *base.cycles == *current.cycles;
  else if (base.simulated_s && current.simulated_s)
    same = *base.simulated_s == *current.simulated_s;
  else
    return;
  const Result* declared = options.declared == nullptr ? nullptr : options.declared->find(row.name);
  // Other images: another kernel, which another version of a package has made.
  const bool of_others = declared != nullptr && !declared->images.empty() &&
                         !current.images.empty() && declared->images != current.images;
  const bool told = declared != nullptr && !of_others && declared->cycles && current.cycles;
  const bool as_told = told && *declared->cycles == *current.cycles;
  row.cycles = same        ? CyclesVerdict::kSame
               : as_told   ? CyclesVerdict::kDeclared
               : of_others ? CyclesVerdict::kUnknown
                           : CyclesVerdict::kChanged;
  if (told && !as_told)
    row.regressions.push_back(fmt::format("{} declares {} simulated cycles, it takes {}",
                                          options.declared->source, *declared->cycles,
                                          *current.cycles));
  if (same) {
    if (!base.digest.empty() && !current.digest.empty() && base.digest != current.digest)
      row.notes.emplace_back("as many simulated cycles, but another digest");
    return;
  }
  std::string sentence;
  if (base.cycles && current.cycles) {
    const auto by = static_cast<std::int64_t>(*current.cycles - *base.cycles);
    sentence = fmt::format("simulated cycles {} -> {} ({:+}, {:+.3g} %)", *base.cycles,
                           *current.cycles, by,
                           static_cast<double>(by) /
                               static_cast<double>(std::max<std::uint64_t>(*base.cycles, 1)) * 100);
  } else {
    sentence = fmt::format("simulated time {} s -> {} s", *base.simulated_s, *current.simulated_s);
  }
  if (base.instructions && current.instructions && *base.instructions != *current.instructions)
    sentence += fmt::format(", instructions {} -> {}", *base.instructions, *current.instructions);
  if (as_told)
    row.notes.push_back(sentence + ", as declared");
  else if (of_others)
    row.notes.push_back(fmt::format("{}: meant or not, {} does not tell, which is of other images",
                                    sentence, options.declared->source));
  else
    row.regressions.push_back(sentence);
}

void judge_time(const char* what, const std::vector<double>& base,
                const std::vector<double>& current, const CompareOptions& options,
                Comparison& row) {
  if (base.empty() || current.empty()) return;
  TimeComparison t;
  t.what = what;
  t.base_s = median(base);
  t.new_s = median(current);
  t.base_runs = base.size();
  t.new_runs = current.size();
  if (t.base_s <= 0) return;
  const bool slower = t.new_s > t.base_s;
  if (least_probability(base.size(), current.size()) <= options.significance)
    t.probability =
        slower ? probability_of_larger(base, current) : probability_of_larger(current, base);
  const bool sure = !t.probability || *t.probability <= options.significance;
  t.verdict = TimeVerdict::kSame;
  if (sure && t.new_s >= t.base_s * (1 + options.threshold)) t.verdict = TimeVerdict::kSlower;
  if (sure && t.base_s >= t.new_s * (1 + options.threshold)) t.verdict = TimeVerdict::kFaster;
  if (t.verdict != TimeVerdict::kSame) {
    const std::string sentence = fmt::format(
        "{} {:.4g} s -> {:.4g} s ({}), {}", what, t.base_s, t.new_s, percent(t.change()),
        t.probability
            ? fmt::format("p = {:.2g} in {} and {} runs", *t.probability, t.base_runs, t.new_runs)
            : fmt::format("{} and {} runs, too few for a test", t.base_runs, t.new_runs));
    (t.verdict == TimeVerdict::kSlower ? row.regressions : row.notes).push_back(sentence);
  }
  row.times.push_back(t);
}

Comparison compare_one(const Result& base, const Result& current, const CompareOptions& options) {
  Comparison row;
  row.name = base.name;
  if (!base.failure.empty()) {
    row.base_is_broken = true;
    row.notes.push_back("the base fails: " + base.failure);
    return row;
  }
  if (!current.failure.empty()) {
    row.regressions.push_back("it fails: " + current.failure);
    return row;
  }
  if (!base.images.empty() && !current.images.empty() && base.images != current.images) {
    row.other_images = true;
    row.notes.emplace_back("not compared: the guest's images are others");
    return row;
  }
  if (base.timing != current.timing && !base.timing.empty() && !current.timing.empty())
    row.notes.push_back(
        fmt::format("the level of timing was {}, is {}", base.timing, current.timing));
  judge_cycles(base, current, options, row);
  if (options.cycles_only) return row;
  judge_time("processor time", base.cpu_s, current.cpu_s, options, row);
  judge_time("wall time", base.wall_s, current.wall_s, options, row);
  return row;
}

}  // namespace

bool Comparison::slower() const {
  return std::any_of(times.begin(), times.end(),
                     [](const TimeComparison& t) { return t.verdict == TimeVerdict::kSlower; });
}

bool Report::regressed() const {
  return std::any_of(rows.begin(), rows.end(),
                     [](const Comparison& row) { return !row.regressions.empty(); });
}

bool Report::comparable() const {
  return !rows.empty() && std::none_of(rows.begin(), rows.end(), [](const Comparison& row) {
    return row.other_images || row.base_is_broken;
  });
}

Report compare(const ResultSet& base, const ResultSet& current, const CompareOptions& options) {
  Report report;
  for (const Result& result : base.results) {
    if (const Result* other = current.find(result.name))
      report.rows.push_back(compare_one(result, *other, options));
    else
      report.notes.push_back(fmt::format("{}: only in {}", result.name, base.source));
  }
  for (const Result& result : current.results)
    if (base.find(result.name) == nullptr)
      report.notes.push_back(fmt::format("{}: only in {}", result.name, current.source));
  return report;
}

}  // namespace mint::bench
