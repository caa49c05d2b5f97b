// `mintsim bench`: the test of significance, result files, verdicts, and the whole command with
// stand-ins for programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bench/compare/comparison.hpp"
#include "bench/compare/programs.hpp"
#include "bench/compare/significance.hpp"
#include "cli/cli.hpp"
#include "emu/scenario/temporary_folder.hpp"

namespace mint::bench {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Significance, IsThatOfTheMannWhitneyTest) {
  // Of the ways to choose 3 of 6 ranks (20), one has the sum 15, two have 14 or more.
  EXPECT_DOUBLE_EQ(probability_of_larger({1, 2, 3}, {4, 5, 6}), 1.0 / 20);
  EXPECT_DOUBLE_EQ(probability_of_larger({1, 2, 4}, {3, 5, 6}), 2.0 / 20);
  EXPECT_DOUBLE_EQ(probability_of_larger({4, 5, 6}, {1, 2, 3}), 1);
  // Sums of ranks 1.5 1.5 3.5 3.5, two of them: 3, 5 four times, 7.
  EXPECT_DOUBLE_EQ(probability_of_larger({1, 1}, {2, 2}), 1.0 / 6);
  EXPECT_DOUBLE_EQ(probability_of_larger({1, 2}, {1, 2}), 5.0 / 6);
  EXPECT_DOUBLE_EQ(probability_of_larger({3, 3, 3}, {3, 3, 3}), 1);
  EXPECT_DOUBLE_EQ(least_probability(3, 3), 1.0 / 20);
  EXPECT_DOUBLE_EQ(least_probability(7, 7), 1.0 / 3432);
}

TEST(Significance, OfManyIsNearTheExactOne) {
  std::vector<double> a;
  std::vector<double> b;
  for (int i = 0; i < 21; ++i) {
    a.push_back(i);
    b.push_back(i + 4.5);
  }
  const double normal = probability_of_larger(a, b);
  a.pop_back();
  b.pop_back();
  EXPECT_NEAR(normal, probability_of_larger(a, b), 0.01);
  EXPECT_LT(normal, 0.05);
}

TEST(Significance, MedianIsTheMiddle) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
}

Result result(std::uint64_t cycles, std::vector<double> times) {
  Result r;
  r.name = "b";
  r.cycles = cycles;
  r.cpu_s = std::move(times);
  return r;
}

Comparison compare_two(const Result& base, const Result& current, CompareOptions options = {}) {
  return compare({"base", {base}}, {"new", {current}}, options).rows.at(0);
}

const std::vector<double> kTimes = {1.00, 1.01, 1.02, 0.99, 0.98, 1.03, 0.97};

std::vector<double> times_by(double factor) {
  std::vector<double> times = kTimes;
  for (double& time : times) time *= factor;
  return times;
}

TEST(Comparison, AnyDifferenceOfSimulatedCyclesIsARegression) {
  EXPECT_THAT(compare_two(result(100, {}), result(100, {})).regressions, IsEmpty());
  for (const std::uint64_t other : {99, 101}) {
    const Comparison row = compare_two(result(100, {}), result(other, {}));
    EXPECT_EQ(row.cycles, CyclesVerdict::kChanged);
    ASSERT_EQ(row.regressions.size(), 1u);
    EXPECT_THAT(row.regressions[0], HasSubstr("simulated cycles 100 -> " + std::to_string(other)));
  }
}

TEST(Comparison, WhatIsDeclaredForOtherImagesJudgesNothing) {
  const auto of = [](std::uint64_t cycles, const char* images) {
    Result r = result(cycles, {});
    r.images = images;
    return r;
  };
  ResultSet declared{"cycles.json", {of(101, "another kernel")}};
  const CompareOptions options{.declared = &declared};
  const Comparison row = compare_two(of(100, "kernel"), of(105, "kernel"), options);
  EXPECT_EQ(row.cycles, CyclesVerdict::kUnknown);
  EXPECT_THAT(row.regressions, IsEmpty());
  EXPECT_THAT(row.notes, testing::SizeIs(1));
  EXPECT_THAT(compare_two(of(100, "kernel"), of(100, "kernel"), options).regressions, IsEmpty());
}

TEST(Comparison, ADeclaredChangeIsNoneAndHasToBeTheOneDeclared) {
  ResultSet declared{"cycles.json", {result(101, {})}};
  const CompareOptions options{.declared = &declared};
  Comparison row = compare_two(result(100, {}), result(101, {}), options);
  EXPECT_EQ(row.cycles, CyclesVerdict::kDeclared);
  EXPECT_THAT(row.regressions, IsEmpty());
  row = compare_two(result(100, {}), result(102, {}), options);
  EXPECT_THAT(row.regressions, testing::SizeIs(2)) << "changed, and not as declared";
  row = compare_two(result(100, {}), result(100, {}), options);
  EXPECT_THAT(row.regressions,
              testing::ElementsAre("cycles.json declares 101 simulated cycles, it takes 100"));
}

TEST(Comparison, SlowerIsWhatTheTestAndTheThresholdCallSo) {
  EXPECT_EQ(compare_two(result(1, kTimes), result(1, times_by(1.2))).times[0].verdict,
            TimeVerdict::kSlower);
  // Sure, but by little.
  EXPECT_EQ(compare_two(result(1, kTimes), result(1, times_by(1.04))).times[0].verdict,
            TimeVerdict::kSame);
  EXPECT_EQ(compare_two(result(1, kTimes), result(1, times_by(1.04)),
                        {.threshold = 0.03, .significance = 0.05})
                .times[0]
                .verdict,
            TimeVerdict::kSlower);
  EXPECT_EQ(compare_two(result(1, kTimes), result(1, times_by(0.8))).times[0].verdict,
            TimeVerdict::kFaster);
  // Much larger in the middle, but that may be chance.
  EXPECT_EQ(compare_two(result(1, {1, 2, 1, 2, 1, 2, 1}), result(1, {2, 1, 2, 1, 2, 1, 2}))
                .times[0]
                .verdict,
            TimeVerdict::kSame);
  EXPECT_THAT(compare_two(result(1, kTimes), result(1, times_by(1.2)), {.cycles_only = true}).times,
              IsEmpty());
}

TEST(Comparison, WithTooFewRunsForATestTheThresholdDecides) {
  const Comparison row = compare_two(result(1, {1.0}), result(1, {1.1}));
  EXPECT_EQ(row.times[0].probability, std::nullopt);
  ASSERT_EQ(row.regressions.size(), 1u);
  EXPECT_THAT(row.regressions[0], HasSubstr("too few for a test"));
  EXPECT_THAT(compare_two(result(1, {1.0}), result(1, {1.04})).regressions, IsEmpty());
}

TEST(Comparison, OtherImagesAreNotComparable) {
  Result base = result(1, {});
  Result current = result(2, {});
  base.images = "a";
  current.images = "b";
  const Report report = compare({"base", {base}}, {"new", {current}}, {});
  EXPECT_FALSE(report.regressed());
  EXPECT_FALSE(report.comparable());
}

TEST(Comparison, FailingIsARegressionUnlessTheBaseFailsToo) {
  Result broken = result(1, {});
  broken.failure = "exit code 3";
  EXPECT_THAT(compare_two(result(1, {}), broken).regressions,
              testing::ElementsAre("it fails: exit code 3"));
  EXPECT_TRUE(compare_two(broken, result(1, {})).base_is_broken);
}

TEST(Programs, AreMultibootImages) {
  EXPECT_THAT(program_image("no such program"), IsEmpty());
  for (const std::string& name : program_names()) {
    const std::string image = program_image(name);
    std::uint32_t header[3];
    ASSERT_GT(image.size(), sizeof header);
    std::memcpy(header, image.data(), sizeof header);
    EXPECT_EQ(header[0], 0x1badb002u);
    EXPECT_EQ(header[0] + header[1] + header[2], 0u) << "the checksum, " << name;
  }
}

// The command, with shell scripts for programs: they write the result that mintsim would.
class BenchCommand : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return (folder_ / name).string();
  }
  std::string program(const std::string& name, const std::string& cycles,
                      const std::string& more = "") const {
    const std::string file = write(name, R"(#!/bin/sh
while [ "$1" != --json ]; do shift; done
)" + more + R"(
echo '{"cycles": )" + cycles + R"(, "simulated_s": )" +
                                             cycles + R"(, "instructions": 7, "digest": "d)" +
                                             cycles + R"(", "timing": "block"}' >"$2")");
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }
  int mintsim(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"mintsim", "bench"});
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = cli_main(
        static_cast<int>(argv.size()), argv.data(),
        [](const RunRequest&, RunObserver&) -> RunResult { throw std::logic_error("no"); });
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code;
  }
  static std::string google(double ns) {
    nlohmann::json rows = nlohmann::json::array();
    for (int i = 0; i < 5; ++i)
      rows.push_back({{"name", "calls"},
                      {"run_name", "calls"},
                      {"run_type", "iteration"},
                      {"cpu_time", ns + i},
                      {"real_time", ns + i},
                      {"time_unit", "ns"},
                      {"simulated_cycles", 1e6}});
    rows.push_back({{"name", "calls_mean"},
                    {"run_name", "calls"},
                    {"run_type", "aggregate"},
                    {"aggregate_name", "mean"},
                    {"cpu_time", 1},
                    {"real_time", 1},
                    {"time_unit", "s"}});
    return nlohmann::json{{"context", {{"num_cpus", 2}}}, {"benchmarks", rows}}.dump();
  }

  const TemporaryFolder temporary_{"mintsim-test"};
  const std::filesystem::path folder_ = temporary_.path();
  std::string out_;
  std::string err_;
};

TEST_F(BenchCommand, EqualProgramsAreNoRegression) {
  EXPECT_EQ(mintsim({"compare", program("a", "100"), program("b", "100"), "calls", "--cycles"}), 0);
  EXPECT_THAT(out_, HasSubstr("No regression."));
}

TEST_F(BenchCommand, OtherCyclesAreARegressionThatIsNamed) {
  const std::string json = (folder_ / "report.json").string();
  EXPECT_EQ(mintsim({"compare", program("a", "100"), program("b", "150"), "calls", "x87",
                     "--cycles", "--json", json}),
            1);
  EXPECT_THAT(out_, HasSubstr("REGRESSION calls: simulated cycles 100 -> 150 (+50, +50 %)"));
  std::ifstream stream(json);
  const auto report = nlohmann::json::parse(stream);
  EXPECT_EQ(report["regressed"], true);
  EXPECT_EQ(report["benchmarks"][1]["name"], "x87");
  EXPECT_EQ(report["benchmarks"][0]["cycles"]["verdict"], "changed");
}

TEST_F(BenchCommand, ASlowerProgramIsARegressionAndIsMeasuredTwice) {
  EXPECT_EQ(mintsim({"compare", program("a", "1"), program("b", "1", "sleep 0.1"), "calls",
                     "--threshold", "50"}),
            1);
  EXPECT_THAT(err_, HasSubstr("measuring it once more"));
  EXPECT_THAT(out_, HasSubstr("REGRESSION calls: wall time"));
}

TEST_F(BenchCommand, WhatRunsOfOneProgramDisagreeOnIsAFailure) {
  const std::string other =
      program("b", "'$(cat \"$0.n\" || echo 1)'", "echo 1$(cat \"$0.n\") >\"$0.n\"");
  EXPECT_EQ(mintsim({"compare", program("a", "11"), other, "calls", "--runs", "2"}), 1);
  EXPECT_THAT(out_, HasSubstr("it is not deterministic"));
}

TEST_F(BenchCommand, RunWritesAFileThatCompareTakes) {
  const std::string a = (folder_ / "a.json").string();
  const std::string b = (folder_ / "b.json").string();
  EXPECT_EQ(mintsim({"run", "--program", program("a", "100"), "--runs", "2", "calls", "--json", a}),
            0);
  EXPECT_EQ(mintsim({"run", "--program", program("b", "101"), "--cycles", "calls", "--json", b}),
            0);
  EXPECT_EQ(mintsim({"compare", a, a}), 0);
  EXPECT_EQ(mintsim({"compare", a, b}), 1);
  EXPECT_EQ(mintsim({"compare", program("a", "100"), program("b", "101"), "calls", "--cycles",
                     "--declared", b}),
            0);
  EXPECT_THAT(out_, HasSubstr("as declared"));
}

TEST_F(BenchCommand, FilesOfGoogleBenchmarkAreResultFiles) {
  const std::string a = write("a.json", google(1000));
  EXPECT_EQ(mintsim({"compare", a, a}), 0) << out_;
  EXPECT_THAT(out_, HasSubstr("1,000,000"));
  EXPECT_EQ(mintsim({"compare", a, write("b.json", google(1500))}), 1);
  EXPECT_THAT(out_,
              HasSubstr("REGRESSION calls: processor time 1.002e-06 s -> 1.502e-06 s (+49.9 %)"));
  EXPECT_EQ(mintsim({"compare", write("b.json", google(1500)), a}), 0) << "faster";
}

TEST_F(BenchCommand, BadInputIsExitCodeTwo) {
  const std::string a = program("a", "100");
  const std::string file = write("a.json", google(1000));
  const std::vector<std::vector<std::string>> wrong = {
      {a, (folder_ / "none").string()},
      {a, file},
      {file, write("empty.json", "{}")},
      {file, write("broken.json", "{\"context\": 1, \"benchmarks\": [")},
      {file, write("none.json", R"({"context": {}, "benchmarks": []})")},
      {file, file, "calls"},
      {a, write("text", "no program")},
      {a, a, "no-such-target"},
      {a, a, "calls", "calls", "--cycles"},
      {file, file, "--threshold", "-1"},
      {program("broken", "1", "exit 9"), a, "calls", "--cycles"},
  };
  for (std::vector<std::string> arguments : wrong) {
    arguments.insert(arguments.begin(), "compare");
    EXPECT_EQ(mintsim(arguments), 2) << testing::PrintToString(arguments);
  }
}

TEST_F(BenchCommand, NothingInCommonIsNotComparable) {
  const std::string other = write(
      "b.json", R"({"schema": "mintsim-bench-1", "benchmarks": [{"name": "other", "cycles": 1}]})");
  EXPECT_EQ(mintsim({"compare", write("a.json", google(1000)), other}), 2);
  EXPECT_THAT(out_, HasSubstr("calls: only in "));
}

}  // namespace
}  // namespace mint::bench
