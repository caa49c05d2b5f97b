#include "traces/diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "traces/diff_point.hpp"
#include "traces/diff_streams.hpp"

namespace mint {
namespace {

// The cores that can be compared: all of two runs of one scenario; of two scenarios, the boot cores
// of followers of the same name.
std::vector<CorePair> pairs_of(const StoredRun& a, const StoredRun& b, const DiffOptions& options) {
  std::vector<CorePair> pairs;
  const auto number = [](unsigned core) { return static_cast<std::uint8_t>(core); };
  if (a.scenario == b.scenario && a.os.size() == b.os.size() && options.os.empty()) {
    for (unsigned i = 0; i < std::min(a.cores, b.cores); ++i)
      pairs.push_back({number(i), number(i)});
    return pairs;
  }
  if (a.os.empty() && b.os.empty()) {
    for (unsigned i = 0; i < std::min(a.cores, b.cores); ++i)
      pairs.push_back({number(i), number(i)});
    return pairs;
  }
  for (const StoredOs& os : a.os) {
    const StoredOs* other = b.find_os(os.name);
    if (other == nullptr || os.role != other->role) continue;
    if (options.os.empty() ? os.role == "leader" : os.name != options.os) continue;
    pairs.push_back({number(os.boot_core), number(other->boot_core)});
  }
  return pairs;
}

class DiffMaker {
 public:
  DiffMaker(RunStore& store, const StoredRun& a, const StoredRun& b, const DiffOptions& options)
      : store_(store), options_(options) {
    diff_.a = a;
    diff_.b = b;
  }

  Diff make(const ScenarioRunner& runner, const Installation& installation) {
    const std::vector<CorePair> pairs = aligned();
    diff_.inputs = input_differences(diff_.a, diff_.b);
    const bool whole = diff_.a.finished && diff_.b.finished;
    if (whole && diff_.a.digest == diff_.b.digest) {
      end(DiffOutcome::kIdentical, "the digests are the same: the same run, to the cycle");
      return std::move(diff_);
    }
    diff_.stages = stage_differences(store_, diff_.a, diff_.b);
    diff_.time = first_time_difference(store_, diff_.a, diff_.b);
    diff_.disk_data = first_disk_data_difference(store_, diff_.a, diff_.b);
    const Streams a = read_streams(store_, diff_.a.id);
    const Streams b = read_streams(store_, diff_.b.id);
    const bool across = diff_.a.scenario != diff_.b.scenario && !diff_.a.os.empty();
    std::vector<Parting> partings = find_partings(a, b, pairs, across);
    if (a.empty() || b.empty()) {
      end(DiffOutcome::kInconclusive, fmt::format("nothing has been recorded of run {}'s cores",
                                                  a.empty() ? diff_.a.id : diff_.b.id));
      return std::move(diff_);
    }
    conclude(std::move(partings), runner, installation);
    if (diff_.outcome == DiffOutcome::kIdentical && !whole) {
      end(DiffOutcome::kInconclusive,
          fmt::format("run {} is unfinished; as far as it was recorded there is no divergence",
                      diff_.a.finished ? diff_.b.id : diff_.a.id));
    }
    return std::move(diff_);
  }

 private:
  std::vector<CorePair> aligned() const {
    for (const StoredRun* run : {&diff_.a, &diff_.b}) {
      if (options_.os.empty() || run->find_os(options_.os) != nullptr) continue;
      std::string names;
      for (const StoredOs& os : run->os) names += (names.empty() ? "one of " : ", ") + os.name;
      throw StoreError(fmt::format("run {} has no operating system '{}'; remedy: name {}", run->id,
                                   options_.os, names.empty() ? "none" : names));
    }
    std::vector<CorePair> pairs = pairs_of(diff_.a, diff_.b, options_);
    if (pairs.empty()) {
      throw StoreError(
          fmt::format("runs {} ({}) and {} ({}) cannot be aligned: they have no follower of the "
                      "same name; remedy: name runs of one scenario, or with a follower in common",
                      diff_.a.id, diff_.a.scenario, diff_.b.id, diff_.b.scenario));
    }
    return pairs;
  }

  void end(DiffOutcome outcome, std::string why) {
    diff_.outcome = outcome;
    diff_.why = std::move(why);
  }

  void conclude(std::vector<Parting> partings, const ScenarioRunner& runner,
                const Installation& installation) {
    const std::string same = "every core executed the same and took in the same; only times differ";
    if (partings.empty()) return end(DiffOutcome::kIdentical, same);
    std::vector<Parting> certain;
    for (const Parting& p : partings)
      if (p.certain) certain.push_back(p);
    std::stable_sort(certain.begin(), certain.end(),
                     [](const Parting& x, const Parting& y) { return x.at < y.at; });
    const auto coarse = [&](const std::string& why) {
      if (certain.empty()) return end(DiffOutcome::kInconclusive, why);
      diff_.first = PointFinder::coarse(diff_.a, certain.front());
      for (std::size_t i = 1; i < certain.size(); ++i)
        diff_.others.push_back(PointFinder::coarse(diff_.a, certain[i]));
      end(DiffOutcome::kDiverged, why);
    };
    if (!options_.rerun)
      return coarse("what is stored tells no more, and nothing was to be run again");
    const auto begun = std::chrono::steady_clock::now();
    try {
      PointFinder finder(store_, diff_.a, diff_.b, runner, installation);
      std::vector<Divergence> found = finder.find(std::move(partings));
      if (!found.empty()) {
        diff_.first = std::move(found.front());
        diff_.others.assign(std::make_move_iterator(found.begin() + 1),
                            std::make_move_iterator(found.end()));
        end(DiffOutcome::kDiverged, "");
      } else if (certain.empty()) {
        end(DiffOutcome::kIdentical, same);
      } else {
        coarse("run again, the runs did not part in that window");
      }
    } catch (const StoreError& error) {
      coarse(error.what());
    }
    diff_.rerun_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }

  RunStore& store_;
  const DiffOptions& options_;
  Diff diff_;
};

}  // namespace

Diff diff_runs(RunStore& store, const StoredRun& a, const StoredRun& b, const DiffOptions& options,
               const ScenarioRunner& runner, const Installation& installation) {
  return DiffMaker(store, a, b, options).make(runner, installation);
}

std::string_view outcome_name(DiffOutcome outcome) {
  switch (outcome) {
    case DiffOutcome::kIdentical:
      return "identical";
    case DiffOutcome::kDiverged:
      return "diverged";
    case DiffOutcome::kInconclusive:
      break;
  }
  return "inconclusive";
}

}  // namespace mint
