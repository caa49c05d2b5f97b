#include "devices/kbc.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/devices/saved_state.hpp"

namespace mint {
namespace {

constexpr Hertz kCore{2'800'000'000};
constexpr std::uint64_t kMillisecond = 2'800'000;

struct KbcTest : testing::Test {
  EventQueue queue;
  bool irq = false;
  std::vector<bool> a20;
  int inits = 0;
  Kbc kbc{queue, kCore, [this](bool level) { irq = level; }, [this](bool on) { a20.push_back(on); },
          [this] { ++inits; }};

  unsigned status() { return static_cast<unsigned>(kbc.read(Kbc::kCommandPort, 1)); }
  unsigned data() { return static_cast<unsigned>(kbc.read(Kbc::kDataPort, 1)); }
  void command(std::uint8_t value) { kbc.write(Kbc::kCommandPort, 1, value); }
  void write(std::uint8_t value) { kbc.write(Kbc::kDataPort, 1, value); }
  unsigned ask(std::uint8_t value) {
    command(value);
    EXPECT_EQ(status() & 0x01U, 0x01U) << "no answer to " << unsigned{value};
    return data();
  }
};

TEST_F(KbcTest, IsEmptyAndUnlockedAfterReset) {
  EXPECT_EQ(status(), 0x10U);
  EXPECT_EQ(inits, 0);
  EXPECT_TRUE(a20.empty());
}

TEST_F(KbcTest, PassesItsSelfTest) {
  command(0xaa);
  EXPECT_EQ(status(), 0x1dU) << "answer waiting, system flag, last write a command";
  EXPECT_EQ(data(), 0x55U);
  EXPECT_EQ(status(), 0x1cU);
}

TEST_F(KbcTest, KeyboardInterfaceTestFindsNoError) { EXPECT_EQ(ask(0xab), 0x00U); }

// How Linux learns that there is no auxiliary port, without waiting for a time-out (i8042.c): the
// loop-back's answer is not marked as auxiliary, the port test reports an error.
TEST_F(KbcTest, HasNoAuxiliaryPort) {
  command(0xd3);
  write(0x5a);
  EXPECT_EQ(status() & 0x21U, 0x01U);
  EXPECT_EQ(data(), 0x5aU);
  EXPECT_NE(ask(0xa9), 0x00U);
}

TEST_F(KbcTest, KeepsItsCommandByteAndRam) {
  command(0x60);
  write(0x45);
  EXPECT_EQ(ask(0x20), 0x45U);
  EXPECT_EQ(status() & 0x04U, 0x04U);
  command(0x7f);
  write(0x99);
  EXPECT_EQ(ask(0x3f), 0x99U);
  EXPECT_EQ(ask(0x20), 0x45U);
}

TEST_F(KbcTest, DisableAndEnableShowInTheCommandByte) {
  command(0xad);
  EXPECT_EQ(ask(0x20) & 0x10U, 0x10U);
  command(0xae);
  EXPECT_EQ(ask(0x20) & 0x10U, 0x00U);
}

TEST_F(KbcTest, OutputPortSwitchesA20) {
  command(0xd1);
  write(0xdd);
  command(0xd1);
  write(0xdf);
  EXPECT_EQ(a20, (std::vector<bool>{false, true}));
  EXPECT_EQ(ask(0xd0) & 0x03U, 0x03U);
  EXPECT_EQ(inits, 0);
}

TEST_F(KbcTest, RcResetsTheProcessors) {
  command(0xfe);
  EXPECT_EQ(inits, 1);
  command(0xff);
  EXPECT_EQ(inits, 1) << "pulses nothing";
  command(0xd1);
  write(0xde);
  EXPECT_EQ(inits, 2);
}

TEST_F(KbcTest, RaisesIrq1WhileTheOutputBufferIsFullAndTheCommandByteAllows) {
  command(0xd2);
  write('x');
  EXPECT_FALSE(irq);
  data();
  command(0x60);
  write(0x01);
  command(0xd2);
  write('x');
  EXPECT_TRUE(irq);
  EXPECT_EQ(data(), unsigned{'x'});
  EXPECT_FALSE(irq);
}

TEST_F(KbcTest, NoKeyboardTakesAByteSoTheControllerGivesUpAfter15Milliseconds) {
  command(0x60);
  write(0x01);
  write(0xed);
  EXPECT_EQ(status() & 0x43U, 0x02U);
  queue.run_until({15 * kMillisecond - 1});
  EXPECT_EQ(status() & 0x43U, 0x02U);
  queue.run_until({15 * kMillisecond});
  EXPECT_EQ(status() & 0x43U, 0x41U);
  EXPECT_TRUE(irq);
  EXPECT_EQ(data(), 0xfeU);
  EXPECT_EQ(status() & 0x43U, 0x00U);
}

TEST_F(KbcTest, ResetTurnsA20OnAndForgetsWhatWasGoingOn) {
  command(0xd1);
  write(0xdd);
  write(0xed);
  kbc.reset();
  EXPECT_EQ(a20.back(), true);
  EXPECT_EQ(status(), 0x10U);
  EXPECT_EQ(queue.next(), Cycles::max());
}

TEST_F(KbcTest, OtherPortsOfItsRangeFloat) { EXPECT_EQ(kbc.read(1, 1), 0xffU); }

TEST_F(KbcTest, ItsWholeStateIsSaved) {
  command(0x60);
  write(0x01);
  write(0xed);
  const SavedState saved = SavedState::of(kbc);
  EventQueue other_queue;
  Kbc other(other_queue, kCore, {}, {}, {});
  saved.restore(other);
  EXPECT_EQ(SavedState::of(other), saved);
  EXPECT_EQ(other_queue.next(), Cycles{15 * kMillisecond});
}

}  // namespace
}  // namespace mint
