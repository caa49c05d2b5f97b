// The 8259A pair. The quoted names are headings of the data sheet.
#include "devices/pic.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace mint {
namespace {

class PicTest : public ::testing::Test {
 protected:
  static constexpr std::uint8_t kEoi = 0x20;
  static constexpr std::uint8_t kSpecificEoi = 0x60;
  static constexpr std::uint8_t kRotateOnEoi = 0xA0;
  static constexpr std::uint8_t kRotateOnSpecificEoi = 0xE0;
  static constexpr std::uint8_t kSetPriority = 0xC0;
  static constexpr std::uint8_t kRotateInAutoEoi = 0x80;
  static constexpr std::uint8_t kStopRotateInAutoEoi = 0x00;
  static constexpr std::uint8_t kReadIrr = 0x0A;
  static constexpr std::uint8_t kReadIsr = 0x0B;
  static constexpr std::uint8_t kPoll = 0x0C;
  static constexpr std::uint8_t kSetSpecialMask = 0x68;
  static constexpr std::uint8_t kClearSpecialMask = 0x48;

  PicTest() { initialise(0x01, 0x01); }

  void initialise(std::uint8_t master_icw4, std::uint8_t slave_icw4) {
    out(0, 0x11);
    out(1, 0x20);
    out(1, 0x04);
    out(1, master_icw4);
    out(2, 0x11);
    out(3, 0x28);
    out(3, 0x02);
    out(3, slave_icw4);
  }
  void out(unsigned offset, std::uint8_t value) { pic_.write(offset, 1, value); }
  std::uint8_t in(unsigned offset) { return static_cast<std::uint8_t>(pic_.read(offset, 1)); }
  std::uint8_t irr(unsigned offset) {
    out(offset, kReadIrr);
    return in(offset);
  }
  std::uint8_t isr(unsigned offset) {
    out(offset, kReadIsr);
    return in(offset);
  }
  void raise(unsigned irq) { pic_.set_irq(irq, true); }
  void lower(unsigned irq) { pic_.set_irq(irq, false); }
  // The vector, -1 when INTR is low.
  int acknowledge() { return pic_.intr() ? pic_.acknowledge().value : -1; }

  std::vector<bool> intr_;
  Pic pic_{[this](bool level) { intr_.push_back(level); }};
};

TEST_F(PicTest, BeforeItsInitialisationNothingPasses) {
  pic_.reset();
  raise(1);
  EXPECT_FALSE(pic_.intr());
}

TEST_F(PicTest, FixedPrioritiesThroughTheCascade) {  // "Fully nested mode"
  for (unsigned irq : {7u, 15u, 8u, 3u, 1u}) raise(irq);
  const std::pair<int, bool> in_order[] = {
      {0x21, false}, {0x28, true}, {0x2F, true}, {0x23, false}, {0x27, false}};
  for (const auto& [vector, slave] : in_order) {
    EXPECT_EQ(acknowledge(), vector);
    EXPECT_EQ(acknowledge(), -1);
    if (slave) out(2, kEoi);
    out(0, kEoi);
  }
  EXPECT_EQ(acknowledge(), -1);
}

TEST_F(PicTest, HigherPriorityNestsLowerWaits) {
  raise(4);
  EXPECT_EQ(acknowledge(), 0x24);
  raise(5);
  EXPECT_FALSE(pic_.intr());
  raise(3);
  EXPECT_EQ(acknowledge(), 0x23);
  EXPECT_EQ(isr(0), 0b0001'1000);
  EXPECT_EQ(irr(0), 0b0010'0000);
  out(0, kEoi);
  EXPECT_EQ(isr(0), 0b0001'0000);
  EXPECT_FALSE(pic_.intr());
  out(0, kEoi);
  EXPECT_EQ(acknowledge(), 0x25);
}

TEST_F(PicTest, EdgeModeNeedsAnotherEdge) {
  raise(4);
  EXPECT_EQ(acknowledge(), 0x24);
  out(0, kEoi);
  EXPECT_FALSE(pic_.intr()) << "the line is still high";
  lower(4);
  raise(4);
  EXPECT_EQ(acknowledge(), 0x24);
}

TEST_F(PicTest, LevelModeAsksAgainWhileTheLineIsHigh) {
  out(5, 0xFF);
  EXPECT_EQ(in(5), 0xDE) << "8 and 13 stay edge-triggered";
  out(4, 0xFF);
  EXPECT_EQ(in(4), 0xF8) << "0, 1 and 2 stay edge-triggered";
  raise(10);
  EXPECT_EQ(acknowledge(), 0x2A);
  out(2, kEoi);
  out(0, kEoi);
  EXPECT_EQ(acknowledge(), 0x2A);
  lower(10);
  out(2, kEoi);
  out(0, kEoi);
  EXPECT_FALSE(pic_.intr());
}

TEST_F(PicTest, RequestGoesAwayWithItsLineAndTheAcknowledgeIsIrq7) {  // default IR7
  raise(4);
  EXPECT_EQ(irr(0), 0b0001'0000);
  lower(4);
  EXPECT_EQ(irr(0), 0);
  EXPECT_FALSE(pic_.intr());
  EXPECT_EQ(pic_.acknowledge().value, 0x27);
  EXPECT_EQ(isr(0), 0) << "a spurious IRQ 7 is not in service";
  raise(7);
  EXPECT_EQ(acknowledge(), 0x27);
  EXPECT_EQ(isr(0), 0x80);
}

TEST_F(PicTest, SpuriousIrq15OfASlaveWithoutARequest) {
  // A slave that takes the id of IRQ 5 answers for an interrupt that is not its own.
  out(0, 0x11);
  out(1, 0x20);
  out(1, 0x20);
  out(1, 0x01);
  out(2, 0x11);
  out(3, 0x28);
  out(3, 0x05);
  out(3, 0x01);
  raise(5);
  EXPECT_EQ(acknowledge(), 0x2F);
  EXPECT_EQ(isr(2), 0);
  EXPECT_EQ(isr(0), 0x20) << "the master has it in service";
}

TEST_F(PicTest, NobodyAnswersForAnotherSlaveId) {
  out(2, 0x11);
  out(3, 0x28);
  out(3, 0x03);
  out(3, 0x01);
  raise(9);
  EXPECT_EQ(acknowledge(), 0xFF);
}

TEST_F(PicTest, MaskHoldsARequestAndDoesNotLoseIt) {
  out(1, 0x10);
  EXPECT_EQ(in(1), 0x10);
  raise(4);
  EXPECT_FALSE(pic_.intr());
  EXPECT_EQ(irr(0), 0x10);
  out(1, 0);
  EXPECT_EQ(acknowledge(), 0x24);
}

TEST_F(PicTest, InitialisationForgetsEdgesMaskAndService) {
  raise(3);
  EXPECT_EQ(acknowledge(), 0x23);
  raise(4);
  out(1, 0xFF);
  out(0, 0x11);
  out(1, 0x40);
  out(1, 0x04);
  out(1, 0x01);
  EXPECT_EQ(in(1), 0);
  EXPECT_EQ(isr(0), 0);
  EXPECT_FALSE(pic_.intr()) << "the edge sense circuit is reset";
  lower(4);
  raise(4);
  EXPECT_EQ(acknowledge(), 0x44);
}

TEST_F(PicTest, InitialisationWithoutIcw3AndIcw4) {
  initialise(0x03, 0x01);  // automatic EOI, which ICW4 "not needed" ends
  out(0, 0x12);            // single, no ICW4
  out(1, 0x60);
  out(1, 0x0F);  // already the mask
  EXPECT_EQ(in(1), 0x0F);
  raise(6);
  EXPECT_EQ(acknowledge(), 0x66);
  EXPECT_EQ(isr(0), 0x40);
}

TEST_F(PicTest, SpecificEoiEndsThatLevel) {
  raise(5);
  EXPECT_EQ(acknowledge(), 0x25);
  raise(2 + 8);
  EXPECT_EQ(acknowledge(), 0x2A);
  out(0, kSpecificEoi | 5);
  EXPECT_EQ(isr(0), 0x04);
  out(0, kEoi);
  EXPECT_EQ(isr(0), 0);
}

TEST_F(PicTest, RotateOnNonSpecificEoi) {  // "Automatic rotation (equal priority devices)"
  raise(4);
  EXPECT_EQ(acknowledge(), 0x24);
  out(0, kRotateOnEoi);
  lower(4);
  for (unsigned irq : {3u, 4u, 6u}) raise(irq);
  EXPECT_EQ(acknowledge(), 0x26) << "4 is the lowest now, 5 the highest";
  out(0, kEoi);
  EXPECT_EQ(acknowledge(), 0x23);
  out(0, kEoi);
  EXPECT_EQ(acknowledge(), 0x24);
}

TEST_F(PicTest, SetPriorityAndRotateOnSpecificEoi) {  // "Specific rotation"
  out(0, kSetPriority | 5);
  raise(5);
  raise(6);
  raise(0);
  EXPECT_EQ(acknowledge(), 0x26);
  out(0, kRotateOnSpecificEoi | 6);
  EXPECT_EQ(acknowledge(), 0x20);
  out(0, kSpecificEoi | 0);
  EXPECT_EQ(acknowledge(), 0x25);
}

TEST_F(PicTest, AutomaticEoi) {
  initialise(0x03, 0x03);
  raise(4);
  EXPECT_EQ(acknowledge(), 0x24);
  EXPECT_EQ(isr(0), 0);
  raise(5);
  EXPECT_EQ(acknowledge(), 0x25);
  raise(12);
  EXPECT_EQ(acknowledge(), 0x2C);
  EXPECT_EQ(isr(2), 0);
}

TEST_F(PicTest, RotationInAutomaticEoi) {
  initialise(0x03, 0x01);
  out(0, kRotateInAutoEoi);
  raise(3);
  EXPECT_EQ(acknowledge(), 0x23);
  lower(3);
  raise(3);
  raise(4);
  EXPECT_EQ(acknowledge(), 0x24);
  out(0, kStopRotateInAutoEoi);
  EXPECT_EQ(acknowledge(), 0x23);
  lower(3);
  raise(5);
  raise(3);
  EXPECT_EQ(acknowledge(), 0x25) << "4 is still the lowest";
}

TEST_F(PicTest, SpecialMaskModeLetsLowerPrioritiesThrough) {
  raise(3);
  EXPECT_EQ(acknowledge(), 0x23);
  raise(6);
  EXPECT_FALSE(pic_.intr());
  out(1, 0x08);
  EXPECT_FALSE(pic_.intr());
  out(0, kSetSpecialMask);
  EXPECT_EQ(acknowledge(), 0x26);
  out(0, kEoi);
  EXPECT_EQ(isr(0), 0x08) << "a non-specific EOI does not end the masked one";
  out(0, kEoi);
  EXPECT_EQ(isr(0), 0x08);
  out(0, kSpecificEoi | 3);
  EXPECT_EQ(isr(0), 0);
  out(0, kClearSpecialMask);
}

TEST_F(PicTest, SpecialFullyNestedModeLetsTheSlaveInterruptItself) {
  raise(12);
  EXPECT_EQ(acknowledge(), 0x2C);
  raise(9);
  EXPECT_EQ(acknowledge(), -1) << "fully nested: IR2 is in service";
  out(2, kEoi);
  out(0, kEoi);
  EXPECT_EQ(acknowledge(), 0x29);
  out(2, kEoi);
  out(0, kEoi);

  lower(12);
  lower(9);
  initialise(0x11, 0x01);
  raise(12);
  EXPECT_EQ(acknowledge(), 0x2C);
  raise(9);
  EXPECT_EQ(acknowledge(), 0x29);
  raise(13);
  EXPECT_EQ(acknowledge(), -1) << "the slave itself is fully nested";
  out(2, kEoi);
  EXPECT_EQ(isr(2), 0x10) << "not yet 0: no EOI to the master";
}

TEST_F(PicTest, PollAcknowledges) {  // "Poll command"
  out(0, kPoll);
  EXPECT_EQ(in(0), 0x00);
  raise(6);
  raise(3);
  out(0, kPoll);
  EXPECT_EQ(in(1), 0x83) << "at either address";
  EXPECT_EQ(isr(0), 0x08);
  EXPECT_FALSE(pic_.intr());
  EXPECT_EQ(in(1), 0) << "the next read is the mask again";
  raise(9);
  out(0, kPoll);
  EXPECT_EQ(in(0), 0x82);
  out(2, kPoll);
  EXPECT_EQ(in(2), 0x81);
  EXPECT_EQ(isr(2), 0x02);
}

TEST_F(PicTest, WhatIsReadStaysSelected) {
  raise(3);
  out(0, kReadIsr);
  EXPECT_EQ(in(0), 0);
  EXPECT_EQ(acknowledge(), 0x23);
  EXPECT_EQ(in(0), 0x08);
  out(0, 0x08);  // OCW3 with RR clear
  EXPECT_EQ(in(0), 0x08);
  out(0, kReadIrr);
  EXPECT_EQ(in(0), 0);
}

TEST_F(PicTest, IntrGoesLowInTheAcknowledgeAndComesBackForTheNext) {
  initialise(0x03, 0x01);
  raise(3);
  raise(4);
  intr_.clear();
  EXPECT_EQ(acknowledge(), 0x23);
  EXPECT_EQ(intr_, (std::vector<bool>{false, true}));
  EXPECT_EQ(acknowledge(), 0x24);
  EXPECT_EQ(intr_, (std::vector<bool>{false, true, false}));
}

TEST_F(PicTest, WordAccessIsTwoBytes) {
  pic_.write(0, 2, 0xFB20);  // EOI, then the mask
  EXPECT_EQ(in(1), 0xFB);
  EXPECT_EQ(pic_.read(0, 2), 0xFB00u);
  EXPECT_EQ(pic_.read(6, 1), 0xFFu);
}

TEST_F(PicTest, TheCascadeHasNoPin) {
  raise(2);
  EXPECT_FALSE(pic_.intr());
}

}  // namespace
}  // namespace mint
