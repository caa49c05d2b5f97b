// The LAPIC's registers as software reads and writes them.
#include <optional>

#include "devices/lapic.hpp"

namespace mint {
namespace {

constexpr std::uint16_t number(LapicRegister which) { return static_cast<std::uint16_t>(which); }

// Which of the eight registers of a vector set `offset` is, if any.
std::optional<unsigned> word_of(LapicRegister set, std::uint16_t offset) {
  if (offset < number(set) || offset >= number(set) + 0x80) return std::nullopt;
  return (offset - number(set)) / 0x10;
}

std::optional<Lvt> lvt_at(std::uint16_t offset) {
  switch (static_cast<LapicRegister>(offset)) {
    case LapicRegister::kLvtCmci:
      return Lvt::kCmci;
    case LapicRegister::kLvtTimer:
      return Lvt::kTimer;
    case LapicRegister::kLvtThermal:
      return Lvt::kThermal;
    case LapicRegister::kLvtPerformance:
      return Lvt::kPerformance;
    case LapicRegister::kLvtLint0:
      return Lvt::kLint0;
    case LapicRegister::kLvtLint1:
      return Lvt::kLint1;
    case LapicRegister::kLvtError:
      return Lvt::kError;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool Lapic::is_noticed(std::uint64_t offset) const {
  switch (static_cast<LapicRegister>(offset & 0xFF0)) {
    case LapicRegister::kId:
    case LapicRegister::kLogicalDestination:
    case LapicRegister::kDestinationFormat:
    case LapicRegister::kSpuriousVector:
    case LapicRegister::kIcrLow:
      return true;
    case LapicRegister::kEoi: {
      const auto highest = in_service_.highest();
      return highest && trigger_mode_.test(*highest);
    }
    default:
      return false;
  }
}

std::uint64_t Lapic::read(std::uint64_t offset, unsigned size) {
  std::uint64_t value = ~std::uint64_t{0};
  const unsigned first = offset & 0xF;
  if (first < 4) {
    const std::uint64_t in_register = read_register(static_cast<std::uint16_t>(offset & 0xFF0));
    value = (0xFFFFFFFF'00000000 | in_register) >> (8 * first);
    value |= ~(~std::uint64_t{0} >> (8 * first));
  }
  return size >= 8 ? value : value & ((std::uint64_t{1} << (8 * size)) - 1);
}

void Lapic::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (offset % 0x10 != 0 || size < 4) return;
  write_register(static_cast<std::uint16_t>(offset & 0xFF0), static_cast<std::uint32_t>(value));
}

std::uint32_t Lapic::read_register(std::uint16_t offset) {
  if (const auto word = word_of(LapicRegister::kInService, offset)) return in_service_.word(*word);
  if (const auto word = word_of(LapicRegister::kTriggerMode, offset)) {
    return trigger_mode_.word(*word);
  }
  if (const auto word = word_of(LapicRegister::kInterruptRequest, offset)) {
    return requested_.word(*word);
  }
  if (const auto which = lvt_at(offset)) return to_raw(entry(*which));
  switch (static_cast<LapicRegister>(offset)) {
    case LapicRegister::kId:
      return to_raw(LapicIdRegister{.id = id_.value});
    case LapicRegister::kVersion:
      return to_raw(LapicVersionRegister{});
    case LapicRegister::kTaskPriority:
      return task_priority_;
    case LapicRegister::kProcessorPriority:
      return processor_priority();
    case LapicRegister::kArbitrationPriority:
    case LapicRegister::kRemoteRead:
    case LapicRegister::kEoi:
      return 0;
    case LapicRegister::kLogicalDestination:
      return to_raw(logical_destination_);
    case LapicRegister::kDestinationFormat:
      return to_raw(destination_format_);
    case LapicRegister::kSpuriousVector:
      return to_raw(spurious_vector_);
    case LapicRegister::kErrorStatus:
      return to_raw(error_status_);
    case LapicRegister::kIcrLow: {
      IcrLowRegister shown = icr_low_;
      shown.send_pending = bus_.in_flight(Origin::lapic(place_)) ? 1 : 0;
      return to_raw(shown);
    }
    case LapicRegister::kIcrHigh:
      return to_raw(icr_high_);
    case LapicRegister::kInitialCount:
      return timer_.initial_count();
    case LapicRegister::kCurrentCount:
      return timer_.current_count();
    case LapicRegister::kDivideConfiguration:
      return timer_.divide_configuration();
    default:
      error({.illegal_register_address = 1});
      return 0;
  }
}

void Lapic::write_register(std::uint16_t offset, std::uint32_t value) {
  if (word_of(LapicRegister::kInService, offset) || word_of(LapicRegister::kTriggerMode, offset) ||
      word_of(LapicRegister::kInterruptRequest, offset)) {
    return;
  }
  if (const auto which = lvt_at(offset)) {
    write_lvt(*which, value);
    return;
  }
  switch (static_cast<LapicRegister>(offset)) {
    case LapicRegister::kId:
      id_ = {static_cast<std::uint8_t>(from_raw<LapicIdRegister>(value).id)};
      break;
    case LapicRegister::kTaskPriority:
      task_priority_ = static_cast<std::uint8_t>(value);
      update();
      break;
    case LapicRegister::kEoi:
      end_of_interrupt();
      break;
    case LapicRegister::kLogicalDestination:
      logical_destination_.logical_id = from_raw<LogicalDestinationRegister>(value).logical_id;
      break;
    case LapicRegister::kDestinationFormat:
      destination_format_.model = from_raw<DestinationFormatRegister>(value).model;
      break;
    case LapicRegister::kSpuriousVector:
      write_spurious_vector(value);
      break;
    case LapicRegister::kErrorStatus:
      write_error_status();
      break;
    case LapicRegister::kIcrLow:
      icr_low_ = from_raw<IcrLowRegister>(value);
      icr_low_.send_pending = 0;
      icr_low_.reserved_13 = icr_low_.reserved_16 = icr_low_.reserved_20 = 0;
      send(icr_low_);
      break;
    case LapicRegister::kIcrHigh:
      icr_high_.destination = from_raw<IcrHighRegister>(value).destination;
      break;
    case LapicRegister::kInitialCount:
      timer_.write_initial_count(value);
      break;
    case LapicRegister::kDivideConfiguration:
      timer_.write_divide_configuration(value);
      break;
    case LapicRegister::kVersion:
    case LapicRegister::kArbitrationPriority:
    case LapicRegister::kProcessorPriority:
    case LapicRegister::kRemoteRead:
    case LapicRegister::kCurrentCount:
      break;
    default:
      error({.illegal_register_address = 1});
  }
}

void Lapic::write_lvt(Lvt which, std::uint32_t value) {
  LvtEntry& current = entry(which);
  LvtEntry next = from_raw<LvtEntry>(value & to_raw(lvt_fields(which)));
  // 10.4.7.2: while the LAPIC is disabled by software the masks stay set.
  if (spurious_vector_.software_enabled == 0) next.masked = 1;
  if (next.level_triggered != 0) next.remote_irr = current.remote_irr;
  current = next;
  if (which == Lvt::kTimer) configure_timer();
  if (which == Lvt::kLint0) sample_pin(0, false);
  if (which == Lvt::kLint1) sample_pin(1, false);
}

void Lapic::write_spurious_vector(std::uint32_t value) {
  const auto next = from_raw<SpuriousVectorRegister>(value);
  spurious_vector_.vector = next.vector;
  spurious_vector_.focus_checking_off = next.focus_checking_off;
  spurious_vector_.software_enabled = next.software_enabled;
  if (next.software_enabled == 0) {
    for (LvtEntry& entry : lvt_) entry.masked = 1;
    configure_timer();
  }
  update();
}

void Lapic::write_error_status() {
  error_status_ = errors_found_;
  errors_found_ = {};
}

void Lapic::configure_timer() {
  timer_.configure(entry(Lvt::kTimer).periodic != 0, entry(Lvt::kTimer).masked != 0);
}

}  // namespace mint
