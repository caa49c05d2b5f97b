#include "bench/compare/result_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "emu/scenario/problem.hpp"

namespace mint::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "mintsim-bench-1";

template <typename T>
std::optional<T> optional_of(const Json& json, const char* key) {
  if (!json.contains(key) || json.at(key).is_null()) return std::nullopt;
  return json.at(key).get<T>();
}

Result own_result(const Json& json) {
  Result r;
  r.name = json.at("name").get<std::string>();
  r.timing = json.value("timing", "");
  r.images = json.value("images", "");
  r.failure = json.value("failure", "");
  r.cycles = optional_of<std::uint64_t>(json, "cycles");
  r.simulated_s = optional_of<double>(json, "simulated_s");
  r.instructions = optional_of<std::uint64_t>(json, "instructions");
  r.digest = json.value("digest", "");
  r.cpu_s = json.value("cpu_s", std::vector<double>{});
  r.wall_s = json.value("wall_s", std::vector<double>{});
  return r;
}

double unit_s(const std::string& unit) {
  if (unit == "ns") return 1e-9;
  if (unit == "us") return 1e-6;
  if (unit == "ms") return 1e-3;
  if (unit == "s") return 1;
  throw BadInput(fmt::format("'{}' is no unit of time", unit));
}

// Repetitions have one `run_name`. Of aggregates (mean, median, deviation) only a median counts,
// and only where the repetitions themselves were left out.
void add_google_rows(const Json& rows, bool aggregates, ResultSet& set) {
  for (const Json& row : rows) {
    const bool aggregate = row.value("run_type", "iteration") == "aggregate";
    if (aggregate != aggregates) continue;
    if (aggregate && row.value("aggregate_name", "") != "median") continue;
    const auto name = row.value("run_name", row.at("name").get<std::string>());
    Result* result = set.find(name);
    if (result != nullptr && aggregates) continue;
    if (result == nullptr) {
      set.results.emplace_back();
      result = &set.results.back();
      result->name = name;
    }
    if (row.value("error_occurred", false)) {
      result->failure = row.value("error_message", "it failed");
      continue;
    }
    const double unit = unit_s(row.value("time_unit", "ns"));
    result->cpu_s.push_back(row.at("cpu_time").get<double>() * unit);
    result->wall_s.push_back(row.at("real_time").get<double>() * unit);
    if (const auto cycles = optional_of<double>(row, "simulated_cycles"))
      result->cycles = static_cast<std::uint64_t>(std::llround(*cycles));
  }
}

}  // namespace

const Result* ResultSet::find(const std::string& name) const {
  const auto found = std::find_if(results.begin(), results.end(),
                                  [&](const Result& result) { return result.name == name; });
  return found == results.end() ? nullptr : &*found;
}

Result* ResultSet::find(const std::string& name) {
  return const_cast<Result*>(static_cast<const ResultSet&>(*this).find(name));
}

bool is_result_file(const std::filesystem::path& file) {
  std::ifstream stream(file);
  char first = 0;
  return stream >> first && (first == '{' || first == '[');
}

ResultSet read_results(const std::filesystem::path& file) {
  ResultSet set;
  set.source = file.string();
  std::ifstream stream(file);
  if (!stream) throw BadInput(fmt::format("{}: cannot be read", set.source));
  try {
    const Json json = Json::parse(stream);
    if (json.is_object() && json.value("schema", "") == kSchema) {
      for (const Json& row : json.at("benchmarks")) {
        if (set.find(row.at("name").get<std::string>()) != nullptr)
          throw BadInput(row.at("name").get<std::string>() + " is there twice");
        set.results.push_back(own_result(row));
      }
    } else if (json.is_object() && json.contains("context") && json.contains("benchmarks")) {
      add_google_rows(json.at("benchmarks"), false, set);
      add_google_rows(json.at("benchmarks"), true, set);
    } else {
      throw BadInput("neither a file of `mintsim bench run` nor one of Google Benchmark");
    }
  } catch (const Json::exception& error) {
    throw BadInput(fmt::format("{}: no result file: {}", set.source, error.what()));
  } catch (const BadInput& error) {
    throw BadInput(fmt::format("{}: {}", set.source, error.what()));
  }
  if (set.results.empty()) throw BadInput(fmt::format("{}: holds no benchmark", set.source));
  for (const Result& result : set.results)
    for (const auto* times : {&result.cpu_s, &result.wall_s})
      for (const double seconds : *times)
        if (!(seconds >= 0))
          throw BadInput(fmt::format("{}: {} took {} s", set.source, result.name, seconds));
  return set;
}

std::string results_json(const ResultSet& set) {
  Json rows = Json::array();
  for (const Result& r : set.results) {
    Json row;
    row["name"] = r.name;
    if (!r.timing.empty()) row["timing"] = r.timing;
    if (!r.images.empty()) row["images"] = r.images;
    if (!r.failure.empty()) row["failure"] = r.failure;
    if (r.cycles) row["cycles"] = *r.cycles;
    if (r.simulated_s && !r.cycles) row["simulated_s"] = *r.simulated_s;
    if (r.instructions) row["instructions"] = *r.instructions;
    if (!r.digest.empty()) row["digest"] = r.digest;
    if (!r.cpu_s.empty()) row["cpu_s"] = r.cpu_s;
    if (!r.wall_s.empty()) row["wall_s"] = r.wall_s;
    rows.push_back(std::move(row));
  }
  return Json{{"schema", kSchema}, {"benchmarks", rows}}.dump(2) + "\n";
}

}  // namespace mint::bench
