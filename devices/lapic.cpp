#include "devices/lapic.hpp"

#include <string>
#include <utility>

namespace mint {
namespace {

constexpr unsigned kFirstLegalVector = 16;  // 10.5.2

}  // namespace

Lapic::Lapic(const LapicConfig& config, LapicCore& core, ApicBus& bus, EventQueue& queue,
             std::function<Vector()> acknowledge_external)
    : config_(config),
      core_(core),
      bus_(bus),
      acknowledge_external_(std::move(acknowledge_external)),
      place_(bus.attach(*this)),
      id_(config.id),
      timer_(queue, "lapic" + std::to_string(place_) + ".timer", config.core_clock,
             config.timer_clock, [this] { raise(Lvt::kTimer); }) {
  base_.bsp = config.bsp ? 1 : 0;
}

void Lapic::reset() {
  base_ = {};
  base_.bsp = config_.bsp ? 1 : 0;
  id_ = config_.id;
  init_reset();
}

void Lapic::init_reset() {
  reset_registers();
  update();
}

void Lapic::reset_registers() {
  task_priority_ = 0;
  logical_destination_ = {};
  destination_format_ = {};
  spurious_vector_ = {};
  in_service_ = {};
  trigger_mode_ = {};
  requested_ = {};
  error_status_ = {};
  errors_found_ = {};
  icr_low_ = {};
  icr_high_ = {};
  lvt_ = {};
  timer_.reset();
  external_message_ = false;
}

bool Lapic::write_base(std::uint64_t value) {
  const auto next = from_raw<ApicBaseRegister>(value);
  if (next.reserved_0 != 0 || next.reserved_9 != 0 || next.reserved_36 != 0) return false;
  const bool switched = next.enabled != base_.enabled;
  base_ = next;
  if (switched) reset_registers();
  update();
  return true;
}

// 10.5.3. The error interrupt comes once; a write to the error status register arms it again.
void Lapic::error(ErrorStatusRegister found) {
  const bool armed = to_raw(errors_found_) == 0;
  errors_found_ = from_raw<ErrorStatusRegister>(to_raw(errors_found_) | to_raw(found));
  if (armed) raise(Lvt::kError);
}

// --- Sending

void Lapic::send(IcrLowRegister command) {
  const ApicMessage message{.vector = {static_cast<std::uint8_t>(command.vector)},
                            .mode = static_cast<DeliveryMode>(command.delivery_mode),
                            .logical = command.logical != 0,
                            .destination = static_cast<std::uint8_t>(icr_high_.destination),
                            .level_triggered = command.level_triggered != 0,
                            .assert_level = command.assert_level != 0,
                            .shorthand = static_cast<Shorthand>(command.shorthand),
                            .from_core = true,
                            .source = id_};
  switch (message.mode) {
    case DeliveryMode::kFixed:
    case DeliveryMode::kLowestPriority:
      // The message still goes out; its receivers find the same error.
      if (message.vector.value < kFirstLegalVector) error({.send_illegal_vector = 1});
      break;
    case DeliveryMode::kInit:
      if (message.level_triggered && !message.assert_level) return;
      break;
    case DeliveryMode::kSmi:
    case DeliveryMode::kNmi:
    case DeliveryMode::kStartup:
      break;
    default:
      return;
  }
  const bool includes_self =
      message.shorthand == Shorthand::kSelf || message.shorthand == Shorthand::kAll;
  if (includes_self && message.mode != DeliveryMode::kFixed) return;
  bus_.send(message, Origin::lapic(place_));
}

// --- Receiving

bool Lapic::is_addressed(std::uint8_t destination, bool logical) const {
  if (!logical) return destination == 0xFF || destination == id_.value;
  const unsigned own = logical_destination_.logical_id;
  if (destination_format_.model == DestinationFormatRegister::kFlat) {
    return (destination & own) != 0;
  }
  if (destination_format_.model != DestinationFormatRegister::kCluster) return false;
  const unsigned cluster = destination >> 4;
  return (cluster == 0xF || cluster == own >> 4) && (destination & own & 0xF) != 0;
}

bool Lapic::accepts(DeliveryMode mode) const {
  if (!globally_enabled()) return false;
  // 10.4.7.2: disabled by software, it still responds to these.
  const bool always = mode == DeliveryMode::kInit || mode == DeliveryMode::kNmi ||
                      mode == DeliveryMode::kSmi || mode == DeliveryMode::kStartup;
  return always || spurious_vector_.software_enabled != 0;
}

void Lapic::deliver(const ApicMessage& message) {
  switch (message.mode) {
    case DeliveryMode::kFixed:
    case DeliveryMode::kLowestPriority:
      accept(message.vector, message.level_triggered && !message.from_core);
      break;
    case DeliveryMode::kSmi:
      core_.smi();
      break;
    case DeliveryMode::kNmi:
      core_.nmi();
      break;
    case DeliveryMode::kInit:
      init();
      break;
    case DeliveryMode::kStartup:
      core_.startup(message.vector);
      break;
    case DeliveryMode::kExtInt:
      external_message_ = true;
      update();
      break;
  }
}

void Lapic::init() {
  init_reset();
  core_.init();
}

void Lapic::accept(Vector vector, bool level_triggered) {
  if (vector.value < kFirstLegalVector) {
    error({.receive_illegal_vector = 1});
    return;
  }
  requested_.set(vector);
  trigger_mode_.assign(vector, level_triggered);
  update();
}

void Lapic::raise(Lvt source) {
  LvtEntry& from = entry(source);
  if (from.masked != 0) return;
  const Vector vector{static_cast<std::uint8_t>(from.vector)};
  // The processor masks the entry when it delivers the overflow interrupt.
  if (source == Lvt::kPerformance) from.masked = 1;
  switch (from.mode()) {
    case DeliveryMode::kFixed:
      accept(vector, false);
      break;
    case DeliveryMode::kSmi:
      core_.smi();
      break;
    case DeliveryMode::kNmi:
      core_.nmi();
      break;
    case DeliveryMode::kInit:
      init();
      break;
    default:
      break;
  }
}

// --- Pins

bool Lapic::pin_asserted(unsigned pin) const {
  return pins_[pin] != (entry(lint(pin)).active_low != 0);
}

void Lapic::set_pin(unsigned pin, bool level) {
  const bool edge = level != pins_[pin];
  pins_[pin] = level;
  if (globally_enabled()) {
    sample_pin(pin, edge);
  } else {
    if (pin == 1 && edge && level) core_.nmi();
    update();
  }
}

// Looks at a pin whose level has just changed (`edge`) or whose entry has been written.
void Lapic::sample_pin(unsigned pin, bool edge) {
  LvtEntry& lvt = entry(lint(pin));
  if (lvt.masked == 0 && pin_asserted(pin)) {
    // Only LINT0 with fixed delivery can be level-triggered.
    if (pin == 0 && lvt.level_triggered != 0 && lvt.mode() == DeliveryMode::kFixed) {
      if (lvt.remote_irr == 0) {
        lvt.remote_irr = 1;
        accept({static_cast<std::uint8_t>(lvt.vector)}, true);
      }
    } else if (edge) {
      raise(lint(pin));
    }
  }
  update();  // ExtINT follows the level
}

bool Lapic::has_external() const {
  if (external_message_) return true;
  for (unsigned pin = 0; pin < pins_.size(); ++pin) {
    const LvtEntry& lvt = entry(lint(pin));
    if (lvt.masked == 0 && lvt.mode() == DeliveryMode::kExtInt && pin_asserted(pin)) return true;
  }
  return false;
}

// --- Priority (10.8.3)

std::uint8_t Lapic::processor_priority() const {
  const auto highest = in_service_.highest();
  const unsigned in_service = highest ? highest->value & 0xF0u : 0;
  if ((task_priority_ & 0xF0u) >= in_service) return task_priority_;
  return static_cast<std::uint8_t>(in_service);
}

bool Lapic::has_interrupt() const {
  if (!globally_enabled()) return pins_[0];
  if (has_external()) return true;
  const auto highest = requested_.highest();
  return highest && highest->value >> 4 > processor_priority() >> 4;
}

std::optional<Vector> Lapic::acknowledge() {
  if (!globally_enabled()) {
    if (!pins_[0]) return std::nullopt;
    return acknowledge_external_();
  }
  if (has_external()) {
    external_message_ = false;
    const Vector vector = acknowledge_external_();
    update();
    return vector;
  }
  const auto highest = requested_.highest();
  if (!highest) return std::nullopt;
  if (highest->value >> 4 <= processor_priority() >> 4) {
    return Vector{static_cast<std::uint8_t>(spurious_vector_.vector)};
  }
  requested_.clear(*highest);
  in_service_.set(*highest);
  update();
  return highest;
}

void Lapic::end_of_interrupt() {
  const auto highest = in_service_.highest();
  if (!highest) return;
  in_service_.clear(*highest);
  if (trigger_mode_.test(*highest)) {
    LvtEntry& lint0 = entry(Lvt::kLint0);
    if (lint0.remote_irr != 0 && lint0.vector == highest->value) {
      lint0.remote_irr = 0;
      sample_pin(0, false);
    }
    bus_.broadcast_eoi(*highest);
  }
  update();
}

void Lapic::set_cr8(std::uint64_t value) {
  task_priority_ = static_cast<std::uint8_t>(value << 4);
  update();
}

void Lapic::update() {
  const bool interrupt = has_interrupt();
  if (interrupt == output_) return;
  output_ = interrupt;
  core_.interrupt_changed();
}

void Lapic::visit(StateVisitor& visitor) {
  visitor.field("base", base_);
  visitor.field("id", id_);
  visitor.field("task_priority", task_priority_);
  visitor.field("logical_destination", logical_destination_);
  visitor.field("destination_format", destination_format_);
  visitor.field("spurious_vector", spurious_vector_);
  visitor.field("in_service", in_service_);
  visitor.field("trigger_mode", trigger_mode_);
  visitor.field("requested", requested_);
  visitor.field("error_status", error_status_);
  visitor.field("errors_found", errors_found_);
  visitor.field("icr_low", icr_low_);
  visitor.field("icr_high", icr_high_);
  visitor.field("lvt", lvt_);
  timer_.visit(visitor);
  visitor.field("pins", pins_);
  visitor.field("external_message", external_message_);
  visitor.field("output", output_);
}

}  // namespace mint
