#include "cli/json_result.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace mint {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;

Json os_json(const OsResult& os, Hertz clock) {
  const auto since_start = [&](std::optional<Cycles> at) {
    return at ? Json(seconds(*at - os.start, clock)) : Json(nullptr);
  };
  Json json;
  json["name"] = os.name;
  json["role"] = os.role == Role::kLeader ? "leader" : "follower";
  json["kernel_sha256"] = os.kernel_sha256;
  json["cores"] = Json::array();
  for (ApicId core : os.cores) json["cores"].push_back(core.value);
  json["start_s"] = seconds(os.start, clock);
  json["kernel_init_s"] = since_start(os.kernel_init);
  json["daemons_up_s"] = since_start(os.daemons_up);
  json["lock_held_s"] = seconds(os.lock_held, clock);
  json["lock_waited_s"] = seconds(os.lock_waited, clock);
  json["lock_taken"] = os.lock_taken;
  json["ipis_sent"] = os.ipis_sent;
  json["instructions"] = os.instructions;
  json["hung_since_s"] = os.hung_since ? Json(seconds(*os.hung_since, clock)) : Json(nullptr);
  json["died"] = os.died;
  json["last_words"] = os.last_words;
  json["stages"] = Json::array();
  for (const StageTime& stage : os.stages) {
    json["stages"].push_back(
        {{"name", stage_name(stage.stage)},
         {"begin_s", seconds(stage.begin, clock)},
         {"end_s", stage.end ? Json(seconds(*stage.end, clock)) : Json(nullptr)}});
  }
  return json;
}

}  // namespace

std::string result_json(const RunRequest& request, const RunResult& result) {
  const Hertz clock = result.core_clock;
  Json json;
  json["schema"] = kSchema;
  json["scenario"] = request.scenario.name;
  json["seed"] = request.seed;
  json["goal_met"] = result.goal_met;
  json["reason"] = result.reason;
  json["digest"] = result.digest;
  json["cycles"] = result.end.count;
  json["simulated_s"] = seconds(result.end, clock);
  json["wall_s"] = result.wall_s;
  json["jobs"] = result.jobs;
  json["one_job"] = result.one_job;
  json["instructions"] = result.instructions;
  json["timing"] = timing_name(request.scenario.machine.timing);
  json["default_cost_share"] = default_cost_share(result);
  json["peak_rss_mb"] = result.peak_rss_mb;
  json["exit_code"] = result.exit_code ? Json(*result.exit_code) : Json(nullptr);
  json["os"] = Json::array();
  for (const OsResult& os : result.os) json["os"].push_back(os_json(os, clock));
  json["interference"] = Json::array();
  for (const Interference& event : result.interference) {
    json["interference"].push_back({{"at_s", seconds(event.when, clock)},
                                    {"by", event.by},
                                    {"to", event.to},
                                    {"what", event.what}});
  }
  json["isolation"] = {{"violations", result.isolation_violations}, {"first", Json::array()}};
  for (const Interference& event : result.isolation) {
    json["isolation"]["first"].push_back({{"at_s", seconds(event.when, clock)},
                                          {"by", event.by},
                                          {"to", event.to},
                                          {"what", event.what}});
  }
  json["meetings"] = Json::array();
  for (const MeetingResult& meeting : result.meetings) {
    Json arrivals = Json::object();
    for (const MeetingResult::Arrival& arrival : meeting.arrivals)
      arrivals[arrival.os] = arrival.at ? Json(seconds(*arrival.at, clock)) : Json(nullptr);
    json["meetings"].push_back(
        {{"place", meeting.place},
         {"came_s", std::move(arrivals)},
         {"met_s", meeting.met ? Json(seconds(*meeting.met, clock)) : Json(nullptr)}});
  }
  json["lock"] = Json::array();
  for (const LockUse& use : result.lock_uses) {
    json["lock"].push_back({{"os", use.os},
                            {"function", use.function},
                            {"taken", use.taken},
                            {"held_s", seconds(use.held, clock)},
                            {"waited_s", seconds(use.waited, clock)}});
  }
  json["io_apic"] = Json::array();
  for (const IoApicUse& use : result.io_apic_uses) {
    json["io_apic"].push_back({{"os", use.os},
                               {"register", use.reg},
                               {"function", use.function},
                               {"reads", use.reads},
                               {"writes", use.writes}});
  }
  json["watchdog"] = result.watchdog;
  // Console bytes need not be UTF-8: what is not becomes U+FFFD.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<double> all_up_s(const RunResult& result) {
  std::optional<Cycles> first;
  std::optional<Cycles> last;
  for (const OsResult& os : result.os) {
    if (os.role != Role::kFollower) continue;
    if (!os.daemons_up) return std::nullopt;
    first = std::min(first.value_or(os.start), os.start);
    last = std::max(last.value_or(*os.daemons_up), *os.daemons_up);
  }
  if (!first) return std::nullopt;
  return seconds(*last - *first, result.core_clock);
}

namespace {

std::optional<EarlierResult> read_earlier(const Json& json, const std::string& scenario) {
  if (!json.is_object() || json.at("schema") != kSchema || json.at("goal_met") != true) {
    return std::nullopt;
  }
  EarlierResult result{scenario, {}, 0};
  std::optional<double> first;
  double last = 0;
  for (const Json& os : json.at("os")) {
    if (os.at("role") != "follower") continue;
    const double start = os.at("start_s").get<double>();
    const double up = start + os.at("daemons_up_s").get<double>();
    if (!first) result.kernel_sha256 = os.at("kernel_sha256").get<std::string>();
    first = std::min(first.value_or(start), start);
    last = std::max(last, up);
  }
  if (!first) return std::nullopt;
  result.both_up_s = last - *first;
  return result;
}

}  // namespace

std::optional<EarlierResult> earlier_result(const std::filesystem::path& out_dir,
                                            const std::string& scenario) {
  const auto own = std::filesystem::absolute(out_dir / ".").lexically_normal().parent_path();
  std::ifstream stream(own.parent_path() / scenario / kResultFile);
  try {
    return read_earlier(Json::parse(stream), scenario);
  } catch (const Json::exception&) {
    return std::nullopt;  // there is none, or it is damaged, or of another version
  }
}

}  // namespace mint
