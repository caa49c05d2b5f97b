#include "devices/ioapic.hpp"

#include <utility>

namespace mint {
namespace {

enum class Offset : std::uint64_t { kSelect = 0x00, kWindow = 0x10, kEoi = 0x40 };
enum class Index : std::uint8_t { kId = 0, kVersion = 1, kArbitration = 2, kRedirection = 0x10 };

constexpr unsigned kFirstEntry = static_cast<unsigned>(Index::kRedirection);

bool is_entry(std::uint8_t index) {
  return index >= kFirstEntry && index < kFirstEntry + 2 * IoApic::kPins;
}

std::uint64_t lowest_bytes(std::uint64_t value, unsigned size) {
  return size >= 8 ? value : value & ((std::uint64_t{1} << (8 * size)) - 1);
}

}  // namespace

IoApic::IoApic(ApicBus& bus, const IoApicConfig& config)
    : bus_(bus), config_(config), place_(bus.attach(*this)) {
  for (unsigned pin = 0; pin < kPins; ++pin) {
    levels_[pin] = (config_.active_low_pins >> pin & 1) != 0;
  }
}

void IoApic::reset() {
  index_ = 0;
  id_ = {};
  arbitration_id_ = {};
  entries_ = {};
}

std::uint64_t IoApic::read(std::uint64_t offset, unsigned size) {
  switch (static_cast<Offset>(offset)) {
    case Offset::kSelect:
      return index_;
    case Offset::kWindow:
      return lowest_bytes(read_window(), size);
    default:
      return 0;
  }
}

void IoApic::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  switch (static_cast<Offset>(offset)) {
    case Offset::kSelect:
      index_ = static_cast<std::uint8_t>(value);
      break;
    case Offset::kWindow:
      if (size >= 4) write_window(static_cast<std::uint32_t>(value));
      break;
    case Offset::kEoi:
      end_of_interrupt({static_cast<std::uint8_t>(value)});
      break;
    default:
      break;
  }
}

std::uint32_t IoApic::read_window() const {
  if (is_entry(index_)) {
    const std::uint64_t entry = to_raw(entries_[(index_ - kFirstEntry) / 2]);
    return static_cast<std::uint32_t>(index_ % 2 != 0 ? entry >> 32 : entry);
  }
  switch (static_cast<Index>(index_)) {
    case Index::kId:
      return to_raw(id_);
    case Index::kVersion:
      return to_raw(VersionRegister{});
    case Index::kArbitration:
      return to_raw(arbitration_id_);
    default:
      return 0;
  }
}

void IoApic::write_window(std::uint32_t value) {
  if (is_entry(index_)) {
    write_entry((index_ - kFirstEntry) / 2, index_ % 2 != 0, value);
  } else if (index_ == static_cast<std::uint8_t>(Index::kId)) {
    id_.id = from_raw<IdRegister>(value).id;
    arbitration_id_ = id_;
  }
}

void IoApic::write_entry(unsigned pin, bool high, std::uint32_t value) {
  const RedirectionEntry old = entries_[pin];
  const auto written =
      from_raw<RedirectionEntry>(high ? static_cast<std::uint64_t>(value) << 32 : value);
  RedirectionEntry& entry = entries_[pin];
  if (high) {
    entry.destination = written.destination;
  } else {
    entry.vector = written.vector;
    entry.delivery_mode = written.delivery_mode;
    entry.logical = written.logical;
    entry.active_low = written.active_low;
    entry.level_triggered = written.level_triggered;
    entry.masked = written.masked;
    if (!entry.is_level()) entry.remote_irr = 0;
  }
  if (observer_) observer_(pin, old, entry);
  sample_level(pin);
}

bool IoApic::active(unsigned pin) const { return levels_[pin] != (entries_[pin].active_low != 0); }

void IoApic::set_irq(unsigned pin, bool asserted) {
  const bool active_low = (config_.active_low_pins >> pin & 1) != 0;
  const bool level = asserted != active_low;
  const bool changed = level != levels_[pin];
  levels_[pin] = level;
  const RedirectionEntry& entry = entries_[pin];
  if (entry.is_level()) {
    sample_level(pin);
  } else if (changed && active(pin) && entry.masked == 0) {
    // An edge on a masked pin is neither delivered nor held pending (3.2.4, interrupt mask).
    send(pin);
  }
}

void IoApic::sample_level(unsigned pin) {
  const RedirectionEntry& entry = entries_[pin];
  if (entry.is_level() && entry.masked == 0 && entry.remote_irr == 0 && active(pin)) send(pin);
}

void IoApic::send(unsigned pin) {
  RedirectionEntry& entry = entries_[pin];
  if (entry.send_pending != 0) return;
  switch (entry.mode()) {
    case DeliveryMode::kFixed:
    case DeliveryMode::kLowestPriority:
    case DeliveryMode::kSmi:
    case DeliveryMode::kNmi:
    case DeliveryMode::kInit:
    case DeliveryMode::kExtInt:
      break;
    default:
      return;
  }
  entry.send_pending = 1;
  bus_.send({.vector = {static_cast<std::uint8_t>(entry.vector)},
             .mode = entry.mode(),
             .logical = entry.logical != 0,
             .destination = static_cast<std::uint8_t>(entry.destination),
             .level_triggered = entry.is_level(),
             .source = {}},
            Origin::io_apic(place_, static_cast<std::uint8_t>(pin)));
}

void IoApic::message_arrived(unsigned pin) {
  RedirectionEntry& entry = entries_[pin];
  entry.send_pending = 0;
  if (entry.is_level()) entry.remote_irr = 1;
}

void IoApic::end_of_interrupt(Vector vector) {
  for (unsigned pin = 0; pin < kPins; ++pin) {
    RedirectionEntry& entry = entries_[pin];
    if (entry.vector != vector.value || entry.remote_irr == 0) continue;
    if (end_observer_) end_observer_(pin);
    entry.remote_irr = 0;
    sample_level(pin);
  }
}

void IoApic::visit(StateVisitor& visitor) {
  visitor.field("index", index_);
  visitor.field("id", id_);
  visitor.field("arbitration_id", arbitration_id_);
  visitor.field("entries", entries_);
  visitor.field("levels", levels_);
}

}  // namespace mint
