#include "devices/nic_transmit.hpp"

#include <algorithm>

#include "devices/nic_offload.hpp"
#include "devices/nic_registers.hpp"

namespace mint {

using namespace nic;

namespace {

constexpr std::uint32_t kRingBytes = 0xFFF80;
constexpr std::size_t kMaxPacket = 256 << 10;  // TSO: 1 MB can be said, nobody has more than 64 KB

std::uint16_t little16(std::span<const std::uint8_t> data, std::size_t at) {
  return static_cast<std::uint16_t>(data[at] | data[at + 1] << 8);
}
std::uint64_t little64(std::span<const std::uint8_t> data, std::size_t at) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < 8; ++i) value |= std::uint64_t{data[at + i]} << (8 * i);
  return value;
}

}  // namespace

NicTransmitter::NicTransmitter(EventQueue& queue, const std::string& name, NicBus& bus,
                               NicInterrupts& interrupts, NicStatistics& statistics, Wire wire)
    : queue_(queue),
      bus_(bus),
      interrupts_(interrupts),
      statistics_(statistics),
      wire_(std::move(wire)),
      fetch_(queue, name + ".tx_descriptors", [this](Cycles) { fetch(); }),
      fetched_(queue, name + ".tx_data", [this](Cycles) { fetched(); }),
      wire_end_(queue, name + ".tx_wire", [this](Cycles) { sent(); }) {}

// --- Registers

std::optional<std::uint32_t> NicTransmitter::read(std::uint32_t offset) const {
  switch (offset) {
    case kTctl:
      return tctl_;
    case kTdbal:
      return tdbal_;
    case kTdbah:
      return tdbah_;
    case kTdlen:
      return tdlen_;
    case kTdh:
      return tdh_;
    case kTdt:
      return tdt_;
    default:
      return std::nullopt;
  }
}

bool NicTransmitter::write(std::uint32_t offset, std::uint32_t value) {
  switch (offset) {
    case kTctl:
      tctl_ = value;
      break;
    case kTdbal:
      tdbal_ = value & ~0xFu;
      break;
    case kTdbah:
      tdbah_ = value;
      break;
    case kTdlen:
      tdlen_ = value & kRingBytes;
      break;
    case kTdh:
      tdh_ = next_ = value & 0xFFFF;
      break;
    case kTdt:
      tdt_ = value & 0xFFFF;
      break;
    default:
      return false;
  }
  kick();
  return true;
}

// --- Descriptors

void NicTransmitter::kick() {
  if (fetch_.pending() || fetched_.pending()) return;
  if ((tctl_ & kTctlEnable) == 0 || !wire_.time(0)) return;
  if (!ring_is_sound() || next_ == tdt_) return;
  if (!fifo_.empty() && fifo_.bytes() + kMaxFrame > fifo_size_) return;
  fetch_.schedule(bus_.reserve(sizeof(Descriptor)));
}

void NicTransmitter::fetch() {
  if ((tctl_ & kTctlEnable) == 0 || !ring_is_sound()) return;
  std::size_t bytes = 0;
  bool end = false;
  while (!end && next_ != tdt_) {
    Descriptor descriptor;
    bus_.read(ring() + std::uint64_t{next_} * sizeof descriptor, descriptor);
    next_ = (next_ + 1) % ring_size();
    bytes += sizeof descriptor;
    const std::size_t before = data_.size();
    end = take(descriptor);
    bytes += data_.size() - before;
  }
  fetched_.schedule(bus_.reserve(bytes));
}

// Takes what a descriptor says and the data that it points to; whether it ends the packet.
bool NicTransmitter::take(const Descriptor& descriptor) {
  const std::uint8_t command = descriptor[11];
  const bool extended = (command & kTxExtended) != 0;
  if (extended && descriptor[10] >> 4 == 0) {
    set_context(descriptor);
    return false;
  }
  std::size_t length = little16(descriptor, 8);
  if (extended) {
    length |= std::size_t{descriptor[10] & 0xFu} << 16;
    if (packet_.begun == 0) packet_.options = descriptor[13];  // of the first descriptor (3.3.7)
  } else if ((command & kTxInsertChecksum) != 0) {
    packet_.checksum_offset = descriptor[10];
    packet_.checksum_start = descriptor[13];
  }
  packet_.begun = 1;
  packet_.command |= command;
  if ((command & kTxVlan) != 0) packet_.vlan = little16(descriptor, 14);
  length = std::min(length, kMaxPacket - std::min(kMaxPacket, data_.size()));
  const std::size_t at = data_.size();
  data_.resize(at + length);
  bus_.read(little64(descriptor, 0), std::span(data_).subspan(at));
  return (command & kTxEnd) != 0;
}

void NicTransmitter::set_context(const Descriptor& d) {
  context_ = {.ip_start = d[0],
              .ip_offset = d[1],
              .tcp_start = d[4],
              .tcp_offset = d[5],
              .ip_end = little16(d, 2),
              .tcp_end = little16(d, 6),
              .segment_size = little16(d, 14),
              .header_size = d[13],
              .command = d[11]};
}

// The data are in the NIC: writes back what asks for it.
void NicTransmitter::fetched() {
  if ((packet_.command & kTxEnd) != 0) {
    make_frames();
    packet_ = {};
    data_.clear();
  }
  bool report = false;
  bool delayed = true;
  while (ring_is_sound() && tdh_ != next_) {
    const std::uint64_t place = ring() + std::uint64_t{tdh_} * sizeof(Descriptor);
    Descriptor descriptor;
    bus_.read(place, descriptor);
    if ((descriptor[11] & kTxReport) != 0) {
      const std::uint8_t status = static_cast<std::uint8_t>((descriptor[12] & 0xF0) | kTxDone);
      bus_.write(place + 12, {&status, 1});
      report = true;
      delayed = delayed && (descriptor[11] & kTxDelay) != 0;
    }
    tdh_ = (tdh_ + 1) % ring_size();
  }
  if (report) interrupts_.transmitted(delayed);
  if (next_ == tdt_) interrupts_.raise(kIntTxEmpty);
  kick();
}

// --- Frames

void NicTransmitter::make_frames() {
  const bool extended = (packet_.command & kTxExtended) != 0;
  if (extended && (packet_.command & kTxSegment) != 0) {
    make_segments();
    return;
  }
  if (extended) {
    if ((packet_.options & kOptionIp) != 0)
      insert_checksum(data_, context_.ip_start, context_.ip_offset, context_.ip_end, false);
    if ((packet_.options & kOptionTcp) != 0)
      insert_checksum(data_, context_.tcp_start, context_.tcp_offset, context_.tcp_end,
                      (context_.command & kContextTcp) == 0);
  } else if ((packet_.command & kTxInsertChecksum) != 0) {
    insert_checksum(data_, packet_.checksum_start, packet_.checksum_offset, 0, false);
  }
  add_frame(std::move(data_));
}

void NicTransmitter::make_segments() {
  const SegmentPlan plan{.ip_start = context_.ip_start,
                         .tcp_start = context_.tcp_start,
                         .header_size = context_.header_size,
                         .segment_size = context_.segment_size,
                         .ipv4 = (context_.command & kContextIp) != 0,
                         .tcp = (context_.command & kContextTcp) != 0};
  std::vector<EthernetFrame> segments = cut_into_segments(data_, plan);
  for (EthernetFrame& segment : segments) {
    if ((packet_.options & kOptionIp) != 0)
      insert_checksum(segment, context_.ip_start, context_.ip_offset, context_.ip_end, false);
    if ((packet_.options & kOptionTcp) != 0)
      insert_checksum(segment, context_.tcp_start, context_.tcp_offset, context_.tcp_end,
                      !plan.tcp);
    add_frame(std::move(segment));
  }
  if (!segments.empty()) statistics_.count(NicStatistics::kSegmented);
}

void NicTransmitter::add_frame(std::vector<std::uint8_t> frame) {
  // Without IFCS the software has put the FCS there. A wrong one is a frame that nobody takes.
  if ((packet_.command & kTxInsertFcs) == 0) {
    if (frame.size() < kMacHeader + kFcsSize) return;
    std::uint32_t given = 0;
    for (unsigned i = 0; i < kFcsSize; ++i)
      given |= std::uint32_t{frame[frame.size() - kFcsSize + i]} << (8 * i);
    frame.resize(frame.size() - kFcsSize);
    if (given != frame_check_sequence(frame)) return;
  }
  if (frame.size() < kMacHeader) return;
  if (const auto type = wire_.vlan_type(); type && (packet_.command & kTxVlan) != 0) {
    std::uint8_t tag[kVlanTag];
    put_big16(tag, 0, *type);
    put_big16(tag, 2, packet_.vlan);
    frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
  }
  if ((tctl_ & kTctlPad) != 0 && frame.size() < kMinFrame) frame.resize(kMinFrame);
  fifo_.push(queue_.now(), frame);
  if (!wire_end_.pending()) send_next();
}

// --- The wire

void NicTransmitter::send_next() {
  if (fifo_.empty()) return;
  if (const auto time = wire_.time(fifo_.front().frame.size() + kWireOverhead))
    wire_end_.schedule(queue_.now() + *time);
}

void NicTransmitter::sent() {
  const EthernetFrame frame = fifo_.pop();
  statistics_.sent(frame);
  send_next();
  wire_.send(frame);
  kick();
}

void NicTransmitter::link_changed() {
  if (wire_.time(0)) {
    send_next();
    kick();
  } else {
    wire_end_.cancel();
  }
}

void NicTransmitter::reset() {
  tctl_ = tdbal_ = tdbah_ = tdlen_ = tdh_ = tdt_ = next_ = 0;
  context_ = {};
  packet_ = {};
  data_.clear();
  fifo_.clear();
  fetch_.cancel();
  fetched_.cancel();
  wire_end_.cancel();
}

void NicTransmitter::visit(StateVisitor& visitor) {
  visitor.field("tctl", tctl_);
  visitor.field("tdbal", tdbal_);
  visitor.field("tdbah", tdbah_);
  visitor.field("tdlen", tdlen_);
  visitor.field("tdh", tdh_);
  visitor.field("tdt", tdt_);
  visitor.field("context", context_);
  visitor.field("packet", packet_);
  visitor.blob("data", data_);
  visitor.field("next", next_);
  fifo_.visit("fifo", visitor);
  fetch_.visit(visitor);
  fetched_.visit(visitor);
  wire_end_.visit(visitor);
}

}  // namespace mint
