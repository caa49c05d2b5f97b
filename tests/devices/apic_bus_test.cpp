// Interrupt messages: who receives them and when (SDM vol. 3A, 10.6 and 10.11).
#include "devices/apic_bus.hpp"

#include "tests/devices/apic_fixture.hpp"

namespace mint {
namespace {

using Log = std::vector<std::string>;
using enum LapicRegister;

class ApicBusTest : public ApicMachine {
 protected:
  ApicBusTest() {
    bus_.set_observer([this](const ApicBus::Delivery& delivery) { seen_.push_back(delivery); });
  }

  // The cores (a bit for each) that get vector 60h when core 0 sends `low`.
  unsigned receivers(std::uint32_t low, std::uint8_t destination = 0) {
    ipi(0, low | kAssert | 0x60, destination);
    wait(kDelay);
    unsigned got = 0;
    for (unsigned core = 0; core < lapics_.size(); ++core) {
      if (!requested(core, 0x60)) continue;
      got |= 1u << core;
      EXPECT_EQ(acknowledge(core), 0x60);
      eoi(core);
    }
    return got;
  }
  void set_logical(const std::vector<std::uint8_t>& ids, std::uint32_t format) {
    for (unsigned core = 0; core < ids.size(); ++core) {
      set(core, kDestinationFormat, format);
      set(core, kLogicalDestination, std::uint32_t{ids[core]} << 24);
    }
  }

  std::vector<ApicBus::Delivery> seen_;
};

TEST_F(ApicBusTest, MessagesArriveAfterTheDelayInTheOrderOfSending) {
  queue_.run_until({1000});
  ipi(0, kAssert | 0x60, 2);
  ipi(1, kAssert | kNmi, 2);
  ipi(0, kAssert | kInit, 2);
  queue_.run_until({1200});
  ipi(0, kAssert | kStartup | 0x12, 2);
  queue_.run_until({1399});
  EXPECT_TRUE(cores_[2].log.empty());
  queue_.run_until({1400});
  EXPECT_EQ(cores_[2].take(), (Log{"nmi", "init"}));
  queue_.run_until({1599});
  EXPECT_TRUE(cores_[2].log.empty());
  queue_.run_until({1600});
  EXPECT_EQ(cores_[2].take(), Log{"sipi 18"});
  ASSERT_EQ(seen_.size(), 4u);
  EXPECT_EQ(seen_[3].message.vector, Vector{0x12});
  EXPECT_EQ(seen_[3].message.source, ApicId{0});
  EXPECT_EQ(seen_[3].origin, Origin::lapic(0));
  EXPECT_EQ(seen_[3].targets, 0b0100u);
  EXPECT_EQ(seen_[3].sent, Cycles{1200});
  EXPECT_EQ(seen_[3].arrived, Cycles{1600});
  EXPECT_EQ(seen_[1].origin, Origin::lapic(1));
}

TEST_F(ApicBusTest, DeliveryStatusIsPendingUntilTheMessageArrives) {
  ipi(0, kAssert | 0x60, 1);
  EXPECT_EQ(get(0, kIcrLow), kAssert | kSendPending | 0x60);
  EXPECT_EQ(get(1, kIcrLow), 0u);
  wait({kDelay.count - 1});
  EXPECT_EQ(get(0, kIcrLow), kAssert | kSendPending | 0x60);
  wait({1});
  EXPECT_EQ(get(0, kIcrLow), kAssert | 0x60u);
}

TEST_F(ApicBusTest, Shorthands) {
  EXPECT_EQ(receivers(kSelf, 2), 0b0001u);
  EXPECT_EQ(receivers(kAll, 2), 0b1111u);
  EXPECT_EQ(receivers(kAllButSelf, 2), 0b1110u);
}

TEST_F(ApicBusTest, SelfArrivesAtOnce) {
  request(3, 0x60);
  EXPECT_TRUE(requested(3, 0x60));
  EXPECT_EQ(get(3, kIcrLow) & kSendPending, 0u);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(seen_[0].targets, 0b1000u);
}

TEST_F(ApicBusTest, SelfAndAllAreOnlyForFixedInterrupts) {  // table 10-3
  for (std::uint32_t mode : {kNmi, kInit, kSmi, kStartup, kLowestPriority}) {
    ipi(0, kAssert | kSelf | mode | 0x60);
    ipi(0, kAssert | kAll | mode | 0x60);
  }
  wait(kDelay);
  EXPECT_TRUE(seen_.empty());
  ipi(0, kAssert | kAllButSelf | kNmi);
  wait(kDelay);
  EXPECT_EQ(cores_[0].take(), Log{});
  for (unsigned core : {1u, 2u, 3u}) EXPECT_EQ(cores_[core].take(), Log{"nmi"});
}

TEST_F(ApicBusTest, PhysicalDestination) {
  EXPECT_EQ(receivers(0, 2), 0b0100u);
  EXPECT_EQ(receivers(0, 0xFF), 0b1111u);
  EXPECT_EQ(receivers(0, 9), 0u);
  set(2, kId, 0x09000000);
  EXPECT_EQ(receivers(0, 2), 0u);
  EXPECT_EQ(receivers(0, 9), 0b0100u);
}

TEST_F(ApicBusTest, FlatLogicalDestination) {  // 10.6.2.2
  set_logical({0x01, 0x02, 0x04, 0x06}, 0xFFFFFFFF);
  EXPECT_EQ(receivers(kLogical, 0x01), 0b0001u);
  EXPECT_EQ(receivers(kLogical, 0x02), 0b1010u);
  EXPECT_EQ(receivers(kLogical, 0x05), 0b1101u);
  EXPECT_EQ(receivers(kLogical, 0xFF), 0b1111u);
  EXPECT_EQ(receivers(kLogical, 0xF8), 0u);
}

TEST_F(ApicBusTest, ClusterLogicalDestination) {
  set_logical({0x01, 0x02, 0x11, 0x12}, 0x0FFFFFFF);
  EXPECT_EQ(receivers(kLogical, 0x01), 0b0001u);
  EXPECT_EQ(receivers(kLogical, 0x03), 0b0011u);
  EXPECT_EQ(receivers(kLogical, 0x12), 0b1000u);
  EXPECT_EQ(receivers(kLogical, 0x1F), 0b1100u);
  EXPECT_EQ(receivers(kLogical, 0x2F), 0u);
  EXPECT_EQ(receivers(kLogical, 0xF1), 0b0101u) << "that member of every cluster";
  EXPECT_EQ(receivers(kLogical, 0xFF), 0b1111u);
}

TEST_F(ApicBusTest, CollidingLogicalIdsBothReceive) {
  set_logical({0x01, 0x02, 0x01, 0x02}, 0xFFFFFFFF);
  EXPECT_EQ(receivers(kLogical, 0x02), 0b1010u);
}

TEST_F(ApicBusTest, DestinationIsDecidedOnArrival) {
  ipi(0, kAssert | 0x60, 9);
  set(1, kId, 0x09000000);
  wait(kDelay);
  EXPECT_TRUE(requested(1, 0x60));
}

TEST_F(ApicBusTest, LowestPriorityGoesToTheLowestProcessorPriority) {  // 10.6.2.4
  set_logical({0x01, 0x02, 0x04, 0x08}, 0xFFFFFFFF);
  set(0, kTaskPriority, 0x40);
  set(1, kTaskPriority, 0x20);
  set(2, kTaskPriority, 0x50);
  set(3, kTaskPriority, 0x30);
  EXPECT_EQ(receivers(kLogical | kLowestPriority, 0x0F), 0b0010u);
  EXPECT_EQ(receivers(kLogical | kLowestPriority, 0x0D), 0b1000u);
  request(1, 0x90);
  ASSERT_EQ(acknowledge(1), 0x90);
  EXPECT_EQ(receivers(kLogical | kLowestPriority, 0x0F), 0b1000u) << "what is in service counts";
  set(3, kSpuriousVector, 0xFF);
  EXPECT_EQ(receivers(kLogical | kLowestPriority, 0x0F), 0b0001u) << "3 is disabled";
}

TEST_F(ApicBusTest, LowestPriorityRotatesAmongEquals) {
  EXPECT_EQ(receivers(kLowestPriority, 0xFF), 0b0001u);
  EXPECT_EQ(receivers(kLowestPriority, 0xFF), 0b0010u);
  EXPECT_EQ(receivers(kLowestPriority, 0xFF), 0b0100u);
  EXPECT_EQ(receivers(kLowestPriority, 1), 0b0010u);
  EXPECT_EQ(receivers(kLowestPriority, 0xFF), 0b0100u);
  EXPECT_EQ(receivers(kLowestPriority, 0xFF), 0b1000u);
  EXPECT_EQ(receivers(kLowestPriority, 0xFF), 0b0001u);
  bus_.reset();
  EXPECT_EQ(receivers(kLowestPriority, 0xFF), 0b0001u);
}

TEST_F(ApicBusTest, ALogicalLapicOfNobodyIsSeenByTheObserver) {
  ipi(0, kAssert | kLogical | 0x60, 0x80);
  wait(kDelay);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_TRUE(seen_[0].targets.none());
}

TEST_F(ApicBusTest, MsiFields) {  // 10.11
  set_logical({0x01, 0x02, 0x04, 0x08}, 0xFFFFFFFF);
  bus_.send_msi(0x20, {0xFEE02000}, 0x4061);  // physical 2, fixed, edge
  wait(kDelay);
  EXPECT_TRUE(requested(2, 0x61));
  EXPECT_FALSE(bit(2, kTriggerMode, 0x61));
  EXPECT_EQ(seen_.back().origin, Origin::msi(0x20));
  bus_.send_msi(0x20, {0xFEE0A004}, 0xC062);  // logical 0Ah without redirection: both; level
  wait(kDelay);
  EXPECT_TRUE(requested(1, 0x62));
  EXPECT_TRUE(requested(3, 0x62));
  EXPECT_TRUE(bit(3, kTriggerMode, 0x62));
  bus_.send_msi(0x20, {0xFEE0A00C}, 0x4063);  // the same with the redirection hint: one of them
  wait(kDelay);
  EXPECT_NE(requested(1, 0x63), requested(3, 0x63));
  bus_.send_msi(0x20, {0xFEE03000}, 0x0400);  // NMI
  wait(kDelay);
  EXPECT_EQ(cores_[3].take(), Log{"nmi"});
  const std::size_t count = seen_.size();
  bus_.send_msi(0x20, {0xFEE02000}, 0x8064);  // level de-assert
  bus_.send_msi(0x20, {0xFEE02000}, 0x4364);  // reserved delivery mode
  bus_.send_msi(0x20, {0xFED02000}, 0x4064);
  bus_.send_msi(0x20, {0x1'FEE02000}, 0x4064);
  wait(kDelay);
  EXPECT_EQ(seen_.size(), count);
}

TEST_F(ApicBusTest, MessagesOnTheWayAreState) {
  ipi(0, kAssert | kInit, 2);
  wait({100});
  ipi(1, kAssert | kStartup | 5, 2);
  SavedState saved(bus_);
  bus_.reset();
  EXPECT_EQ(get(0, kIcrLow) & kSendPending, 0u);
  saved.restore(bus_);
  EXPECT_NE(get(0, kIcrLow) & kSendPending, 0u);
  wait({300});
  EXPECT_EQ(cores_[2].take(), Log{"init"});
  wait({100});
  EXPECT_EQ(cores_[2].take(), Log{"sipi 5"});
  EXPECT_EQ(seen_.back().sent, Cycles{100});
}

class BigApicBusTest : public ApicMachine {
 protected:
  BigApicBusTest() : ApicMachine(64) {}
};

TEST_F(BigApicBusTest, SixtyFourCores) {
  ipi(63, kAssert | kAllButSelf | 0x60);
  wait(kDelay);
  for (unsigned core = 0; core < 64; ++core) EXPECT_EQ(requested(core, 0x60), core != 63);
  ipi(0, kAssert | 0x61, 63);
  wait(kDelay);
  EXPECT_TRUE(requested(63, 0x61));
}

}  // namespace
}  // namespace mint
