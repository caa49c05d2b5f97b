#include "emu/base/event_queue.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace mint {
namespace {

TEST(EventQueue, RunsEventsInTimeOrderAndEqualTimesInOrderOfConstruction) {
  EventQueue queue;
  std::vector<int> seen;
  Event first(queue, "first", [&](Cycles) { seen.push_back(1); });
  Event second(queue, "second", [&](Cycles) { seen.push_back(2); });
  Event third(queue, "third", [&](Cycles) { seen.push_back(3); });
  second.schedule({10});
  first.schedule({10});
  third.schedule({5});
  queue.run_until({10});
  EXPECT_EQ(seen, (std::vector<int>{3, 1, 2}));
  EXPECT_EQ(queue.now(), Cycles{10});
}

TEST(EventQueue, TellsTheOrderOfEventsOfOneTimeInSeveralQueues) {
  EventQueue board;
  EventQueue lane(board);
  EXPECT_EQ(lane.next_in_order().first, Cycles::max());
  Event first(lane, "first", [](Cycles) {});
  Event second(board, "second", [](Cycles) {});
  Event third(lane, "third", [](Cycles) {});
  for (Event* event : {&first, &second, &third}) event->schedule({10});
  EXPECT_LT(lane.next_in_order(), board.next_in_order());
  lane.run_one();
  EXPECT_GT(lane.next_in_order(), board.next_in_order());
  EXPECT_EQ(lane.now(), Cycles{10});
  EXPECT_EQ(board.now(), Cycles{0});
}

TEST(EventQueue, ItsClockIsNeverSetBack) {
  EventQueue queue;
  queue.advance_to({10});
  queue.advance_to({5});
  EXPECT_EQ(queue.now(), Cycles{10});
}

TEST(EventQueue, TellsAnEventHowLateItIs) {
  EventQueue queue;
  Cycles late;
  Event event(queue, "event", [&](Cycles l) { late = l; });
  queue.run_until({100});
  event.schedule({60});
  queue.run_until({100});
  EXPECT_EQ(late, Cycles{40});
}

TEST(EventQueue, ASecondScheduleMovesTheEvent) {
  EventQueue queue;
  int runs = 0;
  Event event(queue, "event", [&](Cycles) { ++runs; });
  event.schedule({10});
  event.schedule({20});
  queue.run_until({15});
  EXPECT_EQ(runs, 0);
  queue.run_until({30});
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(event.pending());
}

TEST(Ticks, RoundTripIsExactOverALongRun) {
  const Hertz tsc{2'800'000'000}, pit{1'193'182};
  for (std::uint64_t n : {1ull, 3ull, 1'193'182ull, 98'765'432'101ull})
    EXPECT_EQ(ticks_down(ticks_up(n, pit, tsc), tsc, pit), n);
}

}  // namespace
}  // namespace mint
