#include "cli/table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mint {

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); i++) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line(1, ' ');
    for (std::size_t i = 0; i < row.size(); i++) {
      const bool left = i == 0 || i >= left_from_;
      line += left ? fmt::format(" {:<{}}", row[i], widths[i])
                   : fmt::format(" {:>{}}", row[i], widths[i]);
      if (i + 1 < row.size()) line += ' ';
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string with_commas(unsigned long long number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string format_seconds(double value) {
  if (value == 0) return std::string(1, '0');
  if (value < 0.0001) return fmt::format("{:.7f}", value);
  if (value < 0.1) return fmt::format("{:.5f}", value);
  return fmt::format("{:.3f}", value);
}

}  // namespace mint
