// Frames through the 82540EM: rings, timing, filters, statistics.

#include "tests/devices/nic_fixture.hpp"

namespace mint {
namespace {

using namespace nic;

constexpr MacAddress kEverybody{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

class NicTrafficTest : public NicFixture {};

TEST_F(NicTrafficTest, AFrameArrivesWithItsFcs) {
  bring_up();
  const EthernetFrame frame = frame_to(kMac[1], kMac[0], 200);
  send(host(0), frame);
  run(ms(1));
  ASSERT_EQ(crossed_.size(), 1u);
  EXPECT_EQ(crossed_[0].frame, frame);
  EXPECT_EQ(host(0).reg(kTdh), 1u);
  EXPECT_EQ(host(0).memory.get(kTxRing + 12, 1) & kTxDone, kTxDone);
  EXPECT_EQ(host(0).reg(kIcr) & (kIntTxWritten | kIntTxEmpty), kIntTxWritten | kIntTxEmpty);

  EXPECT_EQ(rx_status(host(1), 0), kRxDone | kRxEnd | kRxIgnoreChecksum);
  EthernetFrame got = rx_data(host(1), 0);
  ASSERT_EQ(got.size(), 204u);
  // The residue of a frame with its FCS (802.3, 3.2.9).
  EXPECT_EQ(frame_check_sequence(got), ~0xDEBB20E3u);
  got.resize(200);
  EXPECT_EQ(got, frame);
  EXPECT_EQ(host(1).reg(kRdh), 1u);
  EXPECT_EQ(host(1).reg(kIcr), kIntRxTimer);
}

TEST_F(NicTrafficTest, TheCrcCanBeStripped) {
  bring_up();
  host(1).reg(kRctl, host(1).reg(kRctl) | kRctlStripCrc);
  send(host(0), frame_to(kMac[1], kMac[0], 100));
  run(ms(1));
  EXPECT_EQ(rx_data(host(1), 0).size(), 100u);
}

TEST_F(NicTrafficTest, FramesTakeTheirTimeOnBusAndWire) {
  bring_up();
  const std::uint64_t begin = queue_.now().count;
  for (unsigned i = 0; i < 2; ++i) {
    const EthernetFrame frame = frame_to(kMac[1], kMac[0], 1000);
    std::copy(frame.begin(), frame.end(), host(0).memory.bytes.begin() + kTxData);
    descriptor(host(0), kTxData, legacy(1000, kTxEnd | kTxInsertFcs | kTxReport));
  }
  send(host(0));
  run(ms(1));
  ASSERT_EQ(crossed_.size(), 2u);
  // Two bursts of 240 ns and 7.5 ns per byte; then 8 ns for each byte on the wire.
  const std::uint64_t descriptors = 240 + 16 * 15 / 2 + 1;
  const std::uint64_t data = 240 + 1016 * 15 / 2 + 1;
  const std::uint64_t wire = 8 * (1000 + 24);
  EXPECT_NEAR(static_cast<double>(crossed_[0].at.count - begin),
              static_cast<double>(descriptors + data + wire), 2);
  // The second is fetched while the first one is sent.
  const std::uint64_t second = std::max(wire, descriptors + data);
  EXPECT_NEAR(static_cast<double>(crossed_[1].at.count - crossed_[0].at.count),
              static_cast<double>(second), 8);
}

TEST_F(NicTrafficTest, TheTransmitterFetchesNoMoreThanItsFifoHolds) {
  bring_up();
  phy(host(0), 9, 0);       // not 1000BASE-T: 100 Mb/s
  phy(host(0), 0, 0x1340);  // restart
  run(ms(2001));
  for (unsigned i = 0; i < 15; ++i)
    descriptor(host(0), kTxData, legacy(1500, kTxEnd | kTxInsertFcs | kTxReport));
  send(host(0));
  // All could be fetched in 200 us, but one takes 122 us on the wire, and ten fill 16 KB.
  run(200'000);
  EXPECT_EQ(host(0).reg(kTdh), 11u);
  run(ms(2));
  EXPECT_EQ(host(0).reg(kTdh), 15u);
  EXPECT_EQ(crossed_.size(), 15u);
}

TEST_F(NicTrafficTest, ShortFramesArePadded) {
  bring_up();
  send(host(0), frame_to(kMac[1], kMac[0], 20));
  run(ms(1));
  ASSERT_EQ(crossed_.size(), 1u);
  EXPECT_EQ(crossed_[0].frame.size(), 60u);
  EXPECT_EQ(crossed_[0].frame[30], 0u);
}

TEST_F(NicTrafficTest, APacketIsGatheredFromItsDescriptors) {
  bring_up();
  const EthernetFrame frame = frame_to(kMac[1], kMac[0], 300);
  std::copy(frame.begin(), frame.end(), host(0).memory.bytes.begin() + kTxData);
  descriptor(host(0), kTxData, legacy(14, kTxInsertFcs));
  send(host(0));
  run(ms(1));
  EXPECT_TRUE(crossed_.empty());  // no EOP yet
  descriptor(host(0), kTxData + 14, legacy(86, kTxInsertFcs));
  descriptor(host(0), kTxData + 100, legacy(200, kTxEnd | kTxInsertFcs | kTxReport));
  send(host(0));
  run(ms(1));
  ASSERT_EQ(crossed_.size(), 1u);
  EXPECT_EQ(crossed_[0].frame, frame);
  // Only what asked for it is reported.
  EXPECT_EQ(host(0).memory.get(kTxRing + 16 + 12, 1), 0u);
  EXPECT_EQ(host(0).memory.get(kTxRing + 32 + 12, 1) & 1, 1u);
}

TEST_F(NicTrafficTest, RingsWrapAround) {
  bring_up();
  for (unsigned i = 0; i < 40; ++i) {
    send(host(0), frame_to(kMac[1], kMac[0], 64 + i));
    run(100'000);
    ASSERT_EQ(rx_data(host(1), i % kDescriptors).size(), 68u + i);
    host(1).reg(kRdt, i % kDescriptors);
  }
  EXPECT_EQ(host(1).reg(kRdh), 40 % kDescriptors);
}

TEST_F(NicTrafficTest, FramesWaitForDescriptorsAndThenForTheFifo) {
  bring_up();
  host(1).reg(kIms, kIntRxOverrun);
  // 15 descriptors, and 48 KB of FIFO: 33 frames of 1486 bytes.
  for (unsigned i = 0; i < 50; ++i) {
    send(host(0), frame_to(kMac[1], kMac[0], 1486));
    run(100'000);
  }
  EXPECT_EQ(host(1).reg(kRdh), 15u);
  EXPECT_EQ(host(1).reg(NicStatistics::kMissed), 2u);
  EXPECT_EQ(host(1).reg(NicStatistics::kNoBuffer), 33u);
  EXPECT_TRUE(host(1).irq);
  EXPECT_NE(host(1).reg(kIcr) & kIntRxOverrun, 0u);
  host(1).reg(kRdt, 14);
  run(ms(1));
  EXPECT_EQ(host(1).reg(kRdh), 14u);
}

TEST_F(NicTrafficTest, FewDescriptorsLeftIsACause) {
  bring_up();
  // RDMTS = 0: half of 16. Of 15 free ones the seventh frame leaves 8.
  for (unsigned i = 0; i < 6; ++i) {
    send(host(0), frame_to(kMac[1], kMac[0], 100));
    run(100'000);
  }
  EXPECT_EQ(host(1).reg(kIcr) & kIntRxLow, 0u);
  send(host(0), frame_to(kMac[1], kMac[0], 100));
  run(100'000);
  EXPECT_NE(host(1).reg(kIcr) & kIntRxLow, 0u);
}

TEST_F(NicTrafficTest, OnlyWhatIsForItPasses) {
  bring_up();
  Host& h = host(1);
  constexpr MacAddress kOther{0x02, 1, 2, 3, 4, 5};
  constexpr MacAddress kGroup{0x01, 0x00, 0x5E, 0, 0, 0x01};
  unsigned next = 0;
  const auto passes = [&](const MacAddress& to) {
    h.nic->receive(frame_to(to, kMac[0], 100));
    run(100'000);
    const bool passed = h.reg(kRdh) != next;
    next = h.reg(kRdh);
    return passed;
  };
  EXPECT_TRUE(passes(kMac[1]));
  EXPECT_TRUE(passes(kEverybody));
  EXPECT_FALSE(passes(kOther));
  EXPECT_FALSE(passes(kGroup));
  // The hash of 01-00-5E-00-00-01 with MO = 0: bits 47:36, 010h.
  h.reg(kMta, 1u << 16);
  EXPECT_TRUE(passes(kGroup));
  EXPECT_NE(rx_status(h, 2) & kRxFiltered, 0);
  h.reg(kMta, 0);
  h.reg(kRctl, h.reg(kRctl) | kRctlMulticast);
  EXPECT_TRUE(passes(kGroup));
  h.reg(kRa + 8, 0x03020102);
  h.reg(kRa + 12, kRahValid | 0x0504);
  EXPECT_TRUE(passes(kOther));
  h.reg(kRa + 12, 0);
  EXPECT_FALSE(passes(kOther));
  h.reg(kRctl, h.reg(kRctl) | kRctlUnicast);
  EXPECT_TRUE(passes(kOther));
  h.reg(kRctl, h.reg(kRctl) & ~kRctlBroadcast & ~kRctlMulticast);
  EXPECT_FALSE(passes(kEverybody));
}

TEST_F(NicTrafficTest, VlanTagsArePutInAndTakenOut) {
  bring_up();
  for (unsigned i = 0; i < 2; ++i) host(i).reg(kCtrl, host(i).reg(kCtrl) | kCtrlVlanMode);
  const EthernetFrame frame = frame_to(kMac[1], kMac[0], 100);
  std::copy(frame.begin(), frame.end(), host(0).memory.bytes.begin() + kTxData);
  descriptor(host(0), kTxData,
             legacy(100, kTxEnd | kTxInsertFcs | kTxVlan) | std::uint64_t{0x2005} << 48);
  send(host(0));
  run(ms(1));
  ASSERT_EQ(crossed_.size(), 1u);
  EXPECT_EQ(big16(crossed_[0].frame, 12), 0x8100u);
  EXPECT_EQ(big16(crossed_[0].frame, 14), 0x2005u);
  EXPECT_NE(rx_status(host(1), 0) & kRxVlan, 0);
  EXPECT_EQ(host(1).memory.get(kRxRing + 14, 2), 0x2005u);
  EXPECT_EQ(rx_data(host(1), 0).size(), 104u);
  // Filtered by VLAN 5 when asked to.
  host(1).reg(kRctl, host(1).reg(kRctl) | kRctlVlanFilter);
  host(1).nic->receive(crossed_[0].frame);
  run(ms(1));
  EXPECT_EQ(host(1).reg(kRdh), 1u);
  host(1).reg(kVfta, 1u << 5);
  host(1).nic->receive(crossed_[0].frame);
  run(ms(1));
  EXPECT_EQ(host(1).reg(kRdh), 2u);
}

TEST_F(NicTrafficTest, ReceiveDelaysGatherInterrupts) {
  bring_up();
  Host& h = host(1);
  h.reg(kIms, kIntRxTimer);
  h.reg(kRdtr, 20);  // 20.48 us after the last frame,
  h.reg(kRadv, 40);  // 40.96 us after the first one
  const EthernetFrame frame = frame_to(kMac[1], kMac[0], 64);
  h.nic->receive(frame);
  run(20'000);
  EXPECT_FALSE(h.irq);
  run(2'000);
  EXPECT_TRUE(h.irq);
  (void)h.reg(kIcr);
  for (unsigned i = 0; i < 4; ++i) {
    h.nic->receive(frame);
    EXPECT_FALSE(h.irq) << i;
    run(13'000);
  }
  EXPECT_TRUE(h.irq);
  EXPECT_EQ(h.interrupts, 2u);
}

TEST_F(NicTrafficTest, StatisticsCountAndClear) {
  bring_up();
  send(host(0), frame_to(kMac[1], kMac[0], 100));
  run(100'000);
  send(host(0), frame_to(kEverybody, kMac[0], 60));
  run(100'000);
  EXPECT_EQ(host(0).reg(0x4080), 2u);  // GPTC
  EXPECT_EQ(host(0).reg(0x4080), 0u);
  EXPECT_EQ(host(0).reg(0x40F4), 1u);    // BPTC
  EXPECT_EQ(host(0).reg(0x40D8), 1u);    // PTC64
  EXPECT_EQ(host(0).reg(0x40DC), 1u);    // PTC127
  EXPECT_EQ(host(1).reg(0x4088), 168u);  // GORCL: 104 and 64
  EXPECT_EQ(host(1).reg(0x4088), 168u);  // until GORCH is read
  EXPECT_EQ(host(1).reg(0x408C), 0u);
  EXPECT_EQ(host(1).reg(0x4088), 0u);
  EXPECT_EQ(host(1).reg(0x4074), 2u);  // GPRC
  EXPECT_EQ(host(1).reg(0x4078), 1u);  // BPRC
}

TEST_F(NicTrafficTest, NothingIsSentWithoutALink) {
  bring_up();
  phy(host(0), 0, 0x9140);
  send(host(0), frame_to(kMac[1], kMac[0], 100));
  run(ms(1000));
  EXPECT_TRUE(crossed_.empty());
  EXPECT_EQ(host(0).reg(kTdh), 0u);
  run(ms(1001));
  EXPECT_EQ(crossed_.size(), 1u);
}

TEST_F(NicTrafficTest, WithoutBusMasteringDescriptorsReadAsOnesAndHarmNobody) {
  bring_up();
  host(0).nic->config_write(0x04, 2, 3);
  send(host(0), frame_to(kMac[1], kMac[0], 100));
  run(ms(1));
  EXPECT_TRUE(crossed_.empty());
  host(1).nic->config_write(0x04, 2, 3);
  host(1).nic->receive(frame_to(kMac[1], kMac[0], 100));
  run(ms(1));
  EXPECT_EQ(rx_status(host(1), 0), 0u);
}

TEST_F(NicTrafficTest, ARingThatChangesUnderTheTransmitterIsSurvived) {
  bring_up();
  Host& h = host(0);
  // Between tail and descriptors, and between descriptors and data.
  for (const std::uint64_t wait : {100, 500}) {
    h.reg(kTdlen, kDescriptors * 16);
    h.reg(kTdh, 10);
    h.reg(kTdt, 14);
    run(wait);
    h.reg(kTdlen, 8 * 16);
    run(ms(1));
    h.reg(kTdlen, kDescriptors * 16);
    h.reg(kTdh, 2);
    h.reg(kTdt, 14);
    run(wait);
    h.reg(kTdt, 0xFFFF);
    run(ms(1));
  }
}

TEST_F(NicTrafficTest, AnyRegistersAreSurvived) {
  bring_up();
  std::uint32_t value = 1;
  for (unsigned i = 0; i < 20'000; ++i) {
    value = value * 1'664'525 + 1'013'904'223;
    const std::uint32_t offset = (value >> 8) % 0x6000 & ~3u;
    value = value * 1'664'525 + 1'013'904'223;
    host(0).reg(offset, value);
    (void)host(0).reg(offset);
    if (i % 16 == 0) run(10'000);
    if (i % 64 == 0) host(0).nic->receive(frame_to(kEverybody, kMac[1], 60 + value % 1400));
  }
}

}  // namespace
}  // namespace mint
