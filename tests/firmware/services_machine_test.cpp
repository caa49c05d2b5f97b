// SPDX-License-Identifier: GPL-2.0-only
// The services test on our own machine, from power-on through POST, disk and boot sector.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "emu/machine/machine.hpp"
#include "emu/machine/recorder.hpp"

namespace mint {
namespace {

const std::filesystem::path kFolder = FIRMWARE_DIR;

class NoObserver final : public RunObserver {
 public:
  void progress(const Progress&) override {}
  void console(unsigned, std::string_view) override {}
};

class ServicesRecorder final : public Recorder {
 public:
  ServicesRecorder(const RunRequest& request, RunObserver& observer) : Recorder(request, observer) {
    open_console(0, "serial", 0);
  }
  void debug_exit(std::uint32_t value) override { end(value == 0, "isa-debug-exit"); }
  void platform_reset(const std::string& why) override { end(false, "reset by " + why); }
  std::string text() const { return console_text(0); }
};

class ServicesOnMachine : public testing::TestWithParam<unsigned> {};

TEST_P(ServicesOnMachine, Pass) {
  RunRequest request;
  request.out_dir = kFolder / "services_test.out";
  std::filesystem::create_directories(request.out_dir);
  request.scenario.machine.cores = GetParam();
  request.scenario.machine.memory = 256ULL << 20;
  request.scenario.end.time_limit_s = 30;
  MachineSetup setup;
  setup.profile = request.scenario.machine;
  setup.debug_parts = true;
  std::ifstream rom(kFolder / "bios.bin", std::ios::binary);
  setup.rom = {std::istreambuf_iterator<char>(rom), {}};
  setup.disks.push_back({4, (kFolder / "services_test.img").string(), "SERVICES"});
  NoObserver observer;
  ServicesRecorder recorder(request, observer);
  Machine machine(std::move(setup), recorder);
  machine.power_on();
  const RunResult result = recorder.run(machine);
  EXPECT_TRUE(result.goal_met) << result.reason << '\n' << recorder.text() << result.watchdog;
  EXPECT_EQ(recorder.text().find("FAIL"), std::string::npos) << recorder.text();
  EXPECT_NE(recorder.text().find("cases passed"), std::string::npos) << recorder.text();
}

INSTANTIATE_TEST_SUITE_P(Cores, ServicesOnMachine, testing::Values(1U, 3U, 36U));

}  // namespace
}  // namespace mint
