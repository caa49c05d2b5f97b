// What an 82540EM computes of the packets that it carries: checksums to insert, segments to cut,
// and checksums to check (SDM, 3.2.9, 3.4 and 3.5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "devices/ethernet.hpp"

namespace mint {

// Puts the checksum of the bytes from `start` to `end` (inclusive; 0: to the end of the packet) at
// `offset`. What stands there before is counted in: the driver has put the pseudo header's sum
// there. `udp`: a sum of 0 is sent as FFFFh. Nothing when a place is not in the packet.
void insert_checksum(std::span<std::uint8_t> packet, std::size_t start, std::size_t offset,
                     std::size_t end, bool udp);

struct SegmentPlan {
  std::size_t ip_start = 0;
  std::size_t tcp_start = 0;  // or UDP
  std::size_t header_size = 0;
  std::size_t segment_size = 0;
  bool ipv4 = false;  // else IPv6
  bool tcp = false;   // else UDP
};
// The segments of a packet, each with a header of its own: lengths, IP identification, TCP sequence
// number and flags are set; the length is added to the pseudo header's sum. None when the plan does
// not fit the packet.
std::vector<EthernetFrame> cut_into_segments(std::span<const std::uint8_t> packet,
                                             const SegmentPlan& plan);

// Whether the checksums of a received frame are right; nothing where there is none to check.
struct ReceivedChecksums {
  std::optional<bool> ip;
  std::optional<bool> tcp;  // or UDP
};
ReceivedChecksums check_checksums(std::span<const std::uint8_t> frame);

}  // namespace mint
