#include "devices/ethernet_switch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "devices/prefix_visitor.hpp"

namespace mint {
namespace {

// 01-80-C2-00-00-00 to -0F.
bool is_reserved(std::span<const std::uint8_t> address) {
  static constexpr std::uint8_t kReserved[] = {0x01, 0x80, 0xC2, 0x00, 0x00};
  return std::equal(std::begin(kReserved), std::end(kReserved), address.begin()) &&
         address[5] < 0x10;
}

MacAddress address_at(std::span<const std::uint8_t> frame, std::size_t at) {
  MacAddress address;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), address.size(), address.begin());
  return address;
}

}  // namespace

EthernetSwitch::EthernetSwitch(EventQueue& queue, std::string name, Cycles latency)
    : queue_(queue), name_(std::move(name)), latency_(latency) {}

void EthernetSwitch::connect(EthernetPort& end) {
  const std::size_t number = ports_.size();
  ports_.push_back(std::make_unique<Port>(queue_, fmt::format("{}.port{}", name_, number), end,
                                          [this, number] { arrived(*ports_[number]); }));
  end.connect([this, number](std::span<const std::uint8_t> frame) { frame_from(number, frame); });
}

void EthernetSwitch::frame_from(std::size_t from, std::span<const std::uint8_t> frame) {
  if (frame.size() < kMinFrame || frame.size() > kMaxFrame + kVlanTag) return;
  if (observer_) observer_(queue_.now(), from, frame);
  const MacAddress source = address_at(frame, 6);
  const bool known = table_.contains(source);
  if (!is_multicast(source) && (known || table_.size() < kMaxTable)) table_[source] = from;
  if (is_reserved(frame)) return;
  if (!is_multicast(frame)) {
    if (const auto found = table_.find(address_at(frame, 0)); found != table_.end()) {
      if (found->second != from) enqueue(*ports_[found->second], frame);
      return;
    }
  }
  for (std::size_t i = 0; i < ports_.size(); ++i)
    if (i != from) enqueue(*ports_[i], frame);
}

void EthernetSwitch::enqueue(Port& port, std::span<const std::uint8_t> frame) {
  if (!port.end.wire_time(0)) return;
  if (port.queue.bytes() + frame.size() > kPortBuffer) return;
  port.queue.push(queue_.now() + latency_, frame);
  if (!port.arrival.pending()) send_next(port);
}

void EthernetSwitch::send_next(Port& port) {
  if (port.queue.empty()) return;
  const FrameQueue::Entry& next = port.queue.front();
  if (const auto time = port.end.wire_time(next.frame.size() + kWireOverhead))
    port.arrival.schedule(std::max(queue_.now(), next.ready) + *time);
  else
    port.queue.clear();  // there is no link any more
}

void EthernetSwitch::arrived(Port& port) {
  const EthernetFrame frame = port.queue.pop();
  send_next(port);
  if (port.end.wire_time(0)) port.end.receive(frame);
}

void EthernetSwitch::reset() {
  for (const auto& port : ports_) {
    port->queue.clear();
    port->arrival.cancel();
  }
  table_.clear();
}

void EthernetSwitch::visit(StateVisitor& visitor) {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    PrefixVisitor place(visitor, fmt::format("port{}.", i));
    ports_[i]->queue.visit("queue", place);
    ports_[i]->arrival.visit(place);
  }
  // The table: six bytes of address, one of port.
  std::vector<std::uint8_t> packed;
  for (const auto& [address, port] : table_) {
    packed.insert(packed.end(), address.begin(), address.end());
    packed.push_back(static_cast<std::uint8_t>(port));
  }
  visitor.blob("table", packed);
  table_.clear();
  for (std::size_t i = 0; i + 7 <= packed.size(); i += 7) {
    MacAddress address;
    std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(i), address.size(), address.begin());
    table_[address] = packed[i + 6];
  }
}

}  // namespace mint
