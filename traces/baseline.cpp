#include "traces/baseline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mint {
namespace {

using Json = nlohmann::ordered_json;

std::string image_key(const StoredImage& image) {
  return image.os.empty() ? image.what + " " + image.name : image.what + " of " + image.os;
}

// What a baseline keeps of a run: its own text, so that the run itself can be pruned.
Json facts_of(RunStore& store, const StoredRun& run) {
  Json facts{{"core_clock_hz", run.core_clock.count},
             {"instructions", run.instructions},
             {"goal_met", run.goal_met},
             {"reason", run.reason},
             {"scenario_text", run.scenario_text},
             {"profile_text", run.profile_text},
             {"timing", run.timing}};
  Json& images = facts["images"] = Json::object();
  for (const StoredImage& image : run.images)
    if (image.what != "system.map") images[image_key(image)] = image.hash;
  Json& stages = facts["stages"] = Json::array();
  for (const StoredStage& stage : store.stages(run.id)) {
    stages.push_back(
        {{"os", run.os_name(static_cast<std::uint8_t>(stage.os))},
         {"stage", stage.stage},
         {"cycles", stage.ended ? Json((*stage.ended - stage.begun).count) : Json(nullptr)}});
  }
  return facts;
}

std::string delta(std::uint64_t then, std::uint64_t now) {
  const auto d = static_cast<std::int64_t>(now - then);
  return fmt::format("{} -> {} ({:+}, {:+.4f} %)", then, now, d,
                     then == 0 ? 0 : 100.0 * static_cast<double>(d) / static_cast<double>(then));
}

void compare_stages(const Json& then, const Json& now, std::vector<std::string>& lines) {
  for (std::size_t i = 0; i < std::max(then.size(), now.size()); ++i) {
    if (i >= then.size() || i >= now.size()) {
      const Json& only = i < then.size() ? then[i] : now[i];
      lines.push_back(fmt::format("stage {} of {}: {}", only["stage"].get<std::string>(),
                                  only["os"].get<std::string>(),
                                  i < then.size() ? "is no more" : "is new"));
      continue;
    }
    const Json& x = then[i]["cycles"];
    const Json& y = now[i]["cycles"];
    if (x == y) continue;
    const std::string what = fmt::format("stage {} of {}", now[i]["stage"].get<std::string>(),
                                         now[i]["os"].get<std::string>());
    if (x.is_null() || y.is_null())
      lines.push_back(fmt::format("{}: {}", what, x.is_null() ? "ends now" : "does not end now"));
    else
      lines.push_back(fmt::format("{}, cycles: {}", what,
                                  delta(x.get<std::uint64_t>(), y.get<std::uint64_t>())));
  }
}

// What differs of what the runs were made of; the profile and scenario count as well.
std::vector<std::string> compare_inputs(const Json& then, const Json& now) {
  std::vector<std::string> lines;
  for (const char* text : {"scenario_text", "profile_text"}) {
    if (then[text] != now[text])
      lines.push_back(
          fmt::format("the {} is another one", text[0] == 's' ? "scenario" : "profile"));
  }
  if (then["timing"] != now["timing"]) lines.emplace_back("the timing level is another one");
  for (const auto& [name, hash] : then["images"].items()) {
    if (!now["images"].contains(name))
      lines.push_back(fmt::format("image {} is not used any more", name));
    else if (now["images"][name] != hash)
      lines.push_back(fmt::format("image {}: {} -> {}", name, hash.get<std::string>().substr(0, 12),
                                  now["images"][name].get<std::string>().substr(0, 12)));
  }
  for (const auto& [name, hash] : now["images"].items())
    if (!then["images"].contains(name)) lines.push_back(fmt::format("image {} is new", name));
  return lines;
}

StoredRun latest(RunStore& store, const std::string& scenario, std::uint64_t seed) {
  Statement row(store.db(),
                "SELECT max(id) FROM run WHERE scenario = ? AND seed = ? AND state = 'finished'");
  row.with(scenario, seed);
  row.next();
  if (row.null(0)) {
    throw StoreError(
        fmt::format("there is no finished run of {} with seed {} to be checked; remedy: run it",
                    scenario, seed));
  }
  return store.run(std::to_string(row.number(0)));
}

}  // namespace

void save_baseline(RunStore& store, const std::string& name, const std::vector<StoredRun>& runs) {
  Transaction transaction(store.db());
  Statement insert(store.db(), "INSERT OR REPLACE INTO baseline VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  for (const StoredRun& run : runs) {
    if (!run.finished) {
      throw StoreError(
          fmt::format("run {} is unfinished, and no baseline; remedy: name another", run.id));
    }
    insert.run(name, run.scenario, run.seed, run.id, run.recorded_at, run.digest, run.end.count,
               facts_of(store, run).dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  transaction.commit();
}

std::vector<BaselineCheck> check_baseline(RunStore& store, const std::string& name,
                                          std::vector<StoredRun> runs) {
  struct Saved {
    std::string scenario;
    std::uint64_t seed;
    std::int64_t run;
    std::string digest;
    std::uint64_t end;
    Json facts;
  };
  std::vector<Saved> saved;
  Statement rows(store.db(),
                 "SELECT scenario, seed, run, digest, end, facts FROM baseline WHERE name = ?");
  rows.with(name);
  while (rows.next()) {
    saved.push_back({rows.text(0), static_cast<std::uint64_t>(rows.number(1)), rows.number(2),
                     rows.text(3), static_cast<std::uint64_t>(rows.number(4)),
                     Json::parse(rows.text(5))});
  }
  if (saved.empty()) {
    throw StoreError(
        fmt::format("there is no baseline '{}'; remedy: `mintsim baseline save` makes one", name));
  }
  if (runs.empty())
    for (const Saved& one : saved) runs.push_back(latest(store, one.scenario, one.seed));

  std::vector<BaselineCheck> checks;
  for (const StoredRun& run : runs) {
    const auto then = std::find_if(saved.begin(), saved.end(), [&](const Saved& s) {
      return s.scenario == run.scenario && s.seed == run.seed;
    });
    if (then == saved.end()) {
      throw StoreError(
          fmt::format("baseline '{}' has nothing of {} with seed {}; remedy: save a run of it",
                      name, run.scenario, run.seed));
    }
    BaselineCheck check{run.scenario, run.seed, run.id, then->run, BaselineOutcome::kSame, {}};
    const Json now = facts_of(store, run);
    check.lines = compare_inputs(then->facts, now);
    if (!check.lines.empty()) {
      check.outcome = BaselineOutcome::kInconclusive;
    } else if (!run.finished) {
      check.outcome = BaselineOutcome::kInconclusive;
      check.lines.push_back(fmt::format("run {} is unfinished", run.id));
    } else if (run.digest != then->digest || run.end.count != then->end) {
      check.outcome = BaselineOutcome::kMoved;
      check.lines.push_back(fmt::format("digest: {} -> {}", then->digest, run.digest));
      if (run.end.count != then->end)
        check.lines.push_back(fmt::format("end, cycles: {}", delta(then->end, run.end.count)));
      if (then->facts["goal_met"] != now["goal_met"] || then->facts["reason"] != now["reason"]) {
        check.lines.push_back(
            fmt::format("outcome: {} -> {}", then->facts["reason"].get<std::string>(), run.reason));
      }
      const auto instructions = then->facts["instructions"].get<std::uint64_t>();
      if (instructions != run.instructions)
        check.lines.push_back(
            fmt::format("instructions: {}", delta(instructions, run.instructions)));
      compare_stages(then->facts["stages"], now["stages"], check.lines);
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

BaselineOutcome overall(const std::vector<BaselineCheck>& checks) {
  BaselineOutcome worst = BaselineOutcome::kSame;
  for (const BaselineCheck& check : checks) {
    if (check.outcome == BaselineOutcome::kMoved) return BaselineOutcome::kMoved;
    if (check.outcome == BaselineOutcome::kInconclusive) worst = BaselineOutcome::kInconclusive;
  }
  return worst;
}

std::string_view baseline_outcome_name(BaselineOutcome outcome) {
  switch (outcome) {
    case BaselineOutcome::kSame:
      return "same";
    case BaselineOutcome::kMoved:
      return "moved";
    case BaselineOutcome::kInconclusive:
      break;
  }
  return "inconclusive";
}

Json baseline_json(const std::vector<BaselineCheck>& checks) {
  Json list = Json::array();
  for (const BaselineCheck& check : checks) {
    list.push_back({{"scenario", check.scenario},
                    {"seed", check.seed},
                    {"run", check.run},
                    {"baseline_run", check.baseline},
                    {"outcome", baseline_outcome_name(check.outcome)},
                    {"what", check.lines}});
  }
  return list;
}

}  // namespace mint
