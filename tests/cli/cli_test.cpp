// The command line from outside: arguments, exit codes, what goes to which stream. The machine is a
// stand-in.
#include "cli/cli.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "emu/scenario/temporary_folder.hpp"

namespace mint {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Cli : public testing::Test {
 protected:
  Cli() {
    // Runs are recorded in the user's data folder.
    setenv("XDG_DATA_HOME", (folder_ / "data").c_str(), 1);
    // A multiboot header with load addresses, so that no ELF is needed.
    std::string program(4096, '\0');
    const std::uint32_t header[] = {0x1BADB002, 0x10000,  0U - 0x1BADB002 - 0x10000,
                                    0x100000,   0x100000, 0x101000,
                                    0x200000,   0x100020};
    program.replace(0, sizeof header, reinterpret_cast<const char*>(header), sizeof header);
    write("p.elf", program);
    write("module", "m");
    result_.goal_met = true;
    result_.reason = "the guest wrote 0 to port F4h";
    result_.digest = "00ff";
    result_.core_clock = Hertz{2'800'000'000};
    result_.end = Cycles{1'400'000'000};
    result_.exit_code = 0;
  }

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  int mintsim(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "mintsim");
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = cli_main(static_cast<int>(argv.size()), argv.data(),
                              [&](const RunRequest& request, RunObserver& observer) {
                                request_ = request;
                                observer.console(0, "hello from the guest\n");
                                if (throw_) throw std::runtime_error("a broken invariant");
                                return result_;
                              });
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code;
  }
  std::vector<std::string> run(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"run", path("p.elf"), "--out", path("out")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  const TemporaryFolder temporary_{"mintsim-test"};
  const std::filesystem::path folder_ = temporary_.path();
  RunResult result_;
  bool throw_ = false;
  std::optional<RunRequest> request_;
  std::string out_;
  std::string err_;
};

TEST_F(Cli, GoalMetShowsSerialOutputAndReport) {
  EXPECT_EQ(mintsim(run({})), 0);
  EXPECT_THAT(out_, StartsWith("hello from the guest\n"));
  EXPECT_THAT(out_,
              HasSubstr("p: goal met: the guest wrote 0 to port F4h\nThe guest ended with 0."));
  EXPECT_THAT(out_, HasSubstr("seed 1, digest 00ff"));
  EXPECT_THAT(err_, IsEmpty());
}

TEST_F(Cli, QuietLeavesOnlySerialOutput) {
  EXPECT_EQ(mintsim(run({"--quiet"})), 0);
  EXPECT_EQ(out_, "hello from the guest\n");
  EXPECT_THAT(err_, IsEmpty());
}

TEST_F(Cli, GoalMissedIsExitCodeOne) {
  result_.goal_met = false;
  result_.reason = "the guest wrote 3 to port F4h";
  result_.exit_code = 3;
  EXPECT_EQ(mintsim(run({})), 1);
  EXPECT_THAT(out_, HasSubstr("GOAL MISSED: the guest wrote 3 to port F4h"));
}

TEST_F(Cli, OwnFaultIsExitCodeThree) {
  throw_ = true;
  EXPECT_EQ(mintsim(run({})), 3);
  EXPECT_THAT(err_, HasSubstr("mintsim: own fault: a broken invariant"));
}

TEST_F(Cli, BadInputIsExitCodeTwoAndStartsNothing) {
  EXPECT_EQ(mintsim({"run", path("none.toml")}), 2);
  EXPECT_THAT(err_, HasSubstr("none.toml: cannot be read; remedy: "));
  EXPECT_EQ(mintsim({"run", path("none.elf")}), 2);
  EXPECT_THAT(err_, HasSubstr("none.elf does not exist; remedy: "));
  EXPECT_EQ(mintsim({"run", path("module"), "--out", path("out")}), 2);
  EXPECT_THAT(err_, HasSubstr("module is no multiboot program: "));
  EXPECT_EQ(mintsim({"run"}), 2);
  EXPECT_EQ(mintsim({"run", path("p.elf"), "--sed", "2"}), 2);
  EXPECT_EQ(mintsim(run({"--cores", "65"})), 2);
  EXPECT_EQ(mintsim({}), 2);
  EXPECT_FALSE(request_) << "nothing was run";
}

TEST_F(Cli, ProblemsOfAScenarioAreAllShown) {
  write("s.toml", "[bare_metal]\nprogram = 1\nroms = 2\n[machine]\ncores = 0\n");
  EXPECT_EQ(mintsim({"check", path("s.toml")}), 2);
  EXPECT_THAT(err_, HasSubstr("s.toml:2:11: 'bare_metal.program' is an integer"));
  EXPECT_THAT(err_,
              HasSubstr("s.toml:3:1: unknown key 'roms' in [bare_metal], did you mean 'rom'?"));
  EXPECT_THAT(err_, HasSubstr("s.toml:5:9: 'machine.cores' is 0, out of range"));
}

TEST_F(Cli, OptionsOfTheShortForm) {
  EXPECT_EQ(mintsim(run({"--cores", "8", "--memory", "64", "--append", "a b", "--module",
                         path("module"), "--seed", "7"})),
            0);
  ASSERT_TRUE(request_);
  EXPECT_EQ(request_->seed, 7U);
  EXPECT_EQ(request_->scenario.machine.cores, 8U);
  EXPECT_EQ(request_->scenario.machine.memory, 64ULL << 20);
  EXPECT_EQ(request_->scenario.machine.name, "core-i7-860");
  ASSERT_TRUE(request_->scenario.bare_metal);
  EXPECT_EQ(request_->scenario.bare_metal->program, path("p.elf"));
  EXPECT_EQ(request_->scenario.bare_metal->append, "a b");
  EXPECT_THAT(request_->scenario.bare_metal->modules, testing::ElementsAre(path("module")));
  EXPECT_TRUE(request_->scenario.bare_metal->debug_parts);
  EXPECT_TRUE(request_->console_to_observer);
  EXPECT_TRUE(std::filesystem::is_directory(request_->out_dir));
}

TEST_F(Cli, OptionsOfTheShortFormAreNotForScenarios) {
  write("s.toml", "[bare_metal]\nprogram = \"p.elf\"\n");
  EXPECT_EQ(mintsim({"run", path("s.toml"), "--append", "x"}), 2);
  EXPECT_THAT(err_, HasSubstr("--append"));
  EXPECT_FALSE(request_);
}

TEST_F(Cli, JsonOnStandardOutputIsAlone) {
  EXPECT_EQ(mintsim(run({"--json", "-"})), 0);
  const auto json = nlohmann::json::parse(out_);
  EXPECT_EQ(json["exit_code"], 0);
  EXPECT_EQ(json["scenario"], "p");
  EXPECT_THAT(err_, HasSubstr("hello from the guest"));
}

TEST_F(Cli, JsonToAFile) {
  EXPECT_EQ(mintsim(run({"--json", path("r.json")})), 0);
  std::ifstream file(path("r.json"));
  EXPECT_EQ(nlohmann::json::parse(file)["goal_met"], true);
  EXPECT_THAT(out_, HasSubstr("goal met"));
  EXPECT_EQ(mintsim(run({"--json", path("no/such/folder.json")})), 2);
}

TEST_F(Cli, CheckShowsWhoOwnsWhat) {
  EXPECT_EQ(mintsim({"check", path("s.toml")}), 2) << "there is none yet";
  write("s.toml", "[bare_metal]\nprogram = \"p.elf\"\n[machine]\ncores = 2\n");
  EXPECT_EQ(mintsim({"check", path("s.toml")}), 0);
  EXPECT_THAT(out_, HasSubstr("machine core-i7-860: 2 cores at 2800 MHz, 2G of RAM"));
  EXPECT_THAT(out_, HasSubstr("guest p.elf, with QEMU's debug parts"));
  EXPECT_FALSE(request_);
}

}  // namespace
}  // namespace mint
