// What the 82540EM computes for its driver: checksums, segments, checks of what comes in.

#include "devices/nic_offload.hpp"

#include "tests/devices/nic_fixture.hpp"

namespace mint {
namespace {

using namespace nic;

constexpr std::size_t kIp = 14, kL4 = 34;

// An IPv4 packet with a TCP or UDP header and `payload` bytes, its checksums as a driver leaves
// them: 0 in IP, the pseudo header's sum (with the length, unless it is to be segmented) in TCP.
EthernetFrame ipv4(std::uint8_t protocol, std::size_t payload, bool segmented = false) {
  const std::size_t l4 = protocol == 6 ? 20 : 8;
  EthernetFrame f(kL4 + l4 + payload);
  const MacAddress macs[] = {{0x02, 0x4D, 0x49, 0x4E, 0x54, 0x01},
                             {0x02, 0x4D, 0x49, 0x4E, 0x54, 0x00}};
  std::copy(macs[0].begin(), macs[0].end(), f.begin());
  std::copy(macs[1].begin(), macs[1].end(), f.begin() + 6);
  put_big16(f, 12, 0x0800);
  f[kIp] = 0x45;
  put_big16(f, kIp + 2, segmented ? 0 : static_cast<std::uint32_t>(f.size() - kIp));
  put_big16(f, kIp + 4, 0x1234);
  f[kIp + 8] = 64;
  f[kIp + 9] = protocol;
  const std::uint8_t addresses[] = {10, 0, 0, 1, 10, 0, 0, 3};
  std::copy(std::begin(addresses), std::end(addresses), f.begin() + kIp + 12);
  put_big16(f, kL4, 1000);
  put_big16(f, kL4 + 2, 80);
  if (protocol == 6) {
    put_big16(f, kL4 + 4, 0xFFFF);  // sequence number FFFFFF00h
    put_big16(f, kL4 + 6, 0xFF00);
    f[kL4 + 12] = 0x50;
    f[kL4 + 13] = 0x19;  // FIN, PSH, ACK
  } else {
    put_big16(f, kL4 + 4, static_cast<std::uint32_t>(l4 + payload));
  }
  for (std::size_t i = 0; i < payload; ++i) f[kL4 + l4 + i] = static_cast<std::uint8_t>(3 * i + 1);
  const std::uint32_t length = segmented ? 0 : static_cast<std::uint32_t>(l4 + payload);
  put_big16(f, kL4 + (protocol == 6 ? 16 : 6), internet_sum(addresses, protocol + length));
  return f;
}

class NicOffloadTest : public NicFixture {
 protected:
  void context(Host& h, std::uint8_t command, std::size_t header, std::size_t mss,
               std::size_t length, std::size_t checksum) {
    descriptor(h, kIp | (kIp + 10) << 8 | (kL4 - 1) << 16 | kL4 << 32 | checksum << 40,
               length | std::uint64_t{static_cast<std::uint8_t>(command | kTxExtended)} << 24 |
                   header << 40 | mss << 48);
  }
  void data(Host& h, const EthernetFrame& frame, std::uint8_t command, std::uint8_t options) {
    std::copy(frame.begin(), frame.end(), h.memory.bytes.begin() + kTxData);
    descriptor(h, kTxData,
               frame.size() | 1u << 20 |
                   std::uint64_t{static_cast<std::uint8_t>(command | kTxExtended)} << 24 |
                   std::uint64_t{options} << 40);
  }
};

TEST_F(NicOffloadTest, LegacyDescriptorsInsertAChecksum) {
  bring_up();
  const EthernetFrame frame = ipv4(17, 100);
  std::copy(frame.begin(), frame.end(), host(0).memory.bytes.begin() + kTxData);
  descriptor(host(0), kTxData,
             legacy(frame.size(), kTxEnd | kTxInsertFcs | kTxInsertChecksum) |
                 std::uint64_t{kIp + 10} << 16 | std::uint64_t{kIp} << 40);
  send(host(0));
  run(ms(1));
  ASSERT_EQ(crossed_.size(), 1u);
  // CSS to the end of the packet.
  EXPECT_EQ(internet_sum(std::span<const std::uint8_t>(crossed_[0].frame).subspan(kIp)), 0xFFFFu);
}

TEST_F(NicOffloadTest, AContextInsertsIpAndTransportChecksums) {
  bring_up();
  for (const std::uint8_t protocol : {6, 17}) {
    crossed_.clear();
    const EthernetFrame frame = ipv4(protocol, 101);
    context(host(0), protocol == 6 ? kContextTcp | kContextIp : kContextIp, 0, 0, 0,
            kL4 + (protocol == 6 ? 16 : 6));
    data(host(0), frame, kTxEnd | kTxInsertFcs | kTxReport, kOptionIp | kOptionTcp);
    send(host(0));
    run(ms(1));
    ASSERT_EQ(crossed_.size(), 1u);
    const ReceivedChecksums sums = check_checksums(crossed_[0].frame);
    EXPECT_EQ(sums.ip, true);
    EXPECT_EQ(sums.tcp, true);
  }
  // The context stays for further packets.
  crossed_.clear();
  data(host(0), ipv4(17, 50), kTxEnd | kTxInsertFcs, kOptionIp | kOptionTcp);
  send(host(0));
  run(ms(1));
  ASSERT_EQ(crossed_.size(), 1u);
  EXPECT_EQ(check_checksums(crossed_[0].frame).tcp, true);
}

TEST_F(NicOffloadTest, SegmentsHaveTheirOwnHeaders) {
  bring_up();
  constexpr std::size_t kPayload = 2500, kMss = 1000, kHeader = 54;
  const EthernetFrame packet = ipv4(6, kPayload, true);
  context(host(0), kContextTcp | kContextIp | kTxSegment, kHeader, kMss, kPayload, kL4 + 16);
  data(host(0), packet, kTxEnd | kTxInsertFcs | kTxReport | kTxSegment, kOptionIp | kOptionTcp);
  send(host(0));
  run(ms(1));
  ASSERT_EQ(crossed_.size(), 3u);
  std::vector<std::uint8_t> payload;
  for (unsigned i = 0; i < 3; ++i) {
    const EthernetFrame& f = crossed_[i].frame;
    const std::size_t size = i < 2 ? kMss : 500;
    ASSERT_EQ(f.size(), kHeader + size);
    EXPECT_EQ(big16(f, kIp + 2), f.size() - kIp);
    EXPECT_EQ(big16(f, kIp + 4), 0x1234u + i);
    const std::uint32_t sequence = std::uint32_t{big16(f, kL4 + 4)} << 16 | big16(f, kL4 + 6);
    EXPECT_EQ(sequence, static_cast<std::uint32_t>(0xFFFFFF00 + kMss * i));
    EXPECT_EQ(f[kL4 + 13], i < 2 ? 0x10 : 0x19);  // FIN and PSH in the last one only
    EXPECT_EQ(check_checksums(f).ip, true);
    EXPECT_EQ(check_checksums(f).tcp, true);
    payload.insert(payload.end(), f.begin() + kHeader, f.end());
  }
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), packet.begin() + kHeader, packet.end()));
  EXPECT_EQ(host(0).reg(NicStatistics::kSegmented), 1u);
}

TEST_F(NicOffloadTest, ASegmentSizeOfZeroOrAHeaderBeyondThePacketSendsNothing) {
  bring_up();
  for (const auto& [header, mss] : {std::pair{54u, 0u}, {255u, 100u}, {30u, 100u}}) {
    context(host(0), kContextTcp | kContextIp | kTxSegment, header, mss, 100, kL4 + 16);
    data(host(0), ipv4(6, 100, true), kTxEnd | kTxInsertFcs | kTxSegment, kOptionTcp);
    send(host(0));
    run(ms(1));
  }
  EXPECT_TRUE(crossed_.empty());
  EXPECT_EQ(host(0).reg(kTdh), 6u);
}

TEST_F(NicOffloadTest, ReceivedChecksumsAreChecked) {
  bring_up();
  Host& h = host(1);
  h.reg(kRxcsum, kRxcsumIp | kRxcsumTcpUdp);
  EthernetFrame frame = ipv4(6, 100);
  insert_checksum(frame, kIp, kIp + 10, kL4 - 1, false);
  insert_checksum(frame, kL4, kL4 + 16, 0, false);
  const auto receive = [&](const EthernetFrame& f, unsigned i) {
    h.nic->receive(f);
    run(ms(1));
    return std::pair{rx_status(h, i),
                     static_cast<std::uint8_t>(h.memory.get(kRxRing + 16 * i + 13, 1))};
  };
  const std::uint8_t done = kRxDone | kRxEnd;
  EXPECT_EQ(receive(frame, 0),
            std::pair(std::uint8_t(done | kRxTcpChecksum | kRxIpChecksum), std::uint8_t{0}));
  frame[60] ^= 1;
  EXPECT_EQ(receive(frame, 1), std::pair(std::uint8_t(done | kRxTcpChecksum | kRxIpChecksum),
                                         std::uint8_t{kRxErrorTcp}));
  frame[kIp + 8] ^= 1;
  EXPECT_EQ(receive(frame, 2).second, kRxErrorTcp | kRxErrorIp);
  h.reg(kRxcsum, 0);
  EXPECT_EQ(receive(frame, 3), std::pair(std::uint8_t(done | kRxIgnoreChecksum), std::uint8_t{0}));
  // A fragment has no checksum of its own, nor has UDP with 0.
  h.reg(kRxcsum, kRxcsumTcpUdp);
  EthernetFrame fragment = ipv4(6, 100);
  fragment[kIp + 6] = 0x20;
  EXPECT_EQ(receive(fragment, 4).first, done | kRxIgnoreChecksum);
  EthernetFrame udp = ipv4(17, 100);
  put_big16(udp, kL4 + 6, 0);
  EXPECT_EQ(receive(udp, 5).first, done | kRxIgnoreChecksum);
}

TEST_F(NicOffloadTest, ThePacketChecksumBeginsWherePcssSays) {
  bring_up();
  host(1).reg(kRxcsum, kIp);
  const EthernetFrame frame = frame_to(kMac[1], kMac[0], 101);
  host(1).nic->receive(frame);
  run(ms(1));
  EXPECT_EQ(host(1).memory.get(kRxRing + 10, 2),
            internet_sum(std::span<const std::uint8_t>(frame).subspan(kIp)));
}

}  // namespace
}  // namespace mint
