// The I/O APIC. Section numbers are those of the 82093AA data sheet.
#include "devices/ioapic.hpp"

#include "tests/devices/apic_fixture.hpp"

namespace mint {
namespace {

using Log = std::vector<std::string>;
using enum LapicRegister;

class IoApicTest : public ApicMachine {
 protected:
  IoApicTest() {
    io_apic_.set_observer([this](unsigned pin, RedirectionEntry old, RedirectionEntry now) {
      written_.push_back({pin, to_raw(old), to_raw(now)});
    });
  }
  // A rising and a falling edge.
  void pulse(unsigned pin) {
    io_apic_.set_irq(pin, true);
    io_apic_.set_irq(pin, false);
  }

  struct Written {
    unsigned pin;
    std::uint64_t old;
    std::uint64_t now;
    friend bool operator==(const Written&, const Written&) = default;
  };
  std::vector<Written> written_;
};

TEST_F(IoApicTest, IdentificationRegisters) {  // 3.2.1 to 3.2.3
  EXPECT_EQ(window(0), 0u);
  EXPECT_EQ(window(1), 0x00170020u);
  window(0, 0xFFFFFFFF);
  EXPECT_EQ(window(0), 0x0F000000u);
  window(0, 0x04000000);
  EXPECT_EQ(window(2), 0x04000000u) << "the arbitration id takes the id";
  window(1, 0);
  window(2, 0);
  EXPECT_EQ(window(1), 0x00170020u);
  EXPECT_EQ(window(2), 0x04000000u);
  for (unsigned index : {0x03u, 0x0Fu, 0x40u, 0xFFu}) EXPECT_EQ(window(index), 0u);
}

TEST_F(IoApicTest, RedirectionEntryFields) {  // 3.2.4
  EXPECT_EQ(window(0x10), kMasked);
  EXPECT_EQ(window(0x3E), kMasked);
  window(0x12, 0xFFFFFFFF);
  window(0x13, 0xFFFFFFFF);
  EXPECT_EQ(window(0x12), 0x0001AFFFu) << "delivery status and remote IRR are read only";
  EXPECT_EQ(window(0x13), 0xFF000000u);
  EXPECT_EQ(window(0x14), kMasked) << "its neighbour";
}

TEST_F(IoApicTest, IndexAndWindowAreTwoAccessesThatOthersCanComeBetween) {
  io_apic_.write(0x00, 4, 0x12);  // one core means the entry of pin 1
  io_apic_.write(0x00, 4, 0x14);  // another one that of pin 2
  io_apic_.write(0x10, 4, kMasked | 0x31);
  io_apic_.write(0x10, 4, kMasked | 0x32);
  EXPECT_EQ(window(0x12), kMasked);
  EXPECT_EQ(window(0x14), kMasked | 0x32) << "both wrote pin 2, the last one stays";
  EXPECT_EQ(io_apic_.read(0x00, 4), 0x14u);
}

TEST_F(IoApicTest, OtherAccessesThanDwords) {
  io_apic_.write(0x00, 1, 0x12);
  EXPECT_EQ(io_apic_.read(0x00, 1), 0x12u);
  io_apic_.write(0x00, 4, 0xFFFFFF12);
  EXPECT_EQ(io_apic_.read(0x00, 4), 0x12u);
  io_apic_.write(0x10, 1, 0x55);
  EXPECT_EQ(io_apic_.read(0x10, 4), kMasked);
  io_apic_.write(0x10, 4, kMasked | 0x1234);
  EXPECT_EQ(io_apic_.read(0x10, 1), 0x34u);
  EXPECT_EQ(io_apic_.read(0x20, 4), 0u);
}

TEST_F(IoApicTest, EdgeIsSentOncePerRisingEdge) {
  redirect(5, 0x60, 2);
  io_apic_.set_irq(5, true);
  EXPECT_EQ(redirection_low(5), kSendPending | 0x60);
  wait(kDelay);
  EXPECT_EQ(redirection_low(5), 0x60u) << "no remote IRR";
  EXPECT_FALSE(bit(2, kTriggerMode, 0x60));
  EXPECT_EQ(acknowledge(2), 0x60);
  eoi(2);
  io_apic_.set_irq(5, true);
  io_apic_.set_irq(5, false);
  wait(kDelay);
  EXPECT_EQ(acknowledge(2), -1);
  pulse(5);
  wait(kDelay);
  EXPECT_EQ(acknowledge(2), 0x60);
}

TEST_F(IoApicTest, EdgeOnAMaskedPinIsLost) {  // 3.2.4, interrupt mask
  redirect(5, kMasked | 0x60, 0);
  io_apic_.set_irq(5, true);
  redirect(5, 0x60, 0);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), -1);
  io_apic_.set_irq(5, false);
  io_apic_.set_irq(5, true);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), 0x60);
}

TEST_F(IoApicTest, LevelOnAMaskedPinIsSentWhenItIsUnmasked) {
  redirect(5, kMasked | kLevel | 0x60, 0);
  io_apic_.set_irq(5, true);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), -1);
  redirect(5, kLevel | 0x60, 0);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), 0x60);
}

TEST_F(IoApicTest, MaskedLevelThatGoesAwayHasNoEffect) {
  redirect(5, kMasked | kLevel | 0x60, 0);
  pulse(5);
  redirect(5, kLevel | 0x60, 0);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), -1);
}

TEST_F(IoApicTest, RemoteIrrFromAcceptanceToEoiAndSentAgainWhileAsserted) {
  redirect(5, kLevel | 0x60, 1);
  io_apic_.set_irq(5, true);
  EXPECT_EQ(redirection_low(5), kLevel | kSendPending | 0x60);
  wait(kDelay);
  EXPECT_EQ(redirection_low(5), kLevel | kRemoteIrr | 0x60);
  EXPECT_TRUE(bit(1, kTriggerMode, 0x60));
  ASSERT_EQ(acknowledge(1), 0x60);
  io_apic_.set_irq(5, false);
  io_apic_.set_irq(5, true);
  wait(kDelay);
  EXPECT_FALSE(requested(1, 0x60)) << "nothing is sent while remote IRR is set";
  eoi(1);
  EXPECT_EQ(redirection_low(5), kLevel | kSendPending | 0x60);
  wait(kDelay);
  ASSERT_EQ(acknowledge(1), 0x60);
  io_apic_.set_irq(5, false);
  eoi(1);
  EXPECT_EQ(redirection_low(5), kLevel | 0x60u);
  wait(kDelay);
  EXPECT_EQ(acknowledge(1), -1);
}

TEST_F(IoApicTest, EoiOfAnEdgeInterruptIsNotBroadcast) {
  redirect(5, kLevel | 0x60, 1);
  io_apic_.set_irq(5, true);
  wait(kDelay);
  request(0, 0x60);  // the same vector, by an IPI
  ASSERT_EQ(acknowledge(0), 0x60);
  eoi(0);
  EXPECT_EQ(redirection_low(5), kLevel | kRemoteIrr | 0x60);
}

TEST_F(IoApicTest, EoiEndsEveryPinWithThatVector) {
  redirect(5, kLevel | 0x60, 0);
  redirect(6, kLevel | 0x60, 0);
  io_apic_.set_irq(5, true);
  io_apic_.set_irq(6, true);
  wait(kDelay);
  ASSERT_EQ(acknowledge(0), 0x60);
  io_apic_.set_irq(5, false);
  io_apic_.set_irq(6, false);
  eoi(0);
  EXPECT_EQ(redirection_low(5), kLevel | 0x60u);
  EXPECT_EQ(redirection_low(6), kLevel | 0x60u);
}

TEST_F(IoApicTest, EoiRegisterClearsRemoteIrrOfItsVectorOnly) {
  redirect(5, kLevel | 0x60, 1);
  redirect(6, kLevel | 0x61, 1);
  io_apic_.set_irq(5, true);
  io_apic_.set_irq(6, true);
  wait(kDelay);
  io_apic_.set_irq(5, false);
  io_apic_.set_irq(6, false);
  io_apic_.write(0x40, 4, 0x60);
  EXPECT_EQ(redirection_low(5), kLevel | 0x60u);
  EXPECT_EQ(redirection_low(6), kLevel | kRemoteIrr | 0x61);
}

TEST_F(IoApicTest, RemoteIrrSticksWhenTheVectorChangedBeforeTheEoi) {
  redirect(5, kLevel | 0x60, 0);
  io_apic_.set_irq(5, true);
  wait(kDelay);
  ASSERT_EQ(acknowledge(0), 0x60);
  io_apic_.set_irq(5, false);
  redirect(5, kLevel | 0x70, 0);
  eoi(0);
  EXPECT_EQ(redirection_low(5), kLevel | kRemoteIrr | 0x70);
  redirect(5, kMasked | 0x70, 0);
  redirect(5, kMasked | kLevel | 0x70, 0);
  EXPECT_EQ(redirection_low(5), kMasked | kLevel | 0x70) << "edge mode clears it";
}

TEST_F(IoApicTest, MaskingAfterTheInterruptWasAcceptedDoesNotWithdrawIt) {
  redirect(5, kLevel | 0x60, 0);
  io_apic_.set_irq(5, true);
  wait(kDelay);
  redirect(5, kMasked | kLevel | 0x60, 0);
  EXPECT_EQ(acknowledge(0), 0x60);
  eoi(0);
  EXPECT_EQ(redirection_low(5), kMasked | kLevel | 0x60) << "and the EOI still counts";
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), -1);
}

TEST_F(IoApicTest, ActiveLowIsaPin) {
  redirect(5, kMasked | kActiveLow | 0x60, 0);
  io_apic_.set_irq(5, true);
  redirect(5, kActiveLow | 0x60, 0);
  io_apic_.set_irq(5, false);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), 0x60) << "the falling edge";
}

TEST_F(IoApicTest, PciPinsAreActiveLow) {
  redirect(20, kLevel | kActiveLow | 0x60, 0);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), -1);
  io_apic_.set_irq(20, true);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), 0x60);
  io_apic_.set_irq(20, false);
  eoi(0);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), -1);
  redirect(21, kLevel | 0x61, 0);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), 0x61) << "with the wrong polarity the idle line interrupts";
}

TEST_F(IoApicTest, NmiSmiAndInitAreEdgeTriggeredWhateverTheEntrySays) {
  redirect(5, kLevel | kNmi, 1);
  redirect(6, kLevel | kSmi, 1);
  redirect(7, kLevel | kInit, 1);
  for (unsigned pin : {5u, 6u, 7u}) {
    pulse(pin);
    wait(kDelay);
    EXPECT_EQ(redirection_low(pin) & kRemoteIrr, 0u);
  }
  EXPECT_EQ(cores_[1].take(), (Log{"nmi", "smi", "init"}));
}

TEST_F(IoApicTest, ReservedDeliveryModesSendNothing) {
  redirect(5, (3u << 8) | 0x60, 0);
  redirect(6, kStartup | 0x60, 1);
  pulse(5);
  pulse(6);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), -1);
  EXPECT_EQ(cores_[1].take(), Log{});
  EXPECT_EQ(redirection_low(6) & kSendPending, 0u);
}

TEST_F(IoApicTest, LogicalDestinationAndLowestPriority) {
  for (unsigned core = 0; core < 4; ++core) {
    set(core, kLogicalDestination, 0x01000000u << core);
    set(core, kTaskPriority, 0x40 - 0x10 * core);
  }
  redirect(5, kLogical | 0x60, 0b0110);
  redirect(6, kLogical | kLowestPriority | 0x61, 0b0111);
  pulse(5);
  pulse(6);
  wait(kDelay);
  EXPECT_TRUE(requested(1, 0x60) && requested(2, 0x60));
  EXPECT_FALSE(requested(0, 0x60) || requested(3, 0x60));
  EXPECT_TRUE(requested(2, 0x61));
  EXPECT_FALSE(requested(0, 0x61) || requested(1, 0x61));
}

TEST_F(IoApicTest, ExtIntThroughPin0AsksThe8259) {
  for (unsigned port : {0u, 2u}) {
    pic_.write(port, 1, 0x11);
    pic_.write(port + 1, 1, port == 0 ? 0x20 : 0x28);
    pic_.write(port + 1, 1, port == 0 ? 4 : 2);
    pic_.write(port + 1, 1, 1);
  }
  redirect(0, kExtInt, 1);
  pic_.set_irq(4, true);
  EXPECT_EQ(acknowledge(1), -1);
  wait(kDelay);
  pic_.set_irq(1, true);
  EXPECT_EQ(acknowledge(1), 0x21);
  EXPECT_EQ(acknowledge(1), -1);
  EXPECT_EQ(acknowledge(0), -1) << "LINT0 is masked";
  pic_.write(0, 1, 0x20);  // now the 8259 asks for IRQ 4, with a new edge
  wait(kDelay);
  EXPECT_EQ(acknowledge(1), 0x24);
  pic_.write(0, 1, 0x20);
  pic_.set_irq(1, false);
  pic_.set_irq(1, true);
  pic_.set_irq(1, false);
  wait(kDelay);
  EXPECT_EQ(acknowledge(1), 0x27) << "gone before the acknowledge: spurious IRQ 7";
}

TEST_F(IoApicTest, ObserverSeesEveryWriteOfAnEntryWithOldAndNew) {
  redirect(7, 0x60, 3);
  EXPECT_EQ(written_,
            (std::vector<Written>{{7, kMasked, 0x03000000'00000000 | kMasked},
                                  {7, 0x03000000'00000000 | kMasked, 0x03000000'00000060}}));
  window(0, 0x05000000);
  EXPECT_EQ(written_.size(), 2u);
}

TEST_F(IoApicTest, RestoredStateGoesOnLikeTheSavedOne) {
  redirect(5, kLevel | 0x60, 0);
  io_apic_.set_irq(5, true);
  wait(kDelay);
  SavedState saved(io_apic_);
  io_apic_.reset();
  EXPECT_EQ(redirection_low(5), kMasked);
  saved.restore(io_apic_);
  EXPECT_EQ(redirection_low(5), kLevel | kRemoteIrr | 0x60);
  ASSERT_EQ(acknowledge(0), 0x60);
  eoi(0);
  wait(kDelay);
  EXPECT_EQ(acknowledge(0), 0x60);
}

}  // namespace
}  // namespace mint
