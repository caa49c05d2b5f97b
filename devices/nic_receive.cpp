#include "devices/nic_receive.hpp"

#include <algorithm>
#include <array>

#include "devices/nic_offload.hpp"
#include "devices/nic_registers.hpp"

namespace mint {

using namespace nic;

namespace {

constexpr std::uint32_t kRingBytes = 0xFFF80;
constexpr std::size_t kLongest = 16384;  // with RCTL.LPE
constexpr std::size_t kDescriptor = 16;

}  // namespace

NicReceiver::NicReceiver(EventQueue& queue, const std::string& name, NicBus& bus,
                         NicInterrupts& interrupts, NicStatistics& statistics,
                         const NicFilter& filter, std::function<Vlan()> vlan)
    : queue_(queue),
      bus_(bus),
      interrupts_(interrupts),
      statistics_(statistics),
      filter_(filter),
      vlan_(std::move(vlan)),
      store_(queue, name + ".rx_data", [this](Cycles) { store(); }) {}

// --- Registers

std::optional<std::uint32_t> NicReceiver::read(std::uint32_t offset) const {
  switch (offset) {
    case kRctl:
      return rctl_;
    case kRdbal:
      return rdbal_;
    case kRdbah:
      return rdbah_;
    case kRdlen:
      return rdlen_;
    case kRdh:
      return rdh_;
    case kRdt:
      return rdt_;
    case kRxcsum:
      return rxcsum_;
    default:
      return std::nullopt;
  }
}

bool NicReceiver::write(std::uint32_t offset, std::uint32_t value) {
  switch (offset) {
    case kRctl:
      rctl_ = value;
      if ((rctl_ & kRctlEnable) == 0) {
        // What is in the FIFO is lost.
        fifo_.clear();
        store_.cancel();
      }
      break;
    case kRdbal:
      rdbal_ = value & ~0xFu;
      break;
    case kRdbah:
      rdbah_ = value;
      break;
    case kRdlen:
      rdlen_ = value & kRingBytes;
      break;
    case kRdh:
      rdh_ = value & 0xFFFF;
      break;
    case kRdt:
      rdt_ = value & 0xFFFF;
      break;
    case kRxcsum:
      rxcsum_ = value & (0xFFu | kRxcsumIp | kRxcsumTcpUdp);
      return true;
    default:
      return false;
  }
  kick();
  return true;
}

std::size_t NicReceiver::buffer_size() const {
  static constexpr std::size_t kSizes[] = {2048, 1024, 512, 256};
  const unsigned code = rctl_ >> kRctlBufferShift & 3;
  const bool extended = (rctl_ & kRctlBufferEx) != 0 && code != 0;  // with code 0: reserved
  return kSizes[code] * (extended ? 16 : 1);
}

std::uint32_t NicReceiver::free_descriptors() const {
  const std::uint32_t size = ring_size();
  if (rdh_ >= size || rdt_ >= size) return 0;
  return rdt_ >= rdh_ ? rdt_ - rdh_ : size - rdh_ + rdt_;
}

// --- Frames

std::optional<std::uint16_t> NicReceiver::vlan_tag(std::span<const std::uint8_t> frame) const {
  if (frame.size() < kMacHeader + kVlanTag || big16(frame, 12) != vlan_().type) return std::nullopt;
  return big16(frame, 14);
}

void NicReceiver::receive(std::span<const std::uint8_t> frame) {
  if ((rctl_ & kRctlEnable) == 0) return;
  if (frame.size() < kMinFrame) {
    statistics_.count(NicStatistics::kUndersize);
    return;
  }
  const auto tag = vlan_tag(frame);
  const std::size_t limit =
      (rctl_ & kRctlLong) != 0 ? kLongest - kFcsSize : kMaxFrame + (tag ? kVlanTag : 0);
  if (frame.size() > limit) {
    statistics_.count(NicStatistics::kOversize);
    return;
  }
  const bool wanted = filter_.match(frame, rctl_, tag) != NicFilter::Match::kNone;
  statistics_.received(frame, !wanted);
  if (!wanted) return;
  if (fifo_.bytes() + frame.size() > fifo_size_) {
    statistics_.count(NicStatistics::kMissed);
    interrupts_.raise(kIntRxOverrun);
    return;
  }
  if (free_descriptors() == 0) statistics_.count(NicStatistics::kNoBuffer);
  fifo_.push(queue_.now(), frame);
  kick();
}

// Of the first frame in the FIFO.
std::size_t NicReceiver::bytes_to_store() const {
  const EthernetFrame& frame = fifo_.front().frame;
  std::size_t bytes = frame.size();
  if ((rctl_ & kRctlStripCrc) == 0) bytes += kFcsSize;
  if (vlan_().strip && vlan_tag(frame)) bytes -= kVlanTag;
  return bytes;
}

void NicReceiver::kick() {
  if (fifo_.empty() || store_.pending() || (rctl_ & kRctlEnable) == 0) return;
  const std::size_t bytes = bytes_to_store();
  const std::size_t needed = (bytes + buffer_size() - 1) / buffer_size();
  if (free_descriptors() < needed) return;
  store_.schedule(bus_.reserve(bytes + 2 * kDescriptor * needed));
}

void NicReceiver::store() {
  const std::size_t total = bytes_to_store();
  // Registers may have changed while the burst was awaited.
  if (free_descriptors() < (total + buffer_size() - 1) / buffer_size()) return;
  EthernetFrame frame = fifo_.pop();
  const std::uint32_t fcs = frame_check_sequence(frame);
  const auto filtered = filter_.match(frame, rctl_, vlan_tag(frame));

  std::uint8_t status = kRxDone;
  std::uint8_t errors = 0;
  std::uint16_t special = 0;
  if (const auto tag = vlan_tag(frame); tag && vlan_().strip) {
    status |= kRxVlan;
    special = *tag;
    frame.erase(frame.begin() + 12, frame.begin() + 12 + kVlanTag);
  }
  if (filtered == NicFilter::Match::kHash) status |= kRxFiltered;
  const ReceivedChecksums sums = check_checksums(frame);
  const bool ip = sums.ip && (rxcsum_ & kRxcsumIp) != 0;
  const bool tcp = sums.tcp && (rxcsum_ & kRxcsumTcpUdp) != 0;
  if (ip) status |= kRxIpChecksum;
  if (ip && !*sums.ip) errors |= kRxErrorIp;
  if (tcp) status |= kRxTcpChecksum;
  if (tcp && !*sums.tcp) errors |= kRxErrorTcp;
  if (!ip && !tcp) status |= kRxIgnoreChecksum;
  const std::size_t start = std::min<std::size_t>(rxcsum_ & 0xFF, frame.size());
  const std::uint16_t checksum = internet_sum(std::span<const std::uint8_t>(frame).subspan(start));
  if ((rctl_ & kRctlStripCrc) == 0)
    for (unsigned i = 0; i < kFcsSize; ++i)
      frame.push_back(static_cast<std::uint8_t>(fcs >> 8 * i));

  for (std::size_t done = 0; done < frame.size();) {
    const std::uint64_t place = ring() + std::uint64_t{rdh_} * kDescriptor;
    std::array<std::uint8_t, 8> address{};
    bus_.read(place, address);
    std::uint64_t buffer = 0;
    for (unsigned i = 0; i < 8; ++i) buffer |= std::uint64_t{address[i]} << (8 * i);
    const std::size_t here = std::min(buffer_size(), frame.size() - done);
    bus_.write(buffer, std::span(frame).subspan(done, here));
    done += here;
    const bool last = done == frame.size();
    const std::uint8_t end = last ? kRxEnd : 0;
    const std::array<std::uint8_t, 8> result{
        static_cast<std::uint8_t>(here),         static_cast<std::uint8_t>(here >> 8),
        static_cast<std::uint8_t>(checksum),     static_cast<std::uint8_t>(checksum >> 8),
        static_cast<std::uint8_t>(status | end), last ? errors : std::uint8_t{0},
        static_cast<std::uint8_t>(special),      static_cast<std::uint8_t>(special >> 8)};
    bus_.write(place + 8, result);
    rdh_ = (rdh_ + 1) % ring_size();
    // RDMTS: half, a quarter, an eighth of the ring.
    if (free_descriptors() == ring_size() >> ((rctl_ >> kRctlThresholdShift & 3) + 1))
      interrupts_.raise(kIntRxLow);
  }
  interrupts_.received();
  kick();
}

void NicReceiver::reset() {
  rctl_ = rdbal_ = rdbah_ = rdlen_ = rdh_ = rdt_ = rxcsum_ = 0;
  fifo_.clear();
  store_.cancel();
}

void NicReceiver::visit(StateVisitor& visitor) {
  visitor.field("rctl", rctl_);
  visitor.field("rdbal", rdbal_);
  visitor.field("rdbah", rdbah_);
  visitor.field("rdlen", rdlen_);
  visitor.field("rdh", rdh_);
  visitor.field("rdt", rdt_);
  visitor.field("rxcsum", rxcsum_);
  fifo_.visit("fifo", visitor);
  store_.visit(visitor);
}

}  // namespace mint
