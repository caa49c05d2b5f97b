// The local APIC: registers, priorities, local vector table, errors, enabling and INIT.
// Section numbers are those of SDM vol. 3A.
#include "devices/lapic.hpp"

#include "tests/devices/apic_fixture.hpp"

namespace mint {
namespace {

using Log = std::vector<std::string>;
using enum LapicRegister;

class LapicTest : public ApicMachine {};

TEST_F(LapicTest, RegistersAfterPowerOn) {  // 10.4.7.1
  lapics_[2]->reset();
  EXPECT_EQ(get(2, kId), 0x02000000u);
  EXPECT_EQ(get(2, kVersion), 0x00060015u);
  EXPECT_EQ(get(2, kTaskPriority), 0u);
  EXPECT_EQ(get(2, kLogicalDestination), 0u);
  EXPECT_EQ(get(2, kDestinationFormat), 0xFFFFFFFFu);
  EXPECT_EQ(get(2, kSpuriousVector), 0x000000FFu);
  for (auto lvt :
       {kLvtCmci, kLvtTimer, kLvtThermal, kLvtPerformance, kLvtLint0, kLvtLint1, kLvtError}) {
    EXPECT_EQ(get(2, lvt), kMasked);
  }
  EXPECT_EQ(lapics_[2]->base(), 0xFEE00800u);
  EXPECT_EQ(lapics_[0]->base(), 0xFEE00900u);
}

TEST_F(LapicTest, OnlyTheFieldsThatExistCanBeWritten) {
  set(0, kVersion, 0);
  EXPECT_EQ(get(0, kVersion), 0x00060015u);
  const std::pair<LapicRegister, std::uint32_t> written_with_ones[] = {
      {kId, 0xFF000000},        {kTaskPriority, 0xFF},      {kLogicalDestination, 0xFF000000},
      {kSpuriousVector, 0x3FF}, {kLvtTimer, 0x300FF},       {kLvtThermal, 0x107FF},
      {kLvtLint0, 0x1A7FF},     {kLvtError, 0x100FF},       {kIcrHigh, 0xFF000000},
      {kInitialCount, ~0u},     {kDivideConfiguration, 0xB}};
  for (const auto& [which, expected] : written_with_ones) {
    set(0, which, 0xFFFFFFFF);
    EXPECT_EQ(get(0, which), expected) << std::hex << static_cast<int>(which);
  }
  set(0, kDestinationFormat, 0);
  EXPECT_EQ(get(0, kDestinationFormat), 0x0FFFFFFFu);
  set(0, kIcrLow, 0xFFFFFBFF);  // delivery mode 3 is reserved: nothing is sent
  EXPECT_EQ(get(0, kIcrLow), 0x000CCBFFu);
}

TEST_F(LapicTest, AccessesThatAreNotAlignedDwords) {  // 10.4.1
  set(0, kLvtError, 0x000100A5);
  EXPECT_EQ(lapics_[0]->read(0x370, 1), 0xA5u);
  EXPECT_EQ(lapics_[0]->read(0x370, 2), 0x00A5u);
  EXPECT_EQ(lapics_[0]->read(0x372, 1), 0x01u);
  EXPECT_EQ(lapics_[0]->read(0x370, 8), 0xFFFFFFFF'000100A5u);
  EXPECT_EQ(lapics_[0]->read(0x371, 4), 0xFF000100u);
  EXPECT_EQ(lapics_[0]->read(0x374, 4), 0xFFFFFFFFu);
  lapics_[0]->write(0x370, 1, 0x11);
  lapics_[0]->write(0x374, 4, 0x11);
  EXPECT_EQ(get(0, kLvtError), 0x000100A5u);
  lapics_[0]->write(0x370, 8, 0x11);
  EXPECT_EQ(get(0, kLvtError), 0x11u);
}

// --- Priorities

TEST_F(LapicTest, HighestVectorFirstAndOneClassAtATime) {  // 10.8.3, 10.8.4
  for (unsigned vector : {0x31u, 0x45u, 0x41u, 0xF0u}) request(0, vector);
  EXPECT_EQ(acknowledge(0), 0xF0);
  EXPECT_EQ(get(0, kProcessorPriority), 0xF0u);
  EXPECT_EQ(acknowledge(0), -1);
  eoi(0);
  EXPECT_EQ(acknowledge(0), 0x45);
  EXPECT_EQ(acknowledge(0), -1) << "41h is of the class in service";
  request(0, 0x50);
  EXPECT_EQ(acknowledge(0), 0x50) << "a higher class nests";
  eoi(0);
  EXPECT_FALSE(in_service(0, 0x50));
  EXPECT_TRUE(in_service(0, 0x45));
  EXPECT_EQ(acknowledge(0), -1);
  eoi(0);
  EXPECT_EQ(acknowledge(0), 0x41);
  eoi(0);
  EXPECT_EQ(acknowledge(0), 0x31);
  eoi(0);
  EXPECT_EQ(acknowledge(0), -1);
  eoi(0);
}

TEST_F(LapicTest, ProcessorPriorityIsTheHigherClass) {  // 10.8.3.1
  request(0, 0x52);
  ASSERT_EQ(acknowledge(0), 0x52);
  const std::pair<unsigned, unsigned> tpr_and_ppr[] = {{0x00, 0x50}, {0x4F, 0x50}, {0x50, 0x50},
                                                       {0x57, 0x57}, {0x61, 0x61}, {0xFF, 0xFF}};
  for (const auto& [tpr, ppr] : tpr_and_ppr) {
    set(0, kTaskPriority, tpr);
    EXPECT_EQ(get(0, kProcessorPriority), ppr) << std::hex << tpr;
  }
}

TEST_F(LapicTest, TaskPriorityHoldsItsClassAndLowerOnes) {
  set(0, kTaskPriority, 0x40);
  request(0, 0x4F);
  EXPECT_FALSE(lapics_[0]->has_interrupt());
  request(0, 0x50);
  EXPECT_EQ(acknowledge(0), 0x50);
  eoi(0);
  set(0, kTaskPriority, 0x3F);
  EXPECT_EQ(acknowledge(0), 0x4F);
}

TEST_F(LapicTest, Cr8IsTheClassOfTheTaskPriority) {  // 10.8.6
  set(0, kTaskPriority, 0x7A);
  EXPECT_EQ(lapics_[0]->cr8(), 7u);
  request(0, 0x8F);
  EXPECT_TRUE(lapics_[0]->has_interrupt());
  lapics_[0]->set_cr8(8);
  EXPECT_EQ(get(0, kTaskPriority), 0x80u);
  EXPECT_FALSE(lapics_[0]->has_interrupt());
}

TEST_F(LapicTest, OneInterruptPerVectorInServiceAndOneRequested) {  // 10.8.4
  request(0, 0x60);
  EXPECT_EQ(acknowledge(0), 0x60);
  request(0, 0x60);
  request(0, 0x60);
  EXPECT_TRUE(requested(0, 0x60));
  eoi(0);
  EXPECT_EQ(acknowledge(0), 0x60);
  eoi(0);
  EXPECT_EQ(acknowledge(0), -1);
}

TEST_F(LapicTest, SpuriousVectorWhenThePriorityWasRaisedBeforeTheAcknowledge) {  // 10.9
  EXPECT_EQ(lapics_[0]->acknowledge(), std::nullopt);
  request(0, 0x60);
  set(0, kTaskPriority, 0x60);
  const auto vector = lapics_[0]->acknowledge();
  ASSERT_TRUE(vector);
  EXPECT_EQ(vector->value, 0xFF);
  EXPECT_FALSE(in_service(0, 0xFF));
  EXPECT_TRUE(requested(0, 0x60));
}

TEST_F(LapicTest, TheCoreIsToldOfEveryChangeOfIntrAndOnlyOfChanges) {
  request(0, 0x60);
  request(0, 0x70);
  EXPECT_EQ(cores_[0].log.size(), 1u);
  set(0, kTaskPriority, 0x70);
  EXPECT_EQ(cores_[0].log.size(), 2u);
  set(0, kTaskPriority, 0);
  EXPECT_EQ(cores_[0].log.size(), 3u);
  EXPECT_EQ(acknowledge(0), 0x70);
  EXPECT_EQ(cores_[0].log.size(), 4u) << "60h has to wait for the EOI";
  eoi(0);
  EXPECT_EQ(cores_[0].log.size(), 5u);
}

// --- Software and global enable

TEST_F(LapicTest, SoftwareDisableMasksTheLvtAndKeepsItMasked) {  // 10.4.7.2
  set(0, kLvtTimer, 0x40);
  set(0, kLvtError, 0x41);
  set(0, kSpuriousVector, 0xFF);
  EXPECT_EQ(get(0, kLvtTimer), kMasked | 0x40);
  set(0, kLvtTimer, 0x40);
  EXPECT_EQ(get(0, kLvtTimer), kMasked | 0x40);
  set(0, kSpuriousVector, 0x1FF);
  EXPECT_EQ(get(0, kLvtError), kMasked | 0x41) << "enabling does not unmask";
  set(0, kLvtTimer, 0x40);
  EXPECT_EQ(get(0, kLvtTimer), 0x40u);
}

TEST_F(LapicTest, SoftwareDisabledItTakesNmiInitAndStartupButNoFixedInterrupt) {
  request(1, 0x60);
  set(1, kSpuriousVector, 0xFF);
  EXPECT_TRUE(lapics_[1]->has_interrupt()) << "what was pending stays";
  ipi(0, kAssert | 0x70, 1);
  ipi(0, kAssert | kNmi, 1);
  ipi(0, kAssert | kSmi, 1);
  ipi(0, kAssert | kInit, 1);
  ipi(0, kAssert | kStartup | 0x9F, 1);
  wait(kDelay);
  EXPECT_EQ(cores_[1].take(), (Log{"nmi", "smi", "init", "sipi 159"}));
  EXPECT_FALSE(requested(1, 0x70));
  ipi(1, kAssert | 0x71, 0);
  wait(kDelay);
  EXPECT_TRUE(requested(0, 0x71)) << "it can still send";
}

TEST_F(LapicTest, ReservedBitsOfTheApicBaseAreRefused) {  // 10.4.4
  const std::uint64_t before = lapics_[0]->base();
  for (unsigned bit : {0u, 7u, 9u, 10u, 36u, 63u}) {
    EXPECT_FALSE(lapics_[0]->write_base(before | std::uint64_t{1} << bit)) << bit;
  }
  EXPECT_EQ(lapics_[0]->base(), before);
  EXPECT_TRUE(lapics_[0]->write_base(0xF'FFFFF'900));
}

TEST_F(LapicTest, RelocationKeepsTheState) {
  set(0, kTaskPriority, 0x30);
  ASSERT_TRUE(lapics_[0]->write_base(0xFED00900));
  EXPECT_EQ(lapics_[0]->page(), PhysAddr{0xFED00000});
  EXPECT_EQ(get(0, kTaskPriority), 0x30u);
}

TEST_F(LapicTest, GloballyDisabledThePinsAreIntrAndNmi) {  // 10.4.3
  set(0, kTaskPriority, 0xF0);
  ASSERT_TRUE(lapics_[0]->write_base(0xFEE00100));
  EXPECT_FALSE(lapics_[0]->globally_enabled());
  ipi(1, kAssert | kNmi, 0);
  wait(kDelay);
  EXPECT_EQ(cores_[0].take(), Log{}) << "no messages";
  pic_.write(0, 1, 0x11);  // ICW1-4: vectors 8-15, slave on IR2, 8086 mode
  pic_.write(1, 1, 8);
  pic_.write(1, 1, 4);
  pic_.write(1, 1, 1);
  pic_.set_irq(3, true);
  EXPECT_EQ(acknowledge(0), 11);
  EXPECT_EQ(acknowledge(0), -1);
  lapics_[0]->set_lint1(true);
  lapics_[0]->set_lint1(true);
  lapics_[0]->set_lint1(false);
  EXPECT_EQ(cores_[0].take(), Log{"nmi"});
}

TEST_F(LapicTest, EnabledAgainItIsAsAfterResetButForItsId) {
  set(1, kId, 0x07000000);
  set(1, kTaskPriority, 0x30);
  request(1, 0x60);
  ASSERT_TRUE(lapics_[1]->write_base(0xFEE00000));
  ASSERT_TRUE(lapics_[1]->write_base(0xFEE00800));
  EXPECT_EQ(get(1, kSpuriousVector), 0xFFu);
  EXPECT_EQ(get(1, kTaskPriority), 0u);
  EXPECT_FALSE(requested(1, 0x60));
  EXPECT_EQ(get(1, kId), 0x07000000u);
}

// --- INIT and SIPI

TEST_F(LapicTest, InitResetsAllButIdAndBase) {  // 10.4.7.3
  ASSERT_TRUE(lapics_[1]->write_base(0xFED00800));
  set(1, kId, 0x07000000);
  set(1, kLogicalDestination, 0x02000000);
  set(1, kLvtTimer, 0x40);
  set(1, kInitialCount, 1000);
  request(1, 0x60);
  ipi(0, kAssert | kInit, 7);
  wait(kDelay);
  EXPECT_EQ(cores_[1].take(), Log{"init"});
  EXPECT_EQ(get(1, kId), 0x07000000u);
  EXPECT_EQ(lapics_[1]->base(), 0xFED00800u);
  EXPECT_EQ(get(1, kLogicalDestination), 0u);
  EXPECT_EQ(get(1, kLvtTimer), kMasked);
  EXPECT_EQ(get(1, kCurrentCount), 0u);
  EXPECT_EQ(get(1, kSpuriousVector), 0xFFu);
  EXPECT_FALSE(lapics_[1]->has_interrupt());
}

TEST_F(LapicTest, InitAndTheStartupRightAfterItBothArriveInOrderVectorZeroToo) {
  ipi(0, kAssert | kInit, 1);
  ipi(0, kAssert | kStartup, 1);
  wait(kDelay);
  EXPECT_EQ(cores_[1].take(), (Log{"init", "sipi 0"}));
}

TEST_F(LapicTest, InitLevelDeassertDoesNothing) {  // 10.6.1
  ipi(0, kLevel | kAssert | kInit, 1);
  wait(kDelay);
  EXPECT_EQ(cores_[1].take(), Log{"init"});
  ipi(0, kLevel | kInit, 1);
  ipi(0, kLevel | kInit | kAll, 0);
  wait(kDelay);
  EXPECT_EQ(cores_[1].take(), Log{});
}

// --- Errors (10.5.3)

TEST_F(LapicTest, ErrorsShowAfterAWriteToTheErrorStatus) {
  EXPECT_EQ(lapics_[0]->read(0x040, 4), 0u);
  EXPECT_EQ(get(0, kErrorStatus), 0u);
  set(0, kErrorStatus, 0xFFFFFFFF);
  EXPECT_EQ(get(0, kErrorStatus), 0x80u) << "illegal register address";
  set(0, kErrorStatus, 0);
  EXPECT_EQ(get(0, kErrorStatus), 0u);
}

TEST_F(LapicTest, IllegalVectorsAreFoundBySenderAndReceiver) {
  ipi(0, kAssert | 0x0F, 1);
  wait(kDelay);
  set(0, kErrorStatus, 0);
  set(1, kErrorStatus, 0);
  EXPECT_EQ(get(0, kErrorStatus), 0x20u) << "send illegal vector";
  EXPECT_EQ(get(1, kErrorStatus), 0x40u) << "receive illegal vector";
  EXPECT_FALSE(lapics_[1]->has_interrupt());
  request(0, 5);
  set(0, kErrorStatus, 0);
  EXPECT_EQ(get(0, kErrorStatus), 0x60u) << "an IPI to itself is both";
  set(0, kLvtTimer, 0x07);
  set(0, kInitialCount, 1);
  wait({100});
  set(0, kErrorStatus, 0);
  EXPECT_EQ(get(0, kErrorStatus), 0x40u) << "from the local vector table";
}

TEST_F(LapicTest, ErrorInterruptComesOnceUntilTheStatusIsWritten) {
  set(0, kLvtError, 0x33);
  request(0, 1);
  EXPECT_EQ(acknowledge(0), 0x33);
  eoi(0);
  request(0, 2);
  EXPECT_EQ(acknowledge(0), -1);
  set(0, kErrorStatus, 0);
  request(0, 3);
  EXPECT_EQ(acknowledge(0), 0x33);
}

TEST_F(LapicTest, IllegalVectorForTheErrorInterruptItself) {
  set(0, kLvtError, 0x03);
  lapics_[0]->read(0x3F0, 4);
  set(0, kErrorStatus, 0);
  EXPECT_EQ(get(0, kErrorStatus), 0xC0u);
}

// --- LINT pins

TEST_F(LapicTest, ExtIntOnLint0FollowsTheLineAndAsksThe8259) {
  for (unsigned port : {0u, 2u}) {
    pic_.write(port, 1, 0x11);
    pic_.write(port + 1, 1, port == 0 ? 0x20 : 0x28);
    pic_.write(port + 1, 1, port == 0 ? 4 : 2);
    pic_.write(port + 1, 1, 1);
  }
  set(0, kTaskPriority, 0xFF);
  pic_.set_irq(4, true);
  EXPECT_FALSE(lapics_[0]->has_interrupt()) << "masked";
  set(0, kLvtLint0, kExtInt);
  EXPECT_TRUE(lapics_[0]->has_interrupt()) << "whatever the task priority";
  pic_.set_irq(4, false);
  EXPECT_FALSE(lapics_[0]->has_interrupt());
  pic_.set_irq(12, true);
  pic_.set_irq(1, true);
  EXPECT_EQ(acknowledge(0), 0x21);
  EXPECT_EQ(acknowledge(0), -1);
  pic_.write(0, 1, 0x20);
  EXPECT_EQ(acknowledge(0), 0x2C);
  EXPECT_EQ(get(0, kInService, 1), 0u) << "the LAPIC has nothing in service";
}

TEST_F(LapicTest, NmiOnLint1ComesAtTheEdge) {
  set(0, kLvtLint1, kNmi | 0x02);
  lapics_[0]->set_lint1(true);
  lapics_[0]->set_lint1(true);
  EXPECT_EQ(cores_[0].take(), Log{"nmi"});
  lapics_[0]->set_lint1(false);
  EXPECT_EQ(cores_[0].take(), Log{});
  set(0, kLvtLint1, kNmi | kActiveLow | kMasked);
  lapics_[0]->set_lint1(true);
  set(0, kLvtLint1, kNmi | kActiveLow);
  lapics_[0]->set_lint1(false);
  EXPECT_EQ(cores_[0].take(), Log{"nmi"}) << "active low: the falling edge";
}

TEST_F(LapicTest, LevelTriggeredLint0IsRequestedAgainAfterTheEoi) {  // 10.5.1, remote IRR
  set(0, kLvtLint0, kLevel | 0x55);
  lapics_[0]->set_lint0(true);
  EXPECT_EQ(get(0, kLvtLint0), kLevel | kRemoteIrr | 0x55);
  EXPECT_TRUE(bit(0, kTriggerMode, 0x55));
  EXPECT_EQ(acknowledge(0), 0x55);
  EXPECT_EQ(acknowledge(0), -1);
  eoi(0);
  EXPECT_EQ(acknowledge(0), 0x55);
  lapics_[0]->set_lint0(false);
  eoi(0);
  EXPECT_EQ(get(0, kLvtLint0), kLevel | 0x55);
  EXPECT_EQ(acknowledge(0), -1);
}

TEST_F(LapicTest, EdgeOnAMaskedLintIsLost) {
  set(0, kLvtLint0, kMasked | 0x55);
  lapics_[0]->set_lint0(true);
  set(0, kLvtLint0, 0x55);
  EXPECT_EQ(acknowledge(0), -1);
  lapics_[0]->set_lint0(false);
  lapics_[0]->set_lint0(true);
  EXPECT_EQ(acknowledge(0), 0x55);
}

TEST_F(LapicTest, PerformanceEntryMasksItselfWhenItDelivers) {
  set(0, kLvtPerformance, kNmi);
  lapics_[0]->raise(Lvt::kPerformance);
  lapics_[0]->raise(Lvt::kPerformance);
  EXPECT_EQ(cores_[0].take(), Log{"nmi"});
  EXPECT_EQ(get(0, kLvtPerformance), kNmi | kMasked);
}

TEST_F(LapicTest, RestoredStateGoesOnLikeTheSavedOne) {
  set(0, kLvtTimer, kPeriodic | 0x40);
  set(0, kInitialCount, 1000);
  request(0, 0x60);
  SavedState saved(*lapics_[0]);
  lapics_[0]->reset();
  wait({10});
  ASSERT_FALSE(lapics_[0]->has_interrupt());
  saved.restore(*lapics_[0]);
  EXPECT_EQ(acknowledge(0), 0x60);
  eoi(0);
  wait({42'001});  // 2000 ticks of 133.33 MHz
  EXPECT_EQ(acknowledge(0), 0x40);
}

TEST_F(LapicTest, ExternalInterruptMessageIsStateUntilItIsAcknowledged) {
  redirect(0, kExtInt, 1);
  io_apic_.set_irq(0, true);
  wait(kDelay);
  SavedState saved(*lapics_[1]);
  EXPECT_EQ(acknowledge(1), 0x07) << "the 8259 has nothing: spurious";
  EXPECT_EQ(acknowledge(1), -1);
  saved.restore(*lapics_[1]);
  EXPECT_EQ(acknowledge(1), 0x07);
}

}  // namespace
}  // namespace mint
