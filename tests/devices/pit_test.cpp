#include "devices/pit.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/devices/saved_state.hpp"

namespace mint {
namespace {

constexpr Hertz kCore{2'800'000'000};

struct PitTest : testing::Test {
  EventQueue queue;
  std::vector<std::pair<std::uint64_t, bool>> edges;
  Pit pit{queue, kCore, [this](bool level) { edges.emplace_back(queue.now().count, level); }};

  void out(unsigned port, std::uint8_t value) { pit.write(port, 1, value); }
  unsigned in(unsigned port) { return static_cast<unsigned>(pit.read(port, 1)); }
  static std::uint64_t cycle_of(std::uint64_t tick) { return ticks_up(tick, Pit::kClock, kCore); }
  void to_tick(std::uint64_t tick) { queue.run_until({cycle_of(tick)}); }
  void start(unsigned counter, unsigned mode, std::uint16_t count) {
    out(3, static_cast<std::uint8_t>(counter << 6 | 0x30 | mode << 1));
    out(counter, static_cast<std::uint8_t>(count));
    out(counter, static_cast<std::uint8_t>(count >> 8));
  }
};

TEST_F(PitTest, ModeTwoInterruptsAtExactMultiplesOfThePeriod) {
  to_tick(1000);
  start(0, 2, 11932);
  edges.clear();
  to_tick(1001 + 3 * 11932);
  const std::vector<std::pair<std::uint64_t, bool>> expected = {
      {cycle_of(1001 + 11931), false},         {cycle_of(1001 + 11932), true},
      {cycle_of(1001 + 2 * 11932 - 1), false}, {cycle_of(1001 + 2 * 11932), true},
      {cycle_of(1001 + 3 * 11932 - 1), false}, {cycle_of(1001 + 3 * 11932), true},
  };
  EXPECT_EQ(edges, expected);
}

TEST_F(PitTest, DoesNotDriftOverAnHour) {
  start(0, 2, 1193);
  to_tick(std::uint64_t{3600} * 1'193'182);
  // The last rising edge is where whole periods since the load say, to the cycle.
  const std::uint64_t periods = (std::uint64_t{3600} * 1'193'182 - 1) / 1193;
  ASSERT_TRUE(edges.back().second);
  EXPECT_EQ(edges.back().first, cycle_of(1 + periods * 1193));
}

TEST_F(PitTest, ModeZeroInterruptsOnce) {
  start(0, 0, 100);
  edges.clear();
  to_tick(500'000);
  const std::vector<std::pair<std::uint64_t, bool>> expected = {{cycle_of(101), true}};
  EXPECT_EQ(edges, expected);
  EXPECT_EQ(queue.next(), Cycles::max());
}

TEST_F(PitTest, AControlWordSetsTheLineAtOnce) {
  start(0, 2, 1000);
  EXPECT_TRUE(edges.back().second);
  to_tick(500);
  out(3, 0x30);
  const std::pair<std::uint64_t, bool> expected{cycle_of(500), false};
  EXPECT_EQ(edges.back(), expected);
}

TEST_F(PitTest, LatchHoldsTheCountUntilBothBytesAreRead) {
  start(0, 2, 0x1234);
  to_tick(1 + 0x34);
  out(3, 0x00);
  to_tick(500);
  out(3, 0x00);  // ignored: latched already
  EXPECT_EQ(in(0), 0x00U);
  EXPECT_EQ(in(0), 0x12U);
  to_tick(1 + 0x1000);
  EXPECT_EQ(in(0), 0x34U);
  EXPECT_EQ(in(0), 0x02U);
}

TEST_F(PitTest, AControlWordDropsALatchedCount) {
  start(0, 2, 0x1234);
  to_tick(1);
  out(3, 0x00);
  start(0, 2, 0x5678);
  to_tick(2);
  EXPECT_EQ(in(0), 0x78U);
  EXPECT_EQ(in(0), 0x56U);
}

// Two cores that read or write the same counter share its byte order flip-flops, and mix their
// bytes.
TEST_F(PitTest, TheByteFlipFlopsBelongToTheCounterNotToTheReader) {
  start(0, 2, 0xabcd);
  to_tick(1);
  EXPECT_EQ(in(0), 0xcdU);  // core 0 wants two bytes
  EXPECT_EQ(in(0), 0xabU);  // core 1 gets core 0's high byte for its low byte
  EXPECT_EQ(in(0), 0xcdU);
  EXPECT_EQ(in(0), 0xabU);
  // Core 0 writes 1111h, core 1 2222h, byte by byte in turn.
  out(3, 0x30);
  out(0, 0x11);
  out(0, 0x22);
  to_tick(2);
  EXPECT_EQ(in(0), 0x11U);
  EXPECT_EQ(in(0), 0x22U);
}

TEST_F(PitTest, ReadAndWriteFlipFlopsAreSeparate) {
  start(0, 2, 0x4321);
  to_tick(1);
  EXPECT_EQ(in(0), 0x21U);
  out(0, 0x88);
  EXPECT_EQ(in(0), 0x43U);
  out(0, 0x00);
  to_tick(1 + 0x4321);  // the new count starts with the next period
  EXPECT_EQ(in(0), 0x88U);
  EXPECT_EQ(in(0), 0x00U);
}

TEST_F(PitTest, ReadBackLatchesStatusAndCountOfSeveralCounters) {
  start(0, 2, 0x0100);
  start(2, 3, 0x0200);
  pit.set_gate2(true);
  to_tick(1);
  out(3, 0xc0 | 0x02 | 0x08);
  EXPECT_EQ(in(0), 0x80U | 0x34U);
  EXPECT_EQ(in(0), 0x00U);
  EXPECT_EQ(in(0), 0x01U);
  EXPECT_EQ(in(2), 0x80U | 0x36U);
  EXPECT_EQ(in(2), 0x00U);
  EXPECT_EQ(in(2), 0x02U);
}

TEST_F(PitTest, NullCountIsSetUntilTheCountIsLoaded) {
  const auto null_count = [this] {
    out(3, 0xe2);
    return (in(0) & 0x40) != 0;
  };
  out(3, 0x34);
  EXPECT_TRUE(null_count());
  out(0, 0x10);
  out(0, 0x00);
  EXPECT_TRUE(null_count());
  to_tick(1);
  EXPECT_FALSE(null_count());
  out(0, 0x20);
  EXPECT_FALSE(null_count());
  out(0, 0x00);
  EXPECT_TRUE(null_count());
  to_tick(16);
  EXPECT_TRUE(null_count());
  to_tick(17);
  EXPECT_FALSE(null_count());
}

// The way Linux calibrates the TSC: counter 2 in mode 0, gate up, wait for OUT.
TEST_F(PitTest, CounterTwoTimesAnIntervalFromTheCountToOut) {
  pit.set_gate2(true);
  to_tick(777);
  start(2, 0, 11931);  // 10 ms
  to_tick(777 + 11931);
  EXPECT_FALSE(pit.output2());
  to_tick(777 + 11932);
  EXPECT_TRUE(pit.output2());
}

TEST_F(PitTest, TheControlRegisterCannotBeRead) { EXPECT_EQ(in(3), 0xffU); }

TEST_F(PitTest, AWordAccessTouchesTwoPorts) {
  start(0, 2, 0x4321);
  start(1, 2, 0x8765);
  to_tick(1);
  EXPECT_EQ(pit.read(0, 2), 0x6521U);
}

TEST_F(PitTest, ResetTakesTheLineDownAndStopsTheInterrupt) {
  start(0, 2, 100);
  to_tick(150);
  pit.reset();
  EXPECT_FALSE(edges.back().second);
  EXPECT_EQ(queue.next(), Cycles::max());
}

TEST_F(PitTest, ARestoredTimerGoesOnAsTheSavedOne) {
  start(0, 2, 100);
  to_tick(130);
  const SavedState saved = SavedState::of(pit);
  edges.clear();
  to_tick(1000);
  const auto first = edges;

  EventQueue other_queue;
  std::vector<std::pair<std::uint64_t, bool>> other_edges;
  Pit other(other_queue, kCore,
            [&](bool level) { other_edges.emplace_back(other_queue.now().count, level); });
  other_queue.run_until({cycle_of(130)});
  saved.restore(other);
  EXPECT_EQ(SavedState::of(other), saved);
  other_queue.run_until({cycle_of(1000)});
  EXPECT_EQ(other_edges, first);
}

}  // namespace
}  // namespace mint
