// Messages between groups of cores that do not wait for each other (ApicBus::Groups).
#include "tests/devices/apic_fixture.hpp"

namespace mint {
namespace {

using Log = std::vector<std::string>;
using enum LapicRegister;

// Cores 0 and 1 are group 0, cores 2 and 3 group 1, each with a queue of its own.
class ApicGroups : public ApicMachine, private ApicBus::Groups {
 protected:
  ApicGroups() { bus_.set_groups(*this, {&queues_[0], &queues_[1]}); }

  std::optional<unsigned> acting_;
  bool ordered_ = false;
  unsigned crossings_ = 0;
  std::vector<std::size_t> reached_;
  bool does_something_ = true;
  EventQueue queues_[2];

 private:
  unsigned of(std::size_t place) const override { return place < 2 ? 0 : 1; }
  std::optional<unsigned> acting() const override { return acting_; }
  bool ordered() const override { return ordered_; }
  bool reached(std::size_t place, const ApicMessage&) override {
    reached_.push_back(place);
    return does_something_;
  }
  void crossed() override { ++crossings_; }
  void lock() override {}
  void unlock() override {}
};

TEST_F(ApicGroups, AMessageWithinAGroupTravelsByItsQueue) {
  acting_ = 1;
  queues_[1].run_until({5000});
  ipi(2, kAssert | kNmi, 3);
  queue_.run_until({10'000});
  EXPECT_TRUE(cores_[3].log.empty());
  queues_[1].run_until({5399});
  EXPECT_TRUE(cores_[3].log.empty());
  queues_[1].run_until({5400});
  EXPECT_EQ(cores_[3].take(), Log{"nmi"});
  EXPECT_TRUE(reached_.empty());
  EXPECT_EQ(crossings_, 0u);
}

TEST_F(ApicGroups, AMessageToAnotherGroupTravelsByTheBoardsQueue) {
  acting_ = 0;
  ordered_ = true;
  ipi(0, kAssert | kNmi, 2);
  queues_[0].run_until({1000});
  queues_[1].run_until({1000});
  EXPECT_TRUE(cores_[2].log.empty());
  queue_.run_until({400});
  EXPECT_EQ(cores_[2].take(), Log{"nmi"});
  EXPECT_EQ(reached_, std::vector<std::size_t>{2});
  EXPECT_EQ(crossings_, 0u);
}

TEST_F(ApicGroups, OutOfOrderThatIsACrossing) {
  acting_ = 0;
  ipi(0, kAssert | kNmi, 2);
  EXPECT_EQ(crossings_, 1u);
}

TEST_F(ApicGroups, WhatIsKnownToDoNothingIsNotDelivered) {
  acting_ = 0;
  ordered_ = true;
  does_something_ = false;
  ipi(0, kAssert | kStartup | 0x12, 2);
  queue_.run_until({400});
  EXPECT_TRUE(cores_[2].log.empty());
}

TEST_F(ApicGroups, AnAddressThatWouldHaveMatchedAheadOfTimeIsACrossing) {
  acting_ = 1;
  set(2, kDestinationFormat, 0xffffffff);
  set(2, kLogicalDestination, 0x01000000);
  queues_[1].run_until({5000});
  ipi(2, kAssert | kLogical | 0x60, 0x01);
  queues_[1].run_until({5400});
  EXPECT_EQ(crossings_, 0u);
  // At 1000, by the clock of its group, core 0 takes that address: it should have had the message.
  acting_ = 0;
  queues_[0].run_until({1000});
  set(0, kDestinationFormat, 0xffffffff);
  set(0, kLogicalDestination, 0x01000000);
  bus_.readdressed(*lapics_[0]);
  EXPECT_EQ(crossings_, 1u);
  // At 6000 it is another matter.
  queues_[0].run_until({6000});
  bus_.readdressed(*lapics_[0]);
  EXPECT_EQ(crossings_, 1u);
}

}  // namespace
}  // namespace mint
