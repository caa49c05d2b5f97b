// What the watch for interference tells, and what it must not tell.
#include "emu/machine/interference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mint {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint64_t kIndex = 0xfec00000;
constexpr std::uint64_t kWindow = 0xfec00010;

// Cores 0, 1 and 2 are the leader, f1 and f2; core 3 is nobody's. Pin 4 is the leader's.
class Watched : public testing::Test {
 protected:
  Watched()
      : watch_({.os_of_core = [](unsigned core) -> InterferenceWatch::OsIndex {
                  if (core > 2) return std::nullopt;
                  return core;
                },
                .os_of_pin = [](unsigned pin) -> InterferenceWatch::OsIndex {
                  if (pin != 4) return std::nullopt;
                  return 0;
                },
                .name = [](std::size_t os) { return os == 0   ? "leader"
                                                    : os == 1 ? "f1"
                                                              : "f2"; },
                .where = [](unsigned core) { return "place" + std::to_string(core); },
                .time = [](Cycles at) { return std::to_string(at.count); }}) {}

  void port_write(unsigned core, std::uint64_t port, std::uint64_t value, unsigned size = 1) {
    watch_.accessed(core, {++now_}, {Access::Kind::kPort, true, size, port, value});
  }
  void port_read(unsigned core, std::uint64_t port, std::uint64_t value = 0, unsigned size = 1) {
    watch_.accessed(core, {++now_}, {Access::Kind::kPort, false, size, port, value});
  }
  void device_write(unsigned core, std::uint64_t address, std::uint64_t value) {
    watch_.accessed(core, {++now_}, {Access::Kind::kDevice, true, 4, address, value});
  }
  void device_read(unsigned core, std::uint64_t address, std::uint64_t value = 0) {
    watch_.accessed(core, {++now_}, {Access::Kind::kDevice, false, 4, address, value});
  }
  // As Linux's quick_pit_calibrate() begins.
  void set_up_counter_2(unsigned core) {
    port_read(core, 0x61);
    port_write(core, 0x61, 1);
    port_write(core, 0x43, 0xb0);
    port_write(core, 0x42, 0xff);
    port_write(core, 0x42, 0xff);
  }

  InterferenceWatch watch_;
  std::uint64_t now_ = 0;
};

TEST_F(Watched, CounterThatAnotherReprogramsWhileItIsRead) {
  set_up_counter_2(1);
  port_read(1, 0x42);
  EXPECT_EQ(watch_.count(), 0U);
  set_up_counter_2(2);
  EXPECT_EQ(watch_.count(), 0U) << "f1 may have been done";
  port_read(1, 0x42);
  ASSERT_EQ(watch_.found().size(), 1U);
  EXPECT_EQ(watch_.found()[0].by, "f2");
  EXPECT_EQ(watch_.found()[0].to, "f1");
  EXPECT_EQ(watch_.found()[0].when.count, 9U) << "the control word of f2";
  EXPECT_THAT(watch_.found()[0].what, AllOf(HasSubstr("f2 wrote b0 to port 43h at place2"),
                                            HasSubstr("f1 then read port 42h at place1")));
  port_read(2, 0x42);
  EXPECT_EQ(watch_.found().size(), 1U) << "f2 reads what it has set up itself";
}

TEST_F(Watched, CountersUsedOneAfterTheOtherAreNobodysHarm) {
  for (int round = 0; round < 2; ++round) {
    for (unsigned core : {1U, 2U}) {
      set_up_counter_2(core);
      port_read(core, 0x42);
      port_read(core, 0x61);
      port_read(core, 0x61, 0x20);
    }
  }
  EXPECT_EQ(watch_.count(), 0U);
}

TEST_F(Watched, OutputThatIsPolledAfterAnotherHasSetUpTheCounter) {
  set_up_counter_2(1);
  port_read(1, 0x61);
  set_up_counter_2(2);
  port_read(1, 0x61);
  EXPECT_EQ(watch_.count(), 0U) << "it may be about to change the gate";
  port_read(1, 0x61);
  EXPECT_EQ(watch_.count(), 1U);
}

TEST_F(Watched, ValueForACounterThatAnotherHasSetUp) {
  port_write(1, 0x43, 0xb0);
  port_write(2, 0x43, 0xb0);
  port_write(1, 0x42, 0xff);
  ASSERT_EQ(watch_.found().size(), 1U);
  EXPECT_EQ(watch_.found()[0].to, "f1");
  port_read(2, 0x42);
  ASSERT_EQ(watch_.found().size(), 2U) << "and f2's counter has f1's value";
  EXPECT_EQ(watch_.found()[1].to, "f2");
}

TEST_F(Watched, OtherCountersAndLatchCommandsAreNobodysHarm) {
  set_up_counter_2(1);
  port_write(2, 0x43, 0x34);
  port_write(2, 0x43, 0x80);
  port_write(2, 0x61, 1);
  port_read(1, 0x42);
  EXPECT_EQ(watch_.count(), 0U);
}

TEST_F(Watched, GateThatAnotherCloses) {
  set_up_counter_2(1);
  port_write(0, 0x61, 0);
  port_read(1, 0x42);
  ASSERT_EQ(watch_.count(), 1U);
  EXPECT_EQ(watch_.found()[0].by, "leader");
}

TEST_F(Watched, IoApicIndexThatAnotherOverwrites) {
  device_write(1, kIndex, 0x16);
  device_write(2, kIndex, 0x1a);
  device_write(1, kWindow, 0x10000);
  ASSERT_EQ(watch_.found().size(), 1U);
  EXPECT_EQ(watch_.found()[0].by, "f2");
  EXPECT_EQ(watch_.found()[0].to, "f1");
  EXPECT_EQ(watch_.found()[0].when.count, 2U);
  EXPECT_THAT(watch_.found()[0].what, AllOf(HasSubstr("f2 selected 1a at place2"),
                                            HasSubstr("wrote 10000"), HasSubstr("at place1")));
}

TEST_F(Watched, SameIndexByTwoIsNobodysHarm) {
  device_write(1, kIndex, 0x16);
  device_write(2, kIndex, 0x16);
  device_read(1, kWindow);
  device_read(2, kWindow);
  EXPECT_EQ(watch_.count(), 0U);
}

TEST_F(Watched, IndexThatIsWrittenAnewIsNobodysHarm) {
  device_write(1, kIndex, 0x16);
  device_write(2, kIndex, 0x1a);
  device_write(1, kIndex, 0x16);
  device_read(1, kWindow);
  EXPECT_EQ(watch_.count(), 0U);
}

TEST_F(Watched, PciAddressThatAnotherOverwrites) {
  port_write(1, 0xcf8, 0x80002800, 4);
  port_write(2, 0xcf8, 0x80003000, 4);
  port_read(1, 0xcfe, 0, 2);
  EXPECT_EQ(watch_.count(), 1U);
}

TEST_F(Watched, PciAddressThatIsReadBack) {
  port_write(1, 0xcf8, 0x80001000, 4);
  port_read(1, 0xcfc, 0, 4);
  port_write(2, 0xcf8, 0x80003000, 4);
  port_read(1, 0xcf8, 0x80003000, 4);
  EXPECT_EQ(watch_.count(), 0U) << "saves what is there";
  port_write(1, 0xcf8, 0x80000000, 4);
  port_read(1, 0xcf8, 0x80000000, 4);
  port_write(2, 0xcf8, 0x80003000, 4);
  EXPECT_EQ(watch_.count(), 0U);
  port_read(1, 0xcf8, 0x80003000, 4);
  EXPECT_EQ(watch_.count(), 1U) << "f1 takes the PC for one without configuration mechanism #1";
}

TEST_F(Watched, PinOfAnotherThatIsOpenedOrMasked) {
  RedirectionEntry masked;
  RedirectionEntry open;
  open.masked = 0;
  device_write(1, kWindow, 0x10000);
  watch_.redirection_written({now_}, 4, masked, masked);
  EXPECT_EQ(watch_.count(), 0U);
  watch_.redirection_written({now_}, 4, open, masked);
  ASSERT_EQ(watch_.found().size(), 1U);
  EXPECT_EQ(watch_.found()[0].to, "leader");
  device_write(0, kWindow, 0x10000);
  watch_.redirection_written({now_}, 4, masked, open);
  EXPECT_EQ(watch_.count(), 1U) << "it is the leader's own";
}

TEST_F(Watched, LastHarmToAnOs) {
  set_up_counter_2(1);
  set_up_counter_2(2);
  port_read(1, 0x42);
  EXPECT_EQ(watch_.last_to("f1", {now_}), &watch_.found()[0]);
  EXPECT_EQ(watch_.last_to("f1", {3}), nullptr);
  EXPECT_EQ(watch_.last_to("f2", {now_}), nullptr);
}

}  // namespace
}  // namespace mint
