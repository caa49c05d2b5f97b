// Timing diagrams of the 8254 data sheet (figures 15 to 20), pulse by pulse.
#include "devices/pit_counter.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace mint {
namespace {

// Counts and OUT at pulses from+1, from+2, ...: "4H 3L" is count 4 with OUT high, then 3 with OUT
// low.
std::string run(PitCounter& counter, std::uint64_t from, unsigned pulses) {
  std::string text;
  for (std::uint64_t tick = from + 1; tick <= from + pulses; ++tick) {
    const bool out = counter.out(tick);
    const unsigned low = counter.read(tick);
    text += std::to_string(low) + (out ? "H " : "L ");
  }
  text.pop_back();
  return text;
}

// Control words with RW = LSB only, so that one read is one count.
PitCounter programmed(unsigned mode, std::uint8_t count, std::uint64_t tick) {
  PitCounter counter;
  counter.write_control(from_raw<PitControlWord>(static_cast<std::uint8_t>(0x10 | mode << 1)),
                        tick);
  counter.write_count(count, tick);
  return counter;
}

TEST(PitMode0, GoesHighNPlusOnePulsesAfterTheCountIsWritten) {
  PitCounter counter = programmed(0, 4, 100);
  EXPECT_FALSE(counter.out(100));
  EXPECT_EQ(run(counter, 100, 7), "4L 3L 2L 1L 0H 255H 254H");
}

TEST(PitMode0, GateHoldsTheCount) {
  PitCounter counter = programmed(0, 3, 100);
  EXPECT_EQ(run(counter, 100, 2), "3L 2L");
  counter.set_gate(false, 102);
  EXPECT_EQ(run(counter, 102, 3), "2L 2L 2L");
  counter.set_gate(true, 105);
  EXPECT_EQ(run(counter, 105, 3), "1L 0H 255H");
}

TEST(PitMode0, ACountWrittenWhileGateIsLowIsLoadedByTheNextPulse) {
  PitCounter counter = programmed(0, 9, 100);
  counter.set_gate(false, 100);
  counter.write_count(2, 105);
  EXPECT_EQ(run(counter, 105, 2), "2L 2L");
  counter.set_gate(true, 107);
  EXPECT_EQ(run(counter, 107, 2), "1L 0H");
}

TEST(PitMode0, ANewCountIsLoadedByTheNextPulseAndTakesOutLow) {
  PitCounter counter = programmed(0, 1, 100);
  EXPECT_EQ(run(counter, 100, 3), "1L 0H 255H");
  counter.write_count(2, 103);
  EXPECT_FALSE(counter.out(103));
  EXPECT_EQ(run(counter, 103, 4), "2L 1L 0H 255H");
}

TEST(PitMode0, TheFirstOfTwoBytesStopsCountingAndTakesOutLow) {
  PitCounter counter;
  counter.write_control(from_raw<PitControlWord>(0x30), 0);
  counter.write_count(1, 0);
  counter.write_count(0, 0);
  EXPECT_TRUE(counter.out(2));
  counter.write_count(5, 3);
  EXPECT_FALSE(counter.out(3));
  EXPECT_FALSE(counter.out(100'000));
  counter.write_count(0, 100'000);
  EXPECT_FALSE(counter.out(100'005));
  EXPECT_TRUE(counter.out(100'006));
}

TEST(PitMode1, ATriggerStartsTheOneShotAndAnotherOneRestartsIt) {
  PitCounter counter = programmed(1, 3, 100);
  counter.set_gate(false, 100);
  EXPECT_TRUE(counter.out(110));
  counter.set_gate(true, 110);
  EXPECT_EQ(run(counter, 110, 5), "3L 2L 1L 0H 255H");
  counter.set_gate(false, 115);
  counter.set_gate(true, 115);
  EXPECT_EQ(run(counter, 115, 2), "3L 2L");
  counter.set_gate(false, 117);
  counter.set_gate(true, 117);
  EXPECT_EQ(run(counter, 117, 4), "3L 2L 1L 0H");
}

TEST(PitMode1, ANewCountWaitsForTheNextTrigger) {
  PitCounter counter = programmed(1, 2, 100);
  counter.set_gate(false, 100);
  counter.set_gate(true, 100);
  EXPECT_EQ(run(counter, 100, 1), "2L");
  counter.write_count(4, 101);
  EXPECT_EQ(run(counter, 101, 3), "1L 0H 255H");
  counter.set_gate(false, 104);
  counter.set_gate(true, 104);
  EXPECT_EQ(run(counter, 104, 5), "4L 3L 2L 1L 0H");
}

TEST(PitMode2, IsLowForTheLastPulseOfEachPeriod) {
  PitCounter counter = programmed(2, 3, 100);
  EXPECT_EQ(run(counter, 100, 8), "3H 2H 1L 3H 2H 1L 3H 2H");
}

TEST(PitMode2, GateLowSetsOutHighAndATriggerReloads) {
  PitCounter counter = programmed(2, 3, 100);
  EXPECT_EQ(run(counter, 100, 3), "3H 2H 1L");
  counter.set_gate(false, 103);
  EXPECT_TRUE(counter.out(103));
  EXPECT_EQ(run(counter, 103, 2), "1H 1H");
  counter.set_gate(true, 105);
  EXPECT_EQ(run(counter, 105, 4), "3H 2H 1L 3H");
}

TEST(PitMode2, ANewCountStartsAfterTheCurrentPeriod) {
  PitCounter counter = programmed(2, 4, 100);
  EXPECT_EQ(run(counter, 100, 2), "4H 3H");
  counter.write_count(5, 102);
  EXPECT_EQ(run(counter, 102, 8), "2H 1L 5H 4H 3H 2H 1L 5H");
}

TEST(PitMode2, TheOtherBitPatternIsTheSameMode) {
  PitCounter counter = programmed(6, 3, 100);
  EXPECT_EQ(run(counter, 100, 4), "3H 2H 1L 3H");
}

TEST(PitMode3, AnEvenCountIsASquareWave) {
  PitCounter counter = programmed(3, 4, 100);
  EXPECT_EQ(run(counter, 100, 9), "4H 2H 4L 2L 4H 2H 4L 2L 4H");
}

TEST(PitMode3, AnOddCountIsHighForOnePulseMoreThanLow) {
  PitCounter counter = programmed(3, 5, 100);
  EXPECT_EQ(run(counter, 100, 10), "4H 2H 0H 4L 2L 4H 2H 0H 4L 2L");
}

TEST(PitMode3, ANewCountStartsAfterTheCurrentHalfPeriod) {
  PitCounter counter = programmed(3, 6, 100);
  EXPECT_EQ(run(counter, 100, 1), "6H");
  counter.write_count(4, 101);
  EXPECT_EQ(run(counter, 101, 7), "4H 2H 4L 2L 4H 2H 4L");
}

TEST(PitMode3, GateLowSetsOutHighAndATriggerReloads) {
  PitCounter counter = programmed(3, 4, 100);
  EXPECT_EQ(run(counter, 100, 3), "4H 2H 4L");
  counter.set_gate(false, 103);
  EXPECT_TRUE(counter.out(103));
  EXPECT_EQ(run(counter, 103, 2), "4H 4H");
  counter.set_gate(true, 105);
  EXPECT_EQ(run(counter, 105, 4), "4H 2H 4L 2L");
}

TEST(PitMode4, StrobesOnceWhenTheCountEnds) {
  PitCounter counter = programmed(4, 3, 100);
  EXPECT_EQ(run(counter, 100, 6), "3H 2H 1H 0L 255H 254H");
  EXPECT_TRUE(counter.out(100 + 4 + 65536));
}

TEST(PitMode4, GateHoldsTheCountButNotTheStrobe) {
  PitCounter counter = programmed(4, 2, 100);
  EXPECT_EQ(run(counter, 100, 2), "2H 1H");
  counter.set_gate(false, 102);
  EXPECT_EQ(run(counter, 102, 2), "1H 1H");
  counter.set_gate(true, 104);
  EXPECT_EQ(run(counter, 104, 1), "0L");
  counter.set_gate(false, 105);
  EXPECT_FALSE(counter.out(105));
  EXPECT_EQ(run(counter, 105, 2), "0H 0H");
  counter.set_gate(true, 107);
  EXPECT_EQ(run(counter, 107, 1), "255H");
}

TEST(PitMode5, ATriggerStartsTheStrobe) {
  PitCounter counter = programmed(5, 3, 100);
  counter.set_gate(false, 100);
  counter.set_gate(true, 110);
  EXPECT_EQ(run(counter, 110, 5), "3H 2H 1H 0L 255H");
}

TEST(PitCounter, CountsInBcd) {
  PitCounter counter;
  counter.write_control(from_raw<PitControlWord>(0x30 | 2 << 1 | 1), 0);
  counter.write_count(0x00, 0);
  counter.write_count(0x10, 0);
  EXPECT_EQ(counter.read(1), 0x00);
  EXPECT_EQ(counter.read(1), 0x10);
  EXPECT_EQ(counter.read(2), 0x99);
  EXPECT_EQ(counter.read(2), 0x09);
  EXPECT_FALSE(counter.out(1000));
  EXPECT_TRUE(counter.out(1001));
}

TEST(PitCounter, ZeroIsTheLargestCount) {
  PitCounter binary = programmed(0, 0, 0);
  EXPECT_FALSE(binary.out(65536));
  EXPECT_TRUE(binary.out(65537));
  PitCounter bcd;
  bcd.write_control(from_raw<PitControlWord>(0x11), 0);
  bcd.write_count(0, 0);
  EXPECT_FALSE(bcd.out(10000));
  EXPECT_TRUE(bcd.out(10001));
}

TEST(PitCounter, ACountOfOneNeverEndsThePeriodicModes) {
  for (const unsigned mode : {2U, 3U}) {
    PitCounter counter = programmed(mode, 1, 0);
    EXPECT_TRUE(counter.out(1));
    EXPECT_EQ(counter.next_change(1), PitCounter::kNever);
    EXPECT_TRUE(counter.out(1'000'000'000'000));
  }
}

// One counter is asked at every pulse, one only when it said that OUT may change: both must see the
// same waveform, and the same count in the end.
TEST(PitCounter, NextChangeMissesNoEdge) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    PitCounter polled;
    PitCounter lazy;
    std::uint64_t tick = random() % 1000;
    bool level = lazy.out(tick);
    std::uint64_t next = lazy.next_change(tick);
    const auto both = [&](auto action) {
      action(polled);
      action(lazy);
      level = lazy.out(tick);
      next = lazy.next_change(tick);
    };
    const auto control = static_cast<std::uint8_t>(0x10 | random() % 16);
    both([&](PitCounter& c) { c.write_control(from_raw<PitControlWord>(control), tick); });
    for (int step = 0; step < 12; ++step) {
      const unsigned what = random() % 4;
      const auto count = static_cast<std::uint8_t>(random() % 8);
      if (what < 2) both([&](PitCounter& c) { c.set_gate(what == 0, tick); });
      if (what == 2) both([&](PitCounter& c) { c.write_count(count, tick); });
      for (const std::uint64_t until = tick + random() % 12; tick < until;) {
        ++tick;
        if (tick >= next) {
          level = lazy.out(tick);
          next = lazy.next_change(tick);
          ASSERT_GT(next, tick);
        }
        ASSERT_EQ(polled.out(tick), level) << "control " << int{control} << " tick " << tick;
      }
      ASSERT_EQ(polled.read(tick), lazy.read(tick)) << "control " << int{control};
    }
  }
}

}  // namespace
}  // namespace mint
