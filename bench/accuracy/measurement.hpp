// Rows of measured and published figures: files of the format of emu/timing/data/instructions.tsv,
// memory-latency.tsv and checks.tsv.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace mint::accuracy {

struct InstructionRow {
  std::string isa;
  std::string form;  // "ADD r32, [m32]"
  std::optional<double> latency;
  std::optional<double> throughput;  // reciprocal
};

struct MemoryRow {
  std::string pattern;  // linear, backward or random
  std::uint64_t working_set = 0;
  std::uint64_t stride = 0;
  double cycles = 0;  // per load
};

struct CheckRow {
  std::string name;  // of a check in checks.cpp
  double low = 0;    // cycles
  double high = 0;
  std::string source;
};

// Throw std::runtime_error with file and line.
std::vector<InstructionRow> read_instructions(const std::filesystem::path& file);
std::vector<MemoryRow> read_memory(const std::filesystem::path& file);
std::vector<CheckRow> read_checks(const std::filesystem::path& file);

}  // namespace mint::accuracy
