// A table of text: the first column flush left, the others flush right, as wide as they need.
#pragma once

#include <string>
#include <vector>

namespace mint {

class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() < 2; }
  std::size_t rows() const { return rows_.size() - 1; }
  // Columns from `column` on are flush left as well: for lists and sentences.
  void left_from(std::size_t column) { left_from_ = column; }
  // Indented by two, with a line break after each row.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::size_t left_from_ = ~std::size_t{0};
};

// "1,234,567"
std::string with_commas(unsigned long long number);
// "12.345", with more digits below a tenth of a second and fewer above 100.
std::string format_seconds(double value);

}  // namespace mint
