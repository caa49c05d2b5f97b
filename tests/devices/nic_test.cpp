// The 82540EM as a driver meets it: identity, EEPROM, PHY, interrupts, reset.

#include "tests/devices/nic_fixture.hpp"
#include "tests/devices/saved_state.hpp"

namespace mint {
namespace {

using namespace nic;

class NicTest : public NicFixture {
 protected:
  // Microwire by EECD, most significant bit first.
  void eeprom_out(unsigned value, unsigned bits) {
    for (unsigned i = bits; i-- > 0;) {
      const std::uint32_t in = (value >> i & 1) != 0 ? kEecdIn : 0;
      pins(in);
      pins(in | kEecdClock);
      pins(in);
    }
  }
  std::uint16_t eeprom_in() {
    unsigned value = 0;
    for (unsigned i = 0; i < 16; ++i) {
      pins(kEecdClock);
      value = value << 1 | ((host(0).reg(kEecd) & kEecdOut) != 0 ? 1 : 0);
      pins(0);
    }
    return static_cast<std::uint16_t>(value);
  }
  void pins(std::uint32_t levels) { host(0).reg(kEecd, kEecdRequest | kEecdSelect | levels); }
  void deselect() { host(0).reg(kEecd, kEecdRequest); }
};

TEST_F(NicTest, TellsWhatItIs) {
  Nic& nic = *host(0).nic;
  EXPECT_EQ(nic.config_read(0x00, 4), 0x100E8086u);
  EXPECT_EQ(nic.config_read(0x08, 4), 0x02000002u);
  EXPECT_EQ(nic.config_read(0x2C, 4), 0x001E8086u);
  EXPECT_EQ(nic.config_read(0x34, 1), 0xDCu);
  EXPECT_EQ(nic.config_read(0xDC, 2), 0xF001u);
  EXPECT_EQ(nic.config_read(0xF0, 2), 0x0005u);
  EXPECT_EQ(nic.config_read(0x3D, 1), 1u);
  nic.config_write(0x10, 4, 0xFFFFFFFF);
  EXPECT_EQ(nic.config_read(0x10, 4), 0xFFFE0000u);
  nic.config_write(0x18, 4, 0xFFFFFFFF);
  EXPECT_EQ(nic.config_read(0x18, 4), 0xFFFFFFC1u);
}

TEST_F(NicTest, TheEepromAddsUpToItsSignatureByMicrowire) {
  unsigned sum = 0;
  std::vector<std::uint16_t> words;
  for (unsigned i = 0; i < 64; ++i) {
    eeprom_out(6, 3);  // READ
    eeprom_out(i, 6);
    words.push_back(eeprom_in());
    sum += words.back();
    deselect();
  }
  EXPECT_EQ(sum & 0xFFFF, 0xBABAu);
  EXPECT_EQ(words[0], 0x4D02u);
  EXPECT_EQ(words[1], 0x4E49u);
  EXPECT_EQ(words[2], 0x0054u);
  EXPECT_EQ(words[13], 0x100Eu);
}

TEST_F(NicTest, TheEepromIsWrittenOnlyAfterWritingWasEnabled) {
  const auto write = [&](unsigned address, unsigned value) {
    eeprom_out(5, 3);
    eeprom_out(address, 6);
    eeprom_out(value, 16);
    deselect();
  };
  const auto read = [&](unsigned address) {
    eeprom_out(6, 3);
    eeprom_out(address, 6);
    const std::uint16_t value = eeprom_in();
    deselect();
    return value;
  };
  write(0x20, 0x1234);
  EXPECT_EQ(read(0x20), 0xFFFFu);
  eeprom_out(4, 3);
  eeprom_out(0x30, 6);  // EWEN
  deselect();
  write(0x20, 0x1234);
  EXPECT_EQ(read(0x20), 0x1234u);
  EXPECT_EQ(read(0x21), 0xFFFFu);
}

TEST_F(NicTest, EerdReadsAWordInItsTime) {
  host(0).reg(kEerd, 1u << 8 | kEerdStart);
  run(24'000);
  EXPECT_EQ(host(0).reg(kEerd) & kEerdDone, 0u);
  run(1'000);
  EXPECT_EQ(host(0).reg(kEerd), 0x4E490100u | kEerdDone);
}

TEST_F(NicTest, TheFirstReceiveAddressIsTheEeproms) {
  EXPECT_EQ(host(1).reg(kRa), 0x4E494D02u);
  EXPECT_EQ(host(1).reg(kRa + 4), 0x80000154u);
  host(1).reg(kRa, 0);
  host(1).reg(kCtrl, kCtrlReset);
  EXPECT_EQ(host(1).reg(kRa), 0x4E494D02u);
}

TEST_F(NicTest, ThePhyIsAnswersByMdic) {
  EXPECT_EQ(phy(host(0), 2), 0x0141u);
  EXPECT_EQ(phy(host(0), 3) & 0xFFF0, 0x0C20u);
  // Only address 1 is there.
  host(0).reg(kMdic, kMdicRead | 2u << 21 | 2u << 16);
  run(30'000);
  EXPECT_EQ(host(0).reg(kMdic) & (kMdicReady | kMdicError), kMdicReady | kMdicError);
}

TEST_F(NicTest, MdicTakesTheTimeOfAnMdioFrameAndCanInterrupt) {
  host(0).reg(kIms, kIntMdio);
  host(0).reg(kMdic, kMdicRead | 1u << 21 | 2u << 16 | kMdicInterrupt);
  run(25'599);
  EXPECT_EQ(host(0).reg(kMdic) & kMdicReady, 0u);
  EXPECT_FALSE(host(0).irq);
  run(1);
  EXPECT_NE(host(0).reg(kMdic) & kMdicReady, 0u);
  EXPECT_TRUE(host(0).irq);
}

TEST_F(NicTest, TheLinkComesUpAfterNegotiationAndGoesDownWithAReset) {
  Host& h = host(0);
  set_link_up(h);
  h.reg(kIms, kIntLink);
  run(ms(1999));
  EXPECT_EQ(h.reg(kStatus) & kStatusLinkUp, 0u);
  run(ms(1));
  EXPECT_EQ(h.reg(kStatus) & 0xC3, 0x83u);  // 1000 Mb/s, link, full duplex
  EXPECT_TRUE(h.irq);
  EXPECT_EQ(h.reg(kIcr), kIntLink);
  // Register 1 shows a link that was down once more as down.
  EXPECT_EQ(phy(h, 1) & 0x4, 0u);
  EXPECT_EQ(phy(h, 1) & 0x24, 0x24u);
  EXPECT_EQ(phy(h, 17) & 0xFC00, 0xAC00u);
  phy(h, 0, 0x9140);  // software reset
  EXPECT_EQ(h.reg(kStatus) & kStatusLinkUp, 0u);
  EXPECT_EQ(h.reg(kIcr), kIntLink);
  run(ms(2001));
  EXPECT_NE(h.reg(kStatus) & kStatusLinkUp, 0u);
}

TEST_F(NicTest, WithoutSetLinkUpTheMacSeesNoLink) {
  run(ms(2001));
  EXPECT_EQ(host(0).reg(kStatus) & kStatusLinkUp, 0u);
  EXPECT_NE(phy(host(0), 17) & 0x0400, 0u);
}

TEST_F(NicTest, WhatBothOfferDecidesTheSpeed) {
  Host& h = host(0);
  set_link_up(h);
  run(ms(2001));
  phy(h, 9, 0);       // not 1000BASE-T
  phy(h, 0, 0x1340);  // restart
  run(ms(2001));
  EXPECT_EQ(h.reg(kStatus) & 0xC3, 0x43u);  // 100 Mb/s
  EXPECT_EQ(h.nic->wire_time(100)->count, 8'000u);
}

TEST_F(NicTest, ReadingTheCausesClearsThem) {
  Host& h = host(0);
  h.reg(kIcs, kIntRxOverrun | kIntLink);
  EXPECT_FALSE(h.irq);
  h.reg(kIms, kIntRxOverrun);
  EXPECT_TRUE(h.irq);
  EXPECT_EQ(h.reg(kIcr), kIntRxOverrun | kIntLink);
  EXPECT_FALSE(h.irq);
  EXPECT_EQ(h.reg(kIcr), 0u);
}

TEST_F(NicTest, WritingOnesClearsThoseCausesOnly) {
  Host& h = host(0);
  h.reg(kIms, kIntRxOverrun | kIntLink);
  h.reg(kIcs, kIntRxOverrun | kIntLink);
  h.reg(kIcr, kIntLink);
  EXPECT_TRUE(h.irq);
  EXPECT_EQ(h.reg(kIms), kIntRxOverrun | kIntLink);
  h.reg(kImc, kIntRxOverrun);
  EXPECT_FALSE(h.irq);
  EXPECT_EQ(h.reg(kIms), kIntLink);
  EXPECT_EQ(h.reg(kIcr), kIntRxOverrun);  // a masked cause stays
}

TEST_F(NicTest, TheThrottleKeepsInterruptsApart) {
  Host& h = host(0);
  h.reg(kIms, kIntLink);
  h.reg(kItr, 100);  // 25.6 us
  h.reg(kIcs, kIntLink);
  EXPECT_TRUE(h.irq);
  (void)h.reg(kIcr);
  h.reg(kIcs, kIntLink);
  EXPECT_FALSE(h.irq);
  run(25'599);
  EXPECT_FALSE(h.irq);
  run(1);
  EXPECT_TRUE(h.irq);
}

TEST_F(NicTest, TheIoWindowReachesEveryRegisterAndResets) {
  Host& h = host(0);
  PciHost pci;
  pci.plug(8, 0, *h.nic);
  h.nic->config_write(0x10, 4, 0xE0000000);
  h.nic->config_write(0x18, 4, 0xC000);
  h.nic->config_write(0x04, 2, 7);
  const PciTarget address = pci.find_io(0xC000);
  const PciTarget data = pci.find_io(0xC004);
  ASSERT_NE(data.device, nullptr);
  h.reg(kIms, kIntLink);
  address.device->write(address.offset, 4, kIms);
  EXPECT_EQ(data.device->read(data.offset, 4), kIntLink);
  address.device->write(address.offset, 4, kCtrl);
  data.device->write(data.offset, 4, kCtrlReset);
  EXPECT_EQ(h.reg(kIms), 0u);
  EXPECT_EQ(h.reg(kCtrl) & kCtrlReset, 0u);
}

TEST_F(NicTest, NarrowWritesAreIgnoredAndWideOnesAreTwo) {
  Host& h = host(0);
  h.nic->write(kRdbal, 8, 0x1'0000'2000);
  EXPECT_EQ(h.reg(kRdbal), 0x2000u);
  EXPECT_EQ(h.reg(kRdbah), 1u);
  h.nic->write(kRdbal, 2, 0x3000);
  EXPECT_EQ(h.reg(kRdbal), 0x2000u);
  EXPECT_EQ(h.nic->read(kRdbal + 1, 1), 0x20u);
  EXPECT_EQ(h.reg(0x1F000), 0u);
  h.nic->write(0x1FFFC, 8, ~0ull);
}

TEST_F(NicTest, LeavingD3ResetsIt) {
  Host& h = host(0);
  h.reg(kIms, kIntLink);
  h.nic->config_write(0xE0, 2, 3);
  EXPECT_EQ(h.reg(kIms), 0xFFFFFFFFu);
  h.nic->config_write(0xE0, 2, 0);
  EXPECT_EQ(h.nic->config_read(0x10, 4), 0u);
  EXPECT_EQ(h.reg(kIms), 0u);
}

TEST_F(NicTest, MsiReplacesThePin) {
  Host& h = host(0);
  unsigned messages = 0;
  h.nic->connect_msi([&](std::uint64_t address, std::uint32_t data) {
    EXPECT_EQ(address, 0xFEE01000u);
    EXPECT_EQ(data, 0x41u);
    ++messages;
  });
  h.nic->config_write(0xF4, 4, 0xFEE01000);
  h.nic->config_write(0xFC, 2, 0x41);
  h.nic->config_write(0xF2, 2, 1);
  h.reg(kIms, kIntLink);
  h.reg(kIcs, kIntLink);
  EXPECT_EQ(messages, 1u);
  EXPECT_FALSE(h.irq);
}

TEST_F(NicTest, StateGoesIntoAnotherNic) {
  bring_up(host(0));
  host(0).reg(kMta + 8, 0x1234);
  host(0).nic->receive(frame_to(kMac[0], kMac[1], 100));
  const SavedState saved = SavedState::of(*host(0).nic);
  Host other(queue_, 0);
  saved.restore(*other.nic);
  EXPECT_TRUE(SavedState::of(*other.nic) == saved);
  EXPECT_EQ(other.reg(kMta + 8), 0x1234u);
  EXPECT_NE(other.reg(kStatus) & kStatusLinkUp, 0u);
}

}  // namespace
}  // namespace mint
