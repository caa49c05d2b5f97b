// What benchmarks gave, in memory and as a file.
//
// `mintsim bench run` writes files of its own schema; files that Google Benchmark writes
// (--benchmark_format=json) are read as well. Of those, the repetitions of a benchmark are its
// measurements, and a counter `simulated_cycles` is its simulated time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace mint::bench {

struct Result {
  std::string name;
  std::string timing;   // the level of --timing; empty when not known
  std::string images;   // SHA-256 over what the guest is made of; empty when not known
  std::string failure;  // why the run did not get to its goal; empty when it did
  std::optional<std::uint64_t> cycles;
  std::optional<double> simulated_s;  // of a program that does not tell cycles
  std::optional<std::uint64_t> instructions;
  std::string digest;  // of the run; empty when not known
  // The host's, one for each run: processor time (user and system), and from start to end.
  std::vector<double> cpu_s;
  std::vector<double> wall_s;
};

struct ResultSet {
  std::string source;  // for messages: the file's or the program's name
  std::vector<Result> results;

  const Result* find(const std::string& name) const;
  Result* find(const std::string& name);
};

// Whether the file is to be read as a result file: whether it begins like JSON.
bool is_result_file(const std::filesystem::path& file);
// Throws BadInput when it cannot be read or is no such file.
ResultSet read_results(const std::filesystem::path& file);
std::string results_json(const ResultSet& results);

}  // namespace mint::bench
