// The model's table against the figures that its rows name as their source.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "emu/timing/cost_table.hpp"

namespace mint {
namespace {

std::vector<std::vector<std::string>> rows_of(const std::string& name) {
  std::ifstream file(std::string(MINTSIM_SOURCE_DIR) + "/emu/timing/data/" + name);
  EXPECT_TRUE(file) << name;
  std::vector<std::vector<std::string>> rows;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string>& columns = rows.emplace_back();
    std::stringstream stream(line);
    for (std::string column; std::getline(stream, column, '\t');) columns.push_back(column);
  }
  return rows;
}

std::string message_of(const std::string& text) {
  try {
    const CostTable table(text);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(CostTableTest, EveryMeasuredSourceIsAFormOfTheMeasuredTable) {
  const auto forms = rows_of("instructions.tsv");
  unsigned measured = 0;
  for (const auto& row : rows_of("nehalem.tsv")) {
    ASSERT_EQ(row.size(), 6u) << row[0];
    const std::string& source = row[5];
    if (!source.starts_with("M: ")) {
      EXPECT_TRUE(source.starts_with("A") || source.starts_with("E") || source == "default")
          << row[0] << ": " << source;
      continue;
    }
    ++measured;
    EXPECT_TRUE(
        std::any_of(forms.begin() + 1, forms.end(),
                    [&](const auto& form) { return source.substr(3).starts_with(form[1]); }))
        << row[0] << ": " << source;
  }
  EXPECT_GT(measured, 100u);
}

TEST(CostTableTest, TheTableThatIsCompiledInIsTheFile) {
  std::ifstream file(std::string(MINTSIM_SOURCE_DIR) + "/emu/timing/data/nehalem.tsv");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), kNehalemTable);
}

TEST(CostTableTest, MistakesAreToldWithTheirLine) {
  const std::string good = "add\tr,r\tp015\t1\t\tA\n";
  EXPECT_EQ(message_of(good), "");
  EXPECT_EQ(message_of(good + "sub\tr,r\tp015\t1\t\n"),
            "table of instruction costs, line 2: 5 columns, not 6");
  EXPECT_EQ(message_of("sub\tr,r\tp015\t1\t\t\n"), "table of instruction costs, line 1: no source");
  EXPECT_EQ(message_of("sub\tr,q\tp015\t1\t\tA\n"),
            "table of instruction costs, line 1: 'q' is no kind of operand");
  EXPECT_EQ(message_of("sub\tr,r\tp3\t1\t\tA\n"),
            "table of instruction costs, line 1: 'p3' is no set of ports");
  EXPECT_EQ(message_of("sub\tr,r\tp0\t-1\t\tA\n"),
            "table of instruction costs, line 1: '-1' is not a number of cycles");
  EXPECT_EQ(message_of("sub\tr,r\tp0\t1\tfast\tA\n"),
            "table of instruction costs, line 1: 'fast' is no attribute");
}

TEST(CostTableTest, TheExactRowIsPreferredToTheRegisterThatMemoryStandsFor) {
  const CostTable table("op\tr,r\tp0\t1\t\tA\nop\tr,m\tp1\t2\t\tA\ndefault\t*\tp5\t9\t\tdefault\n");
  using K = OperandKind;
  EXPECT_EQ(table.find("op", {K::kR32, K::kR32}).latency, 100);
  EXPECT_EQ(table.find("op", {K::kR32, K::kMemory}).latency, 200);
  EXPECT_EQ(table.find("op", {K::kMemory, K::kR32}).latency, 100);
  EXPECT_EQ(table.find("op", {K::kXmm, K::kXmm}).latency, 900);
  EXPECT_FALSE(table.find("another", {}).known);
}

}  // namespace
}  // namespace mint
