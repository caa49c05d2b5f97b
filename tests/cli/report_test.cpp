// Report, JSON and progress of a run with operating systems.
#include "cli/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/json_result.hpp"
#include "cli/progress.hpp"
#include "cli/table.hpp"
#include "emu/scenario/temporary_folder.hpp"

namespace mint {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Hertz kClock{1000};  // a cycle is a millisecond

OsResult follower(const std::string& name, std::uint64_t start) {
  OsResult os;
  os.name = name;
  os.role = Role::kFollower;
  os.kernel_sha256 = "abcd";
  os.cores = {ApicId{1}};
  os.start = Cycles{start};
  os.kernel_init = Cycles{start + 400};
  os.daemons_up = Cycles{start + 3000};
  const std::uint64_t ends[] = {100, 150, 151, 152, 500, 3000};
  std::uint64_t begin = 0;
  for (unsigned i = 0; i < kStages; i++) {
    os.stages.push_back({static_cast<Stage>(i), Cycles{start + begin}, Cycles{start + ends[i]}});
    begin = ends[i];
  }
  os.lock_held = Cycles{200};
  os.lock_waited = Cycles{50};
  os.lock_taken = 2;
  os.instructions = 1'234'567;
  return os;
}

class ReportOfTwo : public testing::Test {
 protected:
  ReportOfTwo() {
    request_.scenario.name = "parallel2";
    request_.scenario.reference.rows = {5};
    request_.out_dir = folder_ / "parallel2";
    result_.goal_met = true;
    result_.reason = "daemons are up in f1 and f2";
    result_.digest = "0123456789abcdef";
    result_.end = Cycles{25'000};
    result_.core_clock = kClock;
    result_.wall_s = 12.5;
    result_.instructions = 5'000'000'000;
    result_.peak_rss_mb = 900;
    OsResult leader;
    leader.name = "leader";
    leader.cores = {ApicId{0}};
    leader.kernel_init = Cycles{17'000};
    result_.os = {leader, follower("f1", 18'000), follower("f2", 18'200)};
  }

  // A finished run of another scenario, kept beside this one's folder.
  void keep(const std::string& scenario, double seconds, bool goal_met = true) {
    RunRequest request;
    request.scenario.name = scenario;
    RunResult result;
    result.core_clock = kClock;
    result.goal_met = goal_met;
    OsResult os = follower("f1", 18'000);
    os.daemons_up = Cycles{18'000 + static_cast<std::uint64_t>(seconds * 1000)};
    result.os = {os};
    std::filesystem::create_directory(folder_ / scenario);
    std::ofstream(folder_ / scenario / kResultFile) << result_json(request, result);
  }

  const TemporaryFolder temporary_{"mintsim-test"};
  const std::filesystem::path folder_ = temporary_.path();
  RunRequest request_;
  RunResult result_;
};

TEST_F(ReportOfTwo, JsonHasTheKeysOfItsSchema) {
  const auto json = nlohmann::json::parse(result_json(request_, result_));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["scenario"], "parallel2");
  EXPECT_EQ(json["seed"], 1);
  EXPECT_EQ(json["goal_met"], true);
  EXPECT_EQ(json["reason"], "daemons are up in f1 and f2");
  EXPECT_EQ(json["digest"], "0123456789abcdef");
  EXPECT_EQ(json["cycles"], 25'000);
  EXPECT_EQ(json["simulated_s"], 25.0);
  EXPECT_EQ(json["wall_s"], 12.5);
  EXPECT_EQ(json["instructions"], 5'000'000'000);
  EXPECT_EQ(json["peak_rss_mb"], 900);
  EXPECT_EQ(json["exit_code"], nullptr);
  ASSERT_EQ(json["os"].size(), 3U);
  const auto& leader = json["os"][0];
  EXPECT_EQ(leader["role"], "leader");
  EXPECT_EQ(leader["kernel_init_s"], 17.0);
  EXPECT_EQ(leader["daemons_up_s"], nullptr);
  EXPECT_TRUE(leader["stages"].empty());
  const auto& f2 = json["os"][2];
  EXPECT_EQ(f2["name"], "f2");
  EXPECT_EQ(f2["role"], "follower");
  EXPECT_EQ(f2["kernel_sha256"], "abcd");
  EXPECT_EQ(f2["cores"], nlohmann::json::array({1}));
  EXPECT_EQ(f2["kernel_init_s"], 0.4) << "from its start";
  EXPECT_EQ(f2["daemons_up_s"], 3.0) << "from its start";
  EXPECT_EQ(f2["lock_held_s"], 0.2);
  EXPECT_EQ(f2["lock_waited_s"], 0.05);
  ASSERT_EQ(f2["stages"].size(), 6U);
  const char* names[] = {"load", "place", "ipi", "purgatory", "kernel", "user"};
  for (unsigned i = 0; i < 6; i++) EXPECT_EQ(f2["stages"][i]["name"], names[i]);
  EXPECT_EQ(f2["stages"][0]["begin_s"], 18.2) << "on the machine's clock";
  EXPECT_EQ(f2["stages"][0]["end_s"], 18.3);
}

TEST_F(ReportOfTwo, JsonStandsConsoleBytesThatAreNoText) {
  result_.os[1].last_words = "\xff\xfe";
  EXPECT_NO_THROW(nlohmann::json::parse(result_json(request_, result_)));
}

TEST_F(ReportOfTwo, ShowsStagesAndSystems) {
  const std::string report = run_report(request_, result_);
  EXPECT_THAT(report, HasSubstr("parallel2: goal met: daemons are up in f1 and f2"));
  EXPECT_THAT(report,
              testing::ContainsRegex(
                  "f1 +0\\.100 +0\\.05000 +0\\.00100 +0\\.00100 +0\\.348 +2\\.500 +3\\.000\n"));
  EXPECT_THAT(report,
              testing::ContainsRegex(
                  "f2 +1 +18\\.200 +0\\.400 +3\\.000 +0\\.200 +0\\.05000 +2 +0 +1,234,567\n"));
  EXPECT_THAT(report, testing::ContainsRegex("leader +0 .*17\\.000 +- "));
  EXPECT_THAT(report, HasSubstr("25.000 s simulated in 12.5 s (2.00 x real time, 400 MIPS); "
                                "5,000,000,000 instructions; 900 MB resident"));
}

TEST_F(ReportOfTwo, SetsTheThesisBeside) {
  // From the first follower's start to the last one's daemons: 21.2 - 18.0.
  EXPECT_THAT(run_report(request_, result_),
              testing::ContainsRegex("5 two followers in parallel.* 21\\.6 +3\\.200 +0\\.15\n"));
  EXPECT_THAT(run_report(request_, result_),
              HasSubstr("Stage 6 is 83% of f1's boot; thesis: about 92%."));
}

TEST_F(ReportOfTwo, ComparesWithEarlierRunsOfTheOtherScenarios) {
  keep("sequential2", 6.4);
  keep("single", 3.0);
  const std::string report = run_report(request_, result_);
  EXPECT_THAT(report, HasSubstr("Parallel takes 50% of the sequence; thesis: 55%"));
  EXPECT_THAT(report, HasSubstr("The second follower adds 0.200 s to one alone; thesis: 1.9 s"));
  EXPECT_THAT(report, Not(HasSubstr("Not compared")));
}

TEST_F(ReportOfTwo, SaysWhatItDidNotCompare) {
  keep("sequential2", 6.4, /*goal_met=*/false);
  const std::string report = run_report(request_, result_);
  EXPECT_THAT(report, HasSubstr("Not compared: no finished run of sequential2"));
  EXPECT_THAT(report, HasSubstr("Not compared: no finished run of single"));
  EXPECT_THAT(report, Not(HasSubstr("of the sequence")));
}

TEST_F(ReportOfTwo, MarksOtherKernels) {
  keep("sequential2", 6.4);
  result_.os[1].kernel_sha256 = "ef";
  EXPECT_THAT(run_report(request_, result_), HasSubstr("of the sequence (their kernels differ)"));
}

TEST_F(ReportOfTwo, ComparesEvenWithoutKernelHashes) {
  for (OsResult& os : result_.os) os.kernel_sha256.clear();
  std::filesystem::create_directory(request_.out_dir);
  std::ofstream(request_.out_dir / kResultFile) << result_json(request_, result_);
  request_.scenario.name = "single";
  request_.out_dir = folder_ / "single";
  const auto earlier = earlier_result(request_.out_dir, "parallel2");
  ASSERT_TRUE(earlier);
  EXPECT_DOUBLE_EQ(earlier->both_up_s, 3.2);
}

TEST_F(ReportOfTwo, DamagedEarlierResultIsIgnored) {
  std::filesystem::create_directory(folder_ / "single");
  for (const char* text : {"", "{", "[]", "{\"schema\": 1, \"goal_met\": true, \"os\": [{}]}",
                           "{\"schema\": \"x\"}"}) {
    std::ofstream(folder_ / "single" / kResultFile) << text;
    EXPECT_FALSE(earlier_result(request_.out_dir, "single")) << text;
  }
}

TEST_F(ReportOfTwo, ExplainsAMissedGoal) {
  result_.goal_met = false;
  result_.reason = "no event for 10 s of simulated time";
  result_.os[2].daemons_up.reset();
  result_.os[2].stages[5].end.reset();
  result_.os[1].died = true;
  result_.os[1].last_words = "Kernel panic - not syncing";
  result_.interference = {{Cycles{19'000}, "f1", "f2", "I/O APIC pin 5 masked"}};
  result_.watchdog = "core 1: halted at native_safe_halt\ncore 2: spins for the lock, held by f1";
  const std::string report = run_report(request_, result_);
  EXPECT_THAT(report, HasSubstr("GOAL MISSED: no event for 10 s"));
  EXPECT_THAT(report, HasSubstr(">6.300")) << "stage 6 of f2 had not ended";
  EXPECT_THAT(report, HasSubstr("f1 DIED: Kernel panic - not syncing"));
  EXPECT_THAT(report, testing::ContainsRegex("19\\.000 +f1 +f2 +I/O APIC pin 5 masked"));
  EXPECT_THAT(report, HasSubstr("  core 2: spins for the lock, held by f1\n"));
}

TEST(ProgressLine, HasTimeStagesAndSpeed) {
  Progress progress;
  progress.now = Cycles{12'345};
  progress.wall_s = 24.69;
  progress.mips = 142.4;
  progress.os = {{"leader", "up"}, {"f1", "kernel"}};
  EXPECT_EQ(progress_line(progress, kClock),
            "  12.345 s   leader up   f1 kernel   142 MIPS, 0.50 x real time");
}

TEST(LiveProgress, PlainLinesEveryFewSecondsWhenNotATerminal) {
  std::FILE* file = std::tmpfile();
  {
    LiveProgress live(kClock, file, nullptr);
    Progress progress;
    for (int tenth = 0; tenth <= 60; tenth++) {
      progress.wall_s = tenth / 10.0;
      progress.now = Cycles{static_cast<std::uint64_t>(tenth) * 100};
      live.progress(progress);
    }
  }
  std::rewind(file);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(TableText, AlignsColumns) {
  Table table({"", "a", "long"});
  table.add({"x", "1,000", "2"});
  EXPECT_EQ(table.text(), "         a  long\n  x  1,000     2\n");
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1'000'000), "1,000,000");
}

}  // namespace
}  // namespace mint
