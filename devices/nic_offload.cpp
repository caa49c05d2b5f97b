#include "devices/nic_offload.hpp"

#include <algorithm>

namespace mint {
namespace {

constexpr std::uint16_t kTypeIpv4 = 0x0800, kTypeIpv6 = 0x86DD;
constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr std::size_t kIpv4Header = 20, kIpv6Header = 40, kTcpHeader = 20, kUdpHeader = 8;
constexpr std::size_t kFlags = 13;  // of a TCP header
constexpr std::uint8_t kFin = 1, kPush = 8;
constexpr std::uint16_t kFragment = 0x3FFF;  // more fragments, offset

// Adds to a sum in the packet, in ones' complement.
void add_to_sum(std::span<std::uint8_t> packet, std::size_t at, std::size_t value) {
  put_big16(packet, at, internet_sum({}, static_cast<std::uint32_t>(big16(packet, at) + value)));
}

// Of the TCP or UDP packet in `payload`, with the addresses of its pseudo header.
std::optional<bool> check_transport(std::uint8_t protocol, std::span<const std::uint8_t> addresses,
                                    std::span<const std::uint8_t> payload) {
  if (protocol != kTcp && protocol != kUdp) return std::nullopt;
  if (payload.size() < (protocol == kTcp ? kTcpHeader : kUdpHeader)) return std::nullopt;
  if (protocol == kUdp && big16(payload, 6) == 0) return std::nullopt;  // sent without one
  const std::uint32_t pseudo = static_cast<std::uint32_t>(internet_sum(addresses)) + protocol +
                               static_cast<std::uint32_t>(payload.size());
  return internet_sum(payload, pseudo) == 0xFFFF;
}

}  // namespace

void insert_checksum(std::span<std::uint8_t> packet, std::size_t start, std::size_t offset,
                     std::size_t end, bool udp) {
  const std::size_t last = end == 0 ? packet.size() : std::min(end + 1, packet.size());
  if (start >= last || offset + 2 > packet.size()) return;
  auto sum = static_cast<std::uint16_t>(~internet_sum(packet.subspan(start, last - start)));
  if (udp && sum == 0) sum = 0xFFFF;
  put_big16(packet, offset, sum);
}

std::vector<EthernetFrame> cut_into_segments(std::span<const std::uint8_t> packet,
                                             const SegmentPlan& plan) {
  const std::size_t transport = plan.tcp ? kTcpHeader : kUdpHeader;
  const std::size_t ip = plan.ipv4 ? kIpv4Header : kIpv6Header;
  if (plan.segment_size == 0 || plan.header_size > packet.size() ||
      plan.tcp_start + transport > plan.header_size || plan.ip_start + ip > plan.header_size)
    return {};
  // Where the pseudo header's sum is.
  const std::size_t checksum = plan.tcp_start + (plan.tcp ? 16 : 6);
  std::vector<EthernetFrame> segments;
  const std::span header = packet.first(plan.header_size);
  const std::size_t payload = packet.size() - plan.header_size;
  for (std::size_t done = 0; done < payload || segments.empty(); done += plan.segment_size) {
    const std::size_t here = std::min(plan.segment_size, payload - done);
    EthernetFrame s(header.begin(), header.end());
    const auto data = packet.subspan(plan.header_size + done, here);
    s.insert(s.end(), data.begin(), data.end());
    if (plan.ipv4) {
      put_big16(s, plan.ip_start + 2, static_cast<std::uint32_t>(s.size() - plan.ip_start));
      put_big16(s, plan.ip_start + 4,
                static_cast<std::uint32_t>(big16(s, plan.ip_start + 4) + segments.size()));
    } else {
      put_big16(s, plan.ip_start + 4,
                static_cast<std::uint32_t>(s.size() - plan.ip_start - kIpv6Header));
    }
    if (plan.tcp) {
      const std::size_t at = plan.tcp_start + 4;
      const auto sequence =
          static_cast<std::uint32_t>((std::uint32_t{big16(s, at)} << 16 | big16(s, at + 2)) + done);
      put_big16(s, at, sequence >> 16);
      put_big16(s, at + 2, sequence);
      if (done + here < payload)
        s[plan.tcp_start + kFlags] &= static_cast<std::uint8_t>(~(kFin | kPush));
    } else {
      put_big16(s, plan.tcp_start + 4, static_cast<std::uint32_t>(s.size() - plan.tcp_start));
    }
    add_to_sum(s, checksum, s.size() - plan.tcp_start);
    segments.push_back(std::move(s));
  }
  return segments;
}

ReceivedChecksums check_checksums(std::span<const std::uint8_t> frame) {
  ReceivedChecksums result;
  if (frame.size() < kMacHeader + kIpv4Header) return result;
  const std::uint16_t type = big16(frame, 12);
  const std::span packet = frame.subspan(kMacHeader);
  if (type == kTypeIpv4) {
    const std::size_t header = (packet[0] & 0xFu) * 4;
    const std::size_t total = big16(packet, 2);
    if (packet[0] >> 4 != 4 || header < kIpv4Header || header > total || total > packet.size())
      return result;
    result.ip = internet_sum(packet.first(header)) == 0xFFFF;
    if ((big16(packet, 6) & kFragment) != 0) return result;
    result.tcp =
        check_transport(packet[9], packet.subspan(12, 8), packet.subspan(header, total - header));
  } else if (type == kTypeIpv6 && packet.size() >= kIpv6Header && packet[0] >> 4 == 6) {
    const std::size_t length = big16(packet, 4);
    if (kIpv6Header + length > packet.size()) return result;
    result.tcp =
        check_transport(packet[6], packet.subspan(8, 32), packet.subspan(kIpv6Header, length));
  }
  return result;
}

}  // namespace mint
