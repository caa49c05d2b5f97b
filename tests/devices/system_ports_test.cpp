#include "devices/system_ports.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace mint {
namespace {

constexpr Hertz kCore{2'800'000'000};

struct SystemPortBTest : testing::Test {
  EventQueue queue;
  Pit pit{queue, kCore, {}};
  SystemPortB port{pit};

  unsigned in() { return static_cast<unsigned>(port.read(0, 1)); }
  void to_tick(std::uint64_t tick) { queue.run_until({ticks_up(tick, Pit::kClock, kCore)}); }
};

TEST_F(SystemPortBTest, KeepsItsFourControlBits) {
  port.write(0, 1, 0xff);
  EXPECT_EQ(in() & 0xcfU, 0x0fU);
  port.reset();
  EXPECT_EQ(in() & 0x0fU, 0x00U);
}

// TSC calibration through the speaker gate: counter 2 runs only while bit 0 is set, bit 5 is its
// OUT.
TEST_F(SystemPortBTest, GatesCounterTwoAndShowsItsOutput) {
  pit.write(3, 1, 0xb0);
  pit.write(2, 1, 100);
  pit.write(2, 1, 0);
  to_tick(1000);
  EXPECT_EQ(in() & 0x20U, 0x00U);
  port.write(0, 1, 0x01);
  to_tick(1000 + 99);
  EXPECT_EQ(in() & 0x20U, 0x00U);
  to_tick(1000 + 100);
  EXPECT_EQ(in() & 0x20U, 0x20U);
}

TEST_F(SystemPortBTest, RefreshToggleFlipsEvery18PulsesOfThe8254) {
  for (std::uint64_t i = 0; i < 10; ++i) {
    to_tick(18 * i);
    EXPECT_EQ(in() & 0x10U, i % 2 * 0x10U) << i;
    to_tick(18 * i + 17);
    EXPECT_EQ(in() & 0x10U, i % 2 * 0x10U) << i;
  }
}

struct SystemPortATest : testing::Test {
  std::vector<bool> a20;
  int inits = 0;
  SystemPortA port{[this](bool on) { a20.push_back(on); }, [this] { ++inits; }};
};

TEST_F(SystemPortATest, A20IsOnWhileEitherGateIs) {
  EXPECT_TRUE(port.a20());
  port.write(0, 1, 0x02);
  port.set_kbc_a20(false);
  EXPECT_TRUE(a20.empty());
  port.write(0, 1, 0x00);
  EXPECT_EQ(a20, (std::vector<bool>{false}));
  port.set_kbc_a20(true);
  EXPECT_EQ(a20, (std::vector<bool>{false, true}));
}

TEST_F(SystemPortATest, InitNowPulsesOnItsRisingEdge) {
  port.write(0, 1, 0x01);
  EXPECT_EQ(inits, 1);
  port.write(0, 1, 0x03);
  EXPECT_EQ(inits, 1);
  EXPECT_EQ(port.read(0, 1), 0x03U);
  port.write(0, 1, 0x00);
  port.write(0, 1, 0x01);
  EXPECT_EQ(inits, 2);
}

TEST(ResetControl, SysRstChoosesTheResetAndRstCpuStartsIt) {
  int inits = 0;
  int resets = 0;
  ResetControl port([&] { ++inits; }, [&] { ++resets; });
  port.write(0, 1, 0x02);
  EXPECT_EQ(inits + resets, 0);
  port.write(0, 1, 0x06);
  EXPECT_EQ(resets, 1);
  port.write(0, 1, 0x06);
  EXPECT_EQ(resets, 1) << "needs a rising edge";
  port.write(0, 1, 0x00);
  port.write(0, 1, 0x04);
  EXPECT_EQ(inits, 1);
  EXPECT_EQ(resets, 1);
  EXPECT_EQ(port.read(0, 1), 0x04U);
}

TEST(PostCode, ShowsAndKeepsTheCode) {
  std::vector<std::uint8_t> shown;
  PostCode port([&](std::uint8_t code) { shown.push_back(code); });
  port.write(0, 1, 0x55);
  port.write(0, 2, 0x1234);
  EXPECT_EQ(shown, (std::vector<std::uint8_t>{0x55, 0x34}));
  EXPECT_EQ(port.code(), 0x34);
  EXPECT_EQ(port.read(0, 1), 0x34U);
}

}  // namespace
}  // namespace mint
