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

// What the groups share, while a message is sent or delivered.
class ApicBus::Lock {
 public:
  explicit Lock(Groups* groups) : groups_(groups) {
    if (groups_ != nullptr) groups_->lock();
  }
  ~Lock() {
    if (groups_ != nullptr) groups_->unlock();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Groups* groups_;
};

ApicBus::ApicBus(EventQueue& queue, const ApicBusConfig& config)
    : config_(config), board_(queue, "apic_bus.arrival", [this] { arrive(board_); }) {
  board_.arbiter = config.arbiter;
}

void ApicBus::set_groups(Groups& groups, const std::vector<EventQueue*>& queues) {
  groups_ = &groups;
  for (EventQueue* queue : queues) {
    const std::size_t group = routes_.size();
    routes_.push_back(std::make_unique<Route>(*queue, "apic_bus.arrival",
                                              [this, group] { arrive(*routes_[group]); }));
    routes_.back()->arbiter = config_.arbiter;
  }
}

// By its own queue when all who are addressed now are of the group that acts.
ApicBus::Route& ApicBus::route_for(const ApicMessage& message, Origin origin) {
  const std::optional<unsigned> group = groups_ == nullptr ? std::nullopt : groups_->acting();
  if (!group) return board_;
  const Targets targets = addressed(message, origin);
  bool own = true;
  for (std::size_t place = 0; place < lapics_.size(); ++place)
    if (targets[place] && groups_->of(place) != *group) own = false;
  if (own) return *routes_[*group];
  if (!groups_->ordered()) groups_->crossed();
  return board_;
}

void ApicBus::readdressed(const Lapic& lapic) {
  if (groups_ == nullptr) return;
  const Lock lock(groups_);
  const unsigned own = groups_->of(lapic.place());
  const Cycles now = routes_[own]->queue.now();
  for (std::size_t group = 0; group < routes_.size(); ++group) {
    if (group == own) continue;
    for (const Pending& past : routes_[group]->delivered)
      if (past.arrives > now && lapic.is_addressed(past.message.destination, past.message.logical))
        groups_->crossed();
  }
}

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
  const auto clear = [this](Route& route) {
    route.pending.clear();
    route.arrival.cancel();
    route.arbiter = config_.arbiter;
  };
  clear(board_);
  for (const auto& route : routes_) clear(*route);
}

void ApicBus::send(const ApicMessage& message, Origin origin) {
  const Lock lock(groups_);
  Route& route = route_for(message, origin);
  const Cycles now = route.queue.now();
  if (message.shorthand == Shorthand::kSelf) {
    deliver(route, {message, origin, now, now});
    return;
  }
  route.pending.push_back({message, origin, now, now + config_.delay});
  if (!route.arrival.pending()) route.arrival.schedule(route.pending.front().arrives);
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
  const Lock lock(groups_);
  const auto of_origin = [origin](const Pending& pending) { return pending.origin == origin; };
  return std::ranges::any_of(board_.pending, of_origin) ||
         std::ranges::any_of(routes_, [&](const auto& route) {
           return std::ranges::any_of(route->pending, of_origin);
         });
}

void ApicBus::arrive(Route& route) {
  const Lock lock(groups_);
  // Receivers may send again; what they send arrives later than now unless the delay is 0, and in
  // either case goes to the end of the queue.
  while (!route.pending.empty() && route.pending.front().arrives <= route.queue.now()) {
    const Pending first = route.pending.front();
    route.pending.erase(route.pending.begin());
    deliver(route, first);
  }
  if (!route.pending.empty()) route.arrival.schedule(route.pending.front().arrives);
}

void ApicBus::deliver(Route& route, const Pending& pending) {
  const ApicMessage& message = pending.message;
  Targets targets = addressed(message, pending.origin);
  if (message.mode == DeliveryMode::kLowestPriority) targets = arbitrate(route, targets);
  const Targets told = targets;
  if (groups_ != nullptr) {
    if (&route != &board_) route.delivered.push_back(pending);
    for (std::size_t place = 0; place < lapics_.size(); ++place) {
      if (!targets[place]) continue;
      if (&route == &board_)
        targets[place] = groups_->reached(place, message);
      else if (&route != routes_[groups_->of(place)].get())
        groups_->crossed();
    }
  }
  if (observer_) {
    observer_({message, pending.origin, told, pending.sent, route.queue.now()});
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

ApicBus::Targets ApicBus::arbitrate(Route& route, Targets candidates) {
  const std::size_t count = lapics_.size();
  std::size_t winner = count;
  unsigned lowest = 0;
  for (std::size_t step = 0; step < count; ++step) {
    const std::size_t place = (route.arbiter + step) % count;
    if (!candidates[place]) continue;
    const unsigned priority = lapics_[place]->processor_priority() >> 4;
    if (winner != count && priority >= lowest) continue;
    winner = place;
    lowest = priority;
  }
  Targets targets;
  if (winner != count) {
    targets.set(winner);
    route.arbiter = static_cast<std::uint8_t>((winner + 1) % count);
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
  for (Pending& pending : board_.pending) {
    each_part(pending, [&bytes](const void* data, std::size_t size) {
      const auto* begin = static_cast<const std::uint8_t*>(data);
      bytes.insert(bytes.end(), begin, begin + size);
    });
  }
  visitor.blob("pending", bytes);
  board_.pending.resize(bytes.size() / kBytes);
  const std::uint8_t* next = bytes.data();
  for (Pending& pending : board_.pending) {
    each_part(pending, [&next](void* data, std::size_t size) {
      std::memcpy(data, next, size);
      next += size;
    });
  }
}

void ApicBus::visit(StateVisitor& visitor) {
  visit_pending(visitor);
  visitor.field("arbiter", board_.arbiter);
  board_.arrival.visit(visitor);
}

}  // namespace mint
