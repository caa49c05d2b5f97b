#include "devices/rtc.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/devices/saved_state.hpp"

namespace mint {
namespace {

using namespace std::chrono_literals;

constexpr Hertz kCore{2'800'000'000};
constexpr Hertz kCrystal{32768};
constexpr std::uint64_t kSecond = 32768;
constexpr std::chrono::sys_seconds kStart =
    std::chrono::sys_days{std::chrono::year{2011} / 3 / 14} + 13h + 59min + 58s;

struct RtcTest : testing::Test {
  EventQueue queue;
  std::vector<std::pair<std::uint64_t, bool>> edges;
  Rtc rtc{queue, kCore, kStart,
          [this](bool level) { edges.emplace_back(queue.now().count, level); }};

  unsigned in(std::uint8_t index) {
    rtc.write(0, 1, index);
    return static_cast<unsigned>(rtc.read(1, 1));
  }
  void out(std::uint8_t index, std::uint8_t value) {
    rtc.write(0, 1, index);
    rtc.write(1, 1, value);
  }
  static std::uint64_t cycle_of(std::uint64_t tick) { return ticks_up(tick, kCrystal, kCore); }
  void to(std::uint64_t tick) { queue.run_until({cycle_of(tick)}); }
  std::vector<unsigned> clock() {
    return {in(0x32), in(9), in(8), in(7), in(6), in(4), in(2), in(0)};
  }
  void set_clock(std::uint8_t year, std::uint8_t month, std::uint8_t day, std::uint8_t weekday,
                 std::uint8_t hours, std::uint8_t minutes, std::uint8_t seconds) {
    out(9, year);
    out(8, month);
    out(7, day);
    out(6, weekday);
    out(4, hours);
    out(2, minutes);
    out(0, seconds);
  }
};

using Numbers = std::vector<unsigned>;

TEST_F(RtcTest, ShowsTheStartTimeInBcdAndCountsOn) {
  EXPECT_EQ(clock(), (Numbers{0x20, 0x11, 0x03, 0x14, 2, 0x13, 0x59, 0x58}));
  to(2 * kSecond - 1);
  EXPECT_EQ(clock(), (Numbers{0x20, 0x11, 0x03, 0x14, 2, 0x13, 0x59, 0x59}));
  to(2 * kSecond);
  EXPECT_EQ(clock(), (Numbers{0x20, 0x11, 0x03, 0x14, 2, 0x14, 0x00, 0x00}));
  EXPECT_EQ(queue.next(), Cycles::max()) << "no event while no interrupt is enabled";
}

TEST_F(RtcTest, CountsThroughTheEndOfAYear) {
  set_clock(0x99, 0x12, 0x31, 7, 0x23, 0x59, 0x59);
  to(kSecond);
  EXPECT_EQ(clock(), (Numbers{0x20, 0x00, 0x01, 0x01, 1, 0x00, 0x00, 0x00}));
}

TEST_F(RtcTest, KnowsLeapYears) {
  set_clock(0x12, 0x02, 0x28, 3, 0x23, 0x59, 0x59);
  to(kSecond);
  EXPECT_EQ(in(7), 0x29U);
  set_clock(0x11, 0x02, 0x28, 3, 0x23, 0x59, 0x59);
  to(2 * kSecond);
  EXPECT_EQ(in(7), 0x01U);
  EXPECT_EQ(in(8), 0x03U);
}

TEST_F(RtcTest, CountsInTwelveHourMode) {
  out(0x0b, 0x00);
  set_clock(0x11, 0x03, 0x14, 2, 0x11, 0x59, 0x59);
  to(kSecond);
  EXPECT_EQ(in(4), 0x92U) << "noon is 12 PM";
  EXPECT_EQ(in(7), 0x14U);
  set_clock(0x11, 0x03, 0x14, 2, 0x92, 0x59, 0x59);
  to(2 * kSecond);
  EXPECT_EQ(in(4), 0x81U);
  set_clock(0x11, 0x03, 0x14, 2, 0x91, 0x59, 0x59);
  to(3 * kSecond);
  EXPECT_EQ(in(4), 0x12U) << "midnight is 12 AM";
  EXPECT_EQ(in(7), 0x15U);
}

TEST_F(RtcTest, CountsInBinary) {
  out(0x0b, 0x06);
  set_clock(11, 3, 14, 2, 19, 59, 59);
  to(kSecond);
  EXPECT_EQ(in(4), 20U);
}

TEST_F(RtcTest, UipWarnsOfTheUpdateAndFallsWithIt) {
  EXPECT_EQ(in(0x0a), 0x26U);
  to(kSecond - 74);
  EXPECT_EQ(in(0x0a), 0x26U);
  to(kSecond - 73);  // 244 us and 1984 us before the new time
  EXPECT_EQ(in(0x0a), 0xa6U);
  to(kSecond - 1);
  EXPECT_EQ(in(0x0a), 0xa6U);
  EXPECT_EQ(in(0), 0x58U);
  to(kSecond);
  EXPECT_EQ(in(0x0a), 0x26U);
  EXPECT_EQ(in(0), 0x59U);
}

TEST_F(RtcTest, SetStopsUpdatesAndClearsUieButKeepsTheDividerRunning) {
  out(0x0b, 0x92);
  EXPECT_EQ(in(0x0b), 0x82U);
  to(kSecond - 10);
  EXPECT_EQ(in(0x0a), 0x26U) << "no UIP while SET";
  to(3 * kSecond + kSecond / 2);
  EXPECT_EQ(in(0), 0x58U);
  out(0x0b, 0x02);
  to(4 * kSecond - 1);
  EXPECT_EQ(in(0), 0x58U);
  to(4 * kSecond);
  EXPECT_EQ(in(0), 0x59U);
}

TEST_F(RtcTest, TheFirstUpdateComesHalfASecondAfterADividerReset) {
  to(kSecond / 4);
  out(0x0a, 0x76);
  to(10 * kSecond);
  EXPECT_EQ(in(0), 0x58U);
  out(0x0a, 0x26);
  to(10 * kSecond + kSecond / 2 - 1);
  EXPECT_EQ(in(0), 0x58U);
  to(10 * kSecond + kSecond / 2);
  EXPECT_EQ(in(0), 0x59U);
}

TEST_F(RtcTest, PeriodicInterruptComesAtItsRateAndWaitsForStatusCToBeRead) {
  to(5);
  out(0x0a, 0x26);  // 1024 Hz: 32 crystal ticks
  in(0x0c);
  out(0x0b, 0x42);
  to(32);
  ASSERT_EQ(edges, (std::vector<std::pair<std::uint64_t, bool>>{{cycle_of(32), true}}));
  to(200);
  EXPECT_EQ(edges.size(), 1U) << "the line stays up until C is read";
  EXPECT_EQ(in(0x0c), 0xc0U);
  EXPECT_EQ(in(0x0c), 0x00U);
  EXPECT_FALSE(edges.back().second);
  to(224);
  const std::pair<std::uint64_t, bool> expected{cycle_of(224), true};
  EXPECT_EQ(edges.back(), expected);
}

TEST_F(RtcTest, EveryPeriodicRateIsTheDataSheets) {
  // For a 32.768 kHz time base, in hertz.
  const unsigned frequency[16] = {0,   256, 128, 8192, 4096, 2048, 1024, 512,
                                  256, 128, 64,  32,   16,   8,    4,    2};
  out(0x0b, 0x42);
  for (unsigned rate = 1; rate < 16; ++rate) {
    out(0x0a, static_cast<std::uint8_t>(0x20 | rate));
    in(0x0c);
    const std::uint64_t period = kCrystal.count / frequency[rate];
    const std::uint64_t now = ticks_down(queue.now().count, kCore, kCrystal);
    const std::uint64_t next = (now / period + 1) * period;
    to(next - 1);
    EXPECT_EQ(in(0x0c) & 0xc0U, 0x00U) << rate;
    to(next);
    EXPECT_EQ(in(0x0c) & 0xc0U, 0xc0U) << rate;
  }
}

TEST_F(RtcTest, FlagsAreSetWithoutTheirInterrupts) {
  to(kSecond);
  EXPECT_EQ(in(0x0c), 0x50U);
  EXPECT_TRUE(edges.empty());
}

TEST_F(RtcTest, UpdateInterruptComesWithTheNewTime) {
  in(0x0c);
  out(0x0b, 0x12);
  to(kSecond);
  EXPECT_EQ(edges, (std::vector<std::pair<std::uint64_t, bool>>{{cycle_of(kSecond), true}}));
  EXPECT_EQ(in(0x0c) & 0xb0U, 0x90U);
}

TEST_F(RtcTest, AlarmComesWhenAllItsLocationsMatch) {
  out(0x05, 0x14);
  out(0x03, 0x00);
  out(0x01, 0x03);
  out(0x0b, 0x22);
  to(30 * kSecond);
  EXPECT_EQ(edges, (std::vector<std::pair<std::uint64_t, bool>>{{cycle_of(5 * kSecond), true}}));
  EXPECT_EQ(in(0x0c) & 0xa0U, 0xa0U);
}

TEST_F(RtcTest, AlarmLocationsFromC0UpMatchAnything) {
  out(0x05, 0xff);
  out(0x03, 0xc0);
  out(0x01, 0x00);
  out(0x0b, 0x22);
  to(2 * kSecond);
  in(0x0c);
  to(62 * kSecond);
  ASSERT_EQ(edges.size(), 3U);
  EXPECT_EQ(edges[0].first, cycle_of(2 * kSecond));
  EXPECT_EQ(edges[2].first, cycle_of(62 * kSecond));
}

TEST_F(RtcTest, EnablingAnInterruptWhoseFlagIsSetRaisesTheLineAtOnce) {
  to(kSecond);
  out(0x0b, 0x12);
  EXPECT_EQ(edges.size(), 1U);
  out(0x0b, 0x02);
  EXPECT_EQ(edges.size(), 2U);
}

TEST_F(RtcTest, ResetClearsEnablesAndFlagsButNotTimeAndRam) {
  out(0x20, 0x5a);
  out(0x0b, 0x7a);
  to(kSecond);
  ASSERT_TRUE(edges.back().second);
  rtc.reset();
  EXPECT_FALSE(edges.back().second);
  EXPECT_EQ(in(0x0b), 0x02U);
  EXPECT_EQ(in(0x0c), 0x00U);
  EXPECT_EQ(in(0x20), 0x5aU);
  EXPECT_EQ(in(0), 0x59U);
}

TEST_F(RtcTest, IndexPortHoldsTheNmiMaskAndCannotBeRead) {
  rtc.write(0, 1, 0x8f);
  EXPECT_TRUE(rtc.nmi_masked());
  rtc.write(1, 1, 0x77);
  EXPECT_EQ(in(0x0f), 0x77U);
  EXPECT_FALSE(rtc.nmi_masked());
  EXPECT_EQ(rtc.read(0, 1), 0xffU);
}

TEST_F(RtcTest, ReadOnlyRegistersKeepTheirValues) {
  out(0x0d, 0x00);
  EXPECT_EQ(in(0x0d), 0x80U);
  out(0x0c, 0xff);
  EXPECT_EQ(in(0x0c), 0x00U);
  out(0x0a, 0xa6);
  EXPECT_EQ(in(0x0a), 0x26U);
}

TEST_F(RtcTest, TellsFirmwareTheSizeOfMemory) {
  const auto word = [this](std::uint8_t low) {
    return in(low) | in(static_cast<std::uint8_t>(low + 1)) << 8;
  };
  rtc.set_memory(std::uint64_t{5} << 30);
  rtc.set_cores(8);
  EXPECT_EQ(word(0x15), 640U);
  EXPECT_EQ(word(0x17), 0xfc00U);
  EXPECT_EQ(word(0x30), 0xfc00U);
  EXPECT_EQ(word(0x34), (0xc0000000U - 0x1000000U) / 65536);
  EXPECT_EQ(word(0x5b) | in(0x5d) << 16, 0x80000000U / 65536);
  EXPECT_EQ(in(0x5f), 7U);
  rtc.set_memory(std::uint64_t{8} << 20);
  EXPECT_EQ(word(0x30), 7U * 1024);
  EXPECT_EQ(word(0x34), 0U);
  EXPECT_EQ(word(0x5b) | in(0x5d) << 16, 0U);
  unsigned sum = 0;
  for (std::uint8_t i = 0x10; i < 0x2e; ++i) sum += in(i);
  EXPECT_EQ(in(0x2e) << 8 | in(0x2f), sum);
}

TEST_F(RtcTest, ARestoredClockGoesOnAsTheSavedOne) {
  out(0x0b, 0x52);
  to(kSecond + 100);
  const SavedState saved = SavedState::of(rtc);
  EventQueue other_queue;
  Rtc other(other_queue, kCore, {}, {});
  other_queue.run_until(queue.now());
  saved.restore(other);
  to(100 * kSecond + 7);
  other_queue.run_until(queue.now());
  in(0x0c);
  other.write(0, 1, 0x0c);
  other.read(1, 1);
  EXPECT_EQ(SavedState::of(other), SavedState::of(rtc));
}

}  // namespace
}  // namespace mint
