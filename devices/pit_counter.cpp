#include "devices/pit_counter.hpp"

#include <algorithm>
#include <string>

namespace mint {
namespace {

std::uint16_t to_bcd(std::uint32_t n) {
  return static_cast<std::uint16_t>(n / 1000 % 10 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 |
                                    n % 10);
}

std::uint32_t from_bcd(std::uint32_t raw) {
  return (raw >> 12) * 1000 + (raw >> 8 & 15) * 100 + (raw >> 4 & 15) * 10 + (raw & 15);
}

}  // namespace

unsigned PitCounter::mode() const {
  // M2 is "don't care" in modes 2 and 3.
  return control_.mode > 5 ? control_.mode - 4U : control_.mode;
}

void PitCounter::write_control(PitControlWord control, std::uint64_t tick) {
  settle(tick);
  idle_count_ = count(tick);
  control_ = control;
  write_high_ = read_high_ = false;
  count_latched_ = status_latched_ = false;
  count_written_ = false;
  null_count_ = true;
  load_at_ = kNever;
  loaded_ = stopped_ = low_half_ = false;
}

void PitCounter::write_count(std::uint8_t byte, std::uint64_t tick) {
  settle(tick);
  switch (control_.rw) {
    case 1:
      accept_count(byte, tick);
      break;
    case 2:
      accept_count(static_cast<std::uint16_t>(byte << 8), tick);
      break;
    default:
      if (!write_high_) {
        low_byte_ = byte;
        write_high_ = true;
        if (mode() == 0) stop(tick);
      } else {
        write_high_ = false;
        accept_count(static_cast<std::uint16_t>(byte << 8 | low_byte_), tick);
      }
  }
}

void PitCounter::accept_count(std::uint16_t raw, std::uint64_t tick) {
  // Digits above 9 are not defined; they weigh what their value is.
  initial_ = control_.bcd ? from_bcd(raw) % 10000 : raw;
  if (initial_ == 0) initial_ = modulus();
  count_written_ = true;
  null_count_ = true;
  if (triggered()) return;
  if (periodic() && loaded_) return;  // taken over at the end of the (half) period
  load_at_ = tick + 1;
}

void PitCounter::stop(std::uint64_t tick) {
  if (!loaded_ || stopped_) return;
  elapsed_ = tick - start_;
  stopped_ = true;
  if (elapsed_ >= period_) past_strobe_ = start_ + period_;
}

void PitCounter::set_gate(bool level, std::uint64_t tick) {
  settle(tick);
  if (level == gate_) return;
  gate_ = level;
  if (triggered() || periodic()) {
    if (level && count_written_) load_at_ = tick + 1;
    if (!level && periodic()) stop(tick);
  } else if (!level) {
    stop(tick);
  } else if (stopped_ && !held_by_first_byte()) {
    start_ = tick - elapsed_;
    stopped_ = false;
  }
}

void PitCounter::load(std::uint64_t tick) {
  period_ = initial_;
  start_ = tick;
  elapsed_ = 0;
  past_strobe_ = kNever;
  loaded_ = true;
  low_half_ = false;
  null_count_ = false;
  stopped_ = (!gate_ && !triggered()) || held_by_first_byte();
  load_at_ = kNever;
}

// Brings the counting element to pulse `tick`: a load that is due, and reloads in modes 2 and 3.
void PitCounter::settle(std::uint64_t tick) {
  if (load_at_ <= tick) load(load_at_);
  if (!periodic() || !loaded_ || stopped_) return;
  for (;;) {
    const std::uint64_t length = mode() == 2 ? period_ : half_period();
    if (tick - start_ < length) return;
    start_ += length;
    if (mode() == 3) low_half_ = !low_half_;
    if (null_count_) {
      period_ = initial_;
      null_count_ = false;
    } else {
      start_ += (tick - start_) / period_ * period_;  // whole periods at once
    }
  }
}

std::uint16_t PitCounter::count(std::uint64_t tick) const {
  if (!loaded_) return idle_count_;
  const std::uint32_t m = modulus();
  std::uint64_t down = elapsed(tick);
  std::uint32_t from = period_;
  if (mode() == 3) {  // counts by twos; an odd count is loaded less one
    down *= 2;
    from &= ~1U;
  }
  const std::uint64_t value = (from % m + m - down % m) % m;
  return control_.bcd ? to_bcd(static_cast<std::uint32_t>(value))
                      : static_cast<std::uint16_t>(value);
}

// The pulse at which modes 4 and 5 strobe.
std::uint64_t PitCounter::strobe() const {
  if (!loaded_) return kNever;
  if (past_strobe_ != kNever) return past_strobe_;
  return stopped_ ? kNever : start_ + period_;
}

bool PitCounter::out_now(std::uint64_t tick) const {
  switch (mode()) {
    case 0:  // low from the control word, and from a new count, until the count ends
      return loaded_ && load_at_ == kNever && !held_by_first_byte() && elapsed(tick) >= period_;
    case 1:
      return !loaded_ || elapsed(tick) >= period_;
    case 2:  // a count of 1 is illegal in modes 2 and 3: OUT stays high
      return !loaded_ || stopped_ || period_ == 1 || elapsed(tick) != period_ - 1;
    case 3:
      return !loaded_ || stopped_ || period_ == 1 || !low_half_;
    default:
      return tick != strobe();
  }
}

bool PitCounter::out(std::uint64_t tick) {
  settle(tick);
  return out_now(tick);
}

std::uint64_t PitCounter::next_change(std::uint64_t tick) {
  settle(tick);
  const auto after = [tick](std::uint64_t at) { return at > tick ? at : kNever; };
  std::uint64_t change = kNever;
  if (mode() >= 4) {
    const std::uint64_t low = strobe();
    if (low != kNever) change = std::min(after(low), after(low + 1));
  } else if (loaded_ && !stopped_) {
    if (mode() <= 1) {
      change = after(start_ + period_);
    } else if (period_ == 1) {
      if (null_count_) change = tick + 1;  // a new count takes over
    } else if (mode() == 2) {
      change = std::min(after(start_ + period_ - 1), after(start_ + period_));
    } else {
      change = start_ + half_period();
    }
  }
  return std::min(change, load_at_);
}

void PitCounter::latch_count(std::uint64_t tick) {
  settle(tick);
  if (count_latched_) return;
  count_latched_ = true;
  latched_count_ = count(tick);
}

void PitCounter::latch_status(std::uint64_t tick) {
  settle(tick);
  if (status_latched_) return;
  status_latched_ = true;
  latched_status_ = {.bcd = control_.bcd,
                     .mode = control_.mode,
                     .rw = control_.rw,
                     .null_count = null_count_,
                     .output = out_now(tick)};
}

std::uint8_t PitCounter::read(std::uint64_t tick) {
  settle(tick);
  if (status_latched_) {
    status_latched_ = false;
    return to_raw(latched_status_);
  }
  const std::uint16_t value = count_latched_ ? latched_count_ : count(tick);
  const bool high = control_.rw == 3 ? read_high_ : control_.rw == 2;
  if (control_.rw == 3) read_high_ = !read_high_;
  if (control_.rw != 3 || high) count_latched_ = false;
  return static_cast<std::uint8_t>(high ? value >> 8 : value);
}

void PitCounter::visit(std::string_view prefix, StateVisitor& visitor) {
  const auto field = [&](std::string_view name, auto& value) {
    visitor.field(std::string(prefix).append(name), value);
  };
  field("control", control_);
  field("low_byte", low_byte_);
  field("write_high", write_high_);
  field("read_high", read_high_);
  field("count_latched", count_latched_);
  field("status_latched", status_latched_);
  field("latched_count", latched_count_);
  field("latched_status", latched_status_);
  field("initial", initial_);
  field("count_written", count_written_);
  field("null_count", null_count_);
  field("gate", gate_);
  field("load_at", load_at_);
  field("loaded", loaded_);
  field("stopped", stopped_);
  field("low_half", low_half_);
  field("period", period_);
  field("start", start_);
  field("elapsed", elapsed_);
  field("past_strobe", past_strobe_);
  field("idle_count", idle_count_);
}

}  // namespace mint
