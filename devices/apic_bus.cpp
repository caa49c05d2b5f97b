#include "devices/apic_bus.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "devices/ioapic.hpp"
#include "devices/lapic.hpp"
#include "devices/register_bits.hpp"

namespace mint {
namespace {

// SDM vol. 3A, 10.11.1.
struct MsiAddress {
  std::uint32_t reserved_0 : 2 = 0;
  std::uint32_t logical : 1 = 0;           // destination mode
  std::uint32_t redirection_hint : 1 = 0;  // to the one with the lowest priority
  std::uint32_t reserved_4 : 8 = 0;
  std::uint32_t destination : 8 = 0;
  std::uint32_t prefix : 12 = 0xFEE;
};

// SDM vol. 3A, 10.11.2.
struct MsiData {
  std::uint32_t vector : 8 = 0;
  std::uint32_t delivery_mode : 3 = 0;
  std::uint32_t reserved_11 : 3 = 0;
  std::uint32_t assert_level : 1 = 0;
  std::uint32_t level_triggered : 1 = 0;
  std::uint32_t reserved_16 : 16 = 0;
};

}  // namespace

ApicBus::ApicBus(EventQueue& queue, const ApicBusConfig& config)
    : queue_(queue),
      config_(config),
      arrival_(queue, "apic_bus.arrival", [this](Cycles) { arrive(); }),
      arbiter_(config.arbiter) {}

std::uint8_t ApicBus::attach(Lapic& lapic) {
  if (lapics_.size() == kMaxLapics) throw std::length_error("more than 64 LAPICs on the APIC bus");
  lapics_.push_back(&lapic);
  return static_cast<std::uint8_t>(lapics_.size() - 1);
}

std::uint8_t ApicBus::attach(IoApic& io_apic) {
  io_apics_.push_back(&io_apic);
  return static_cast<std::uint8_t>(io_apics_.size() - 1);
}

void ApicBus::reset() {
  pending_.clear();
  arrival_.cancel();
  arbiter_ = config_.arbiter;
}

void ApicBus::send(const ApicMessage& message, Origin origin) {
  const Cycles now = queue_.now();
  if (message.shorthand == Shorthand::kSelf) {
    deliver({message, origin, now, now});
    return;
  }
  pending_.push_back({message, origin, now, now + config_.delay});
  if (!arrival_.pending()) arrival_.schedule(pending_.front().arrives);
}

void ApicBus::send_msi(std::uint8_t function, PhysAddr address, std::uint32_t data) {
  const auto to = from_raw<MsiAddress>(static_cast<std::uint32_t>(address.value));
  const auto what = from_raw<MsiData>(data);
  if (address.value >> 32 != 0 || to.prefix != MsiAddress{}.prefix) return;
  if (what.level_triggered != 0 && what.assert_level == 0) return;
  ApicMessage message{.vector = {static_cast<std::uint8_t>(what.vector)},
                      .mode = static_cast<DeliveryMode>(what.delivery_mode),
                      .logical = to.logical != 0,
                      .destination = static_cast<std::uint8_t>(to.destination),
                      .level_triggered = what.level_triggered != 0,
                      .source = {}};
  switch (message.mode) {
    case DeliveryMode::kFixed:
      // The hint asks for redirection among a logical set; with it clear the message goes to all.
      if (to.redirection_hint != 0 && message.logical) message.mode = DeliveryMode::kLowestPriority;
      break;
    case DeliveryMode::kLowestPriority:
    case DeliveryMode::kSmi:
    case DeliveryMode::kNmi:
    case DeliveryMode::kInit:
    case DeliveryMode::kExtInt:
      break;
    default:
      return;
  }
  send(message, Origin::msi(function));
}

void ApicBus::broadcast_eoi(Vector vector) {
  for (IoApic* io_apic : io_apics_) io_apic->end_of_interrupt(vector);
}

bool ApicBus::in_flight(Origin origin) const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [origin](const Pending& pending) { return pending.origin == origin; });
}

void ApicBus::arrive() {
  // Receivers may send again; what they send arrives later than now unless the delay is 0, and in
  // either case goes to the end of the queue.
  while (!pending_.empty() && pending_.front().arrives <= queue_.now()) {
    const Pending first = pending_.front();
    pending_.erase(pending_.begin());
    deliver(first);
  }
  if (!pending_.empty()) arrival_.schedule(pending_.front().arrives);
}

void ApicBus::deliver(const Pending& pending) {
  const ApicMessage& message = pending.message;
  Targets targets = addressed(message, pending.origin);
  if (message.mode == DeliveryMode::kLowestPriority) targets = arbitrate(targets);
  if (observer_) {
    observer_({message, pending.origin, targets, pending.sent, queue_.now()});
  }
  if (pending.origin.kind == Origin::Kind::kIoApic) {
    io_apics_[pending.origin.place]->message_arrived(pending.origin.pin);
  }
  for (std::size_t place = 0; place < lapics_.size(); ++place) {
    if (targets[place]) lapics_[place]->deliver(message);
  }
}

ApicBus::Targets ApicBus::addressed(const ApicMessage& message, Origin origin) const {
  Targets targets;
  for (std::size_t place = 0; place < lapics_.size(); ++place) {
    const Lapic& lapic = *lapics_[place];
    const bool self = origin == Origin::lapic(static_cast<std::uint8_t>(place));
    bool match = false;
    switch (message.shorthand) {
      case Shorthand::kNone:
        match = lapic.is_addressed(message.destination, message.logical);
        break;
      case Shorthand::kSelf:
        match = self;
        break;
      case Shorthand::kAll:
        match = true;
        break;
      case Shorthand::kAllButSelf:
        match = !self;
        break;
    }
    targets[place] = match && lapic.accepts(message.mode);
  }
  return targets;
}

ApicBus::Targets ApicBus::arbitrate(Targets candidates) {
  const std::size_t count = lapics_.size();
  std::size_t winner = count;
  unsigned lowest = 0;
  for (std::size_t step = 0; step < count; ++step) {
    const std::size_t place = (arbiter_ + step) % count;
    if (!candidates[place]) continue;
    const unsigned priority = lapics_[place]->processor_priority() >> 4;
    if (winner != count && priority >= lowest) continue;
    winner = place;
    lowest = priority;
  }
  Targets targets;
  if (winner != count) {
    targets.set(winner);
    arbiter_ = static_cast<std::uint8_t>((winner + 1) % count);
  }
  return targets;
}

void ApicBus::visit_pending(StateVisitor& visitor) {
  static_assert(std::has_unique_object_representations_v<ApicMessage>);
  static_assert(std::has_unique_object_representations_v<Origin>);
  constexpr std::size_t kBytes = sizeof(ApicMessage) + sizeof(Origin) + 2 * sizeof(Cycles);
  const auto each_part = [](Pending& pending, auto&& part) {
    part(&pending.message, sizeof pending.message);
    part(&pending.origin, sizeof pending.origin);
    part(&pending.sent, sizeof pending.sent);
    part(&pending.arrives, sizeof pending.arrives);
  };
  std::vector<std::uint8_t> bytes;
  for (Pending& pending : pending_) {
    each_part(pending, [&bytes](const void* data, std::size_t size) {
      const auto* begin = static_cast<const std::uint8_t*>(data);
      bytes.insert(bytes.end(), begin, begin + size);
    });
  }
  visitor.blob("pending", bytes);
  pending_.resize(bytes.size() / kBytes);
  const std::uint8_t* next = bytes.data();
  for (Pending& pending : pending_) {
    each_part(pending, [&next](void* data, std::size_t size) {
      std::memcpy(data, next, size);
      next += size;
    });
  }
}

void ApicBus::visit(StateVisitor& visitor) {
  visit_pending(visitor);
  visitor.field("arbiter", arbiter_);
  arrival_.visit(visitor);
}

}  // namespace mint
