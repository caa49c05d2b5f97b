#include "bench/accuracy/measurement.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <stdexcept>

namespace mint::accuracy {
namespace {

std::vector<std::string> columns_of(const std::string& line) {
  std::vector<std::string> columns;
  std::size_t at = 0;
  while (true) {
    const std::size_t tab = line.find('\t', at);
    columns.push_back(line.substr(at, tab == std::string::npos ? tab : tab - at));
    if (tab == std::string::npos) return columns;
    at = tab + 1;
  }
}

void read_lines(const std::filesystem::path& file,
                const std::function<void(const std::vector<std::string>&)>& row) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error(fmt::format("{}: cannot be read", file.string()));
  std::string line;
  for (unsigned number = 1; std::getline(stream, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (number == 1 || line.empty() || line[0] == '#') continue;  // the first line names columns
    const std::vector<std::string> columns = columns_of(line);
    try {
      if (columns.size() != 4)
        throw std::runtime_error(fmt::format("{} columns, not 4", columns.size()));
      row(columns);
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}:{}: {}", file.string(), number, error.what()));
    }
  }
}

double number_of(const std::string& text) {
  std::size_t used = 0;
  const double value = std::stod(text, &used);
  if (used != text.size() || value < 0) throw std::runtime_error("'" + text + "' is no number");
  return value;
}

}  // namespace

std::vector<InstructionRow> read_instructions(const std::filesystem::path& file) {
  std::vector<InstructionRow> rows;
  read_lines(file, [&](const std::vector<std::string>& columns) {
    const auto figure = [](const std::string& text) {
      return text == "-" ? std::nullopt : std::optional(number_of(text));
    };
    rows.push_back({columns[0], columns[1], figure(columns[2]), figure(columns[3])});
  });
  return rows;
}

std::vector<MemoryRow> read_memory(const std::filesystem::path& file) {
  std::vector<MemoryRow> rows;
  read_lines(file, [&](const std::vector<std::string>& columns) {
    rows.push_back(
        {columns[0], std::stoull(columns[1]), std::stoull(columns[2]), number_of(columns[3])});
  });
  return rows;
}

std::vector<CheckRow> read_checks(const std::filesystem::path& file) {
  std::vector<CheckRow> rows;
  read_lines(file, [&](const std::vector<std::string>& columns) {
    const CheckRow row{columns[0], number_of(columns[1]), number_of(columns[2]), columns[3]};
    if (row.low > row.high) throw std::runtime_error("the first figure is above the second");
    rows.push_back(row);
  });
  return rows;
}

}  // namespace mint::accuracy
