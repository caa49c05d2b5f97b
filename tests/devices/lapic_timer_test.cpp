// The local APIC's timer (SDM vol. 3A, 10.5.4), to the cycle.
#include "devices/lapic_timer.hpp"

#include "tests/devices/apic_fixture.hpp"

namespace mint {
namespace {

using enum LapicRegister;

constexpr std::uint32_t kDivideBy1 = 0b1011;

class LapicTimerTest : public ApicMachine {
 protected:
  // The first cycle at or after `ticks` ticks of the timer clock, in arithmetic of the test's own.
  static Cycles cycle_of(std::uint64_t ticks) {
    const auto numerator = static_cast<unsigned __int128>(ticks) * kCoreClock.count;
    return {static_cast<std::uint64_t>((numerator + kTimerClock.count - 1) / kTimerClock.count)};
  }
};

TEST_F(LapicTimerTest, OneShotFiresOnceAtItsCycle) {
  set(0, kDivideConfiguration, kDivideBy1);
  set(0, kLvtTimer, 0x40);
  set(0, kInitialCount, 1'000'000);
  queue_.run_until({cycle_of(1'000'000).count - 1});
  EXPECT_FALSE(lapics_[0]->has_interrupt());
  EXPECT_EQ(get(0, kCurrentCount), 1u);
  queue_.run_until(cycle_of(1'000'000));
  EXPECT_EQ(acknowledge(0), 0x40);
  eoi(0);
  EXPECT_EQ(get(0, kCurrentCount), 0u);
  EXPECT_EQ(get(0, kInitialCount), 1'000'000u);
  wait(cycle_of(3'000'000));
  EXPECT_EQ(acknowledge(0), -1);
}

TEST_F(LapicTimerTest, EveryDivideValue) {  // figure 10-10
  const std::pair<std::uint32_t, unsigned> encodings[] = {{0b0000, 2},   {0b0001, 4},  {0b0010, 8},
                                                          {0b0011, 16},  {0b1000, 32}, {0b1001, 64},
                                                          {0b1010, 128}, {0b1011, 1}};
  set(0, kLvtTimer, 0x40);
  std::uint64_t start = 0;  // in ticks
  for (const auto& [encoding, divisor] : encodings) {
    queue_.run_until(cycle_of(start));
    set(0, kDivideConfiguration, encoding);
    set(0, kInitialCount, 1000);
    const Cycles end = cycle_of(start + 1000 * divisor);
    queue_.run_until({end.count - 1});
    EXPECT_FALSE(lapics_[0]->has_interrupt()) << divisor;
    queue_.run_until(end);
    EXPECT_EQ(acknowledge(0), 0x40) << divisor;
    eoi(0);
    start += 1'000'000;
  }
}

TEST_F(LapicTimerTest, PeriodicDoesNotDriftInAMillionPeriods) {
  set(0, kDivideConfiguration, 0b0011);  // by 16
  set(0, kLvtTimer, kPeriodic | 0x40);
  set(0, kInitialCount, 7);
  for (std::uint64_t period = 1; period <= 1'000'000; ++period) {
    queue_.run_next();
    ASSERT_EQ(queue_.now(), cycle_of(period * 7 * 16)) << period;
    ASSERT_EQ(acknowledge(0), 0x40) << period;
    eoi(0);
  }
}

TEST_F(LapicTimerTest, CurrentCountGoesDownWithTheDividedClock) {
  set(0, kInitialCount, 100);  // by 2
  EXPECT_EQ(get(0, kCurrentCount), 100u);
  queue_.run_until({cycle_of(2).count - 1});
  EXPECT_EQ(get(0, kCurrentCount), 100u);
  queue_.run_until(cycle_of(2));
  EXPECT_EQ(get(0, kCurrentCount), 99u);
  queue_.run_until(cycle_of(2 * 99));
  EXPECT_EQ(get(0, kCurrentCount), 1u);
  set(0, kCurrentCount, 50);
  EXPECT_EQ(get(0, kCurrentCount), 1u) << "read only";
}

TEST_F(LapicTimerTest, PeriodicCountStartsAgainFromTheInitialCount) {
  set(0, kDivideConfiguration, kDivideBy1);
  set(0, kLvtTimer, kPeriodic | kMasked | 0x40);
  set(0, kInitialCount, 10);
  for (unsigned tick : {0u, 10u, 12'340u}) {
    queue_.run_until(cycle_of(tick));
    EXPECT_EQ(get(0, kCurrentCount), 10u) << tick;
  }
  queue_.run_until(cycle_of(12'349));
  EXPECT_EQ(get(0, kCurrentCount), 1u);
}

TEST_F(LapicTimerTest, MaskedItCountsButDoesNotInterruptAndUnmaskingBringsNothingBack) {
  set(0, kDivideConfiguration, kDivideBy1);
  set(0, kLvtTimer, kPeriodic | kMasked | 0x40);
  set(0, kInitialCount, 100);
  queue_.run_until(cycle_of(250));
  EXPECT_EQ(get(0, kCurrentCount), 50u);
  set(0, kLvtTimer, kPeriodic | 0x40);
  EXPECT_EQ(acknowledge(0), -1);
  queue_.run_until(cycle_of(300));
  EXPECT_EQ(acknowledge(0), 0x40);
}

TEST_F(LapicTimerTest, ReadAtTheVeryCycleOfTheZeroLosesNoInterrupt) {
  // An event of the same time that was constructed before the timer's would run first, just as a
  // core's access can come first.
  EventQueue queue;
  std::uint32_t count = 0;
  unsigned expired = 0;
  LapicTimer* timer = nullptr;
  Event access(queue, "access", [&](Cycles) { count = timer->current_count(); });
  LapicTimer under_test(queue, "timer", kCoreClock, kTimerClock, [&] { ++expired; });
  timer = &under_test;
  timer->write_divide_configuration(kDivideBy1);
  timer->configure(true, false);
  timer->write_initial_count(100);
  access.schedule(cycle_of(100));
  queue.run_until(cycle_of(100));
  EXPECT_EQ(count, 100u);
  EXPECT_EQ(expired, 1u);
  queue.run_until(cycle_of(200));
  EXPECT_EQ(expired, 2u);
}

TEST_F(LapicTimerTest, ModeCanChangeWhileItRuns) {
  set(0, kDivideConfiguration, kDivideBy1);
  set(0, kLvtTimer, 0x40);
  set(0, kInitialCount, 100);
  queue_.run_until(cycle_of(60));
  set(0, kLvtTimer, kPeriodic | 0x40);
  EXPECT_EQ(get(0, kCurrentCount), 40u);
  queue_.run_until(cycle_of(130));
  EXPECT_EQ(acknowledge(0), 0x40);
  eoi(0);
  EXPECT_EQ(get(0, kCurrentCount), 70u);
  set(0, kLvtTimer, 0x40);
  queue_.run_until(cycle_of(500));
  EXPECT_EQ(acknowledge(0), 0x40);
  eoi(0);
  EXPECT_EQ(get(0, kCurrentCount), 0u);
  set(0, kLvtTimer, kPeriodic | 0x40);
  queue_.run_until(cycle_of(900));
  EXPECT_EQ(get(0, kCurrentCount), 0u) << "a timer that has stopped stays so";
}

TEST_F(LapicTimerTest, DivideCanChangeWhileItRuns) {
  set(0, kDivideConfiguration, kDivideBy1);
  set(0, kLvtTimer, 0x40);
  set(0, kInitialCount, 100);
  queue_.run_until(cycle_of(60));
  set(0, kDivideConfiguration, 0b0000);  // by 2
  EXPECT_EQ(get(0, kCurrentCount), 40u);
  queue_.run_until({cycle_of(140).count - 1});
  EXPECT_EQ(acknowledge(0), -1);
  queue_.run_until(cycle_of(140));
  EXPECT_EQ(acknowledge(0), 0x40);
}

TEST_F(LapicTimerTest, AnotherInitialCountStartsAgainAndZeroStops) {
  set(0, kDivideConfiguration, kDivideBy1);
  set(0, kLvtTimer, kPeriodic | 0x40);
  set(0, kInitialCount, 100);
  queue_.run_until(cycle_of(90));
  set(0, kInitialCount, 100);
  queue_.run_until(cycle_of(189));
  EXPECT_EQ(acknowledge(0), -1);
  queue_.run_until(cycle_of(190));
  EXPECT_EQ(acknowledge(0), 0x40);
  eoi(0);
  set(0, kInitialCount, 0);
  queue_.run_until(cycle_of(1000));
  EXPECT_EQ(acknowledge(0), -1);
  EXPECT_EQ(get(0, kCurrentCount), 0u);
}

}  // namespace
}  // namespace mint
