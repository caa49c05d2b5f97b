#include "devices/pit.hpp"

#include <string>
#include <utility>

namespace mint {

Pit::Pit(EventQueue& queue, Hertz core_clock, IrqLine irq0)
    : queue_(queue),
      core_clock_(core_clock),
      irq0_(std::move(irq0)),
      out0_change_(queue, "pit.out0", [this](Cycles) { update_irq0(); }) {
  reset();
}

void Pit::reset() {
  counters_ = {};
  counters_[2].set_gate(false, 0);
  update_irq0();
}

std::uint8_t Pit::read_byte(std::uint64_t offset) {
  return offset < counters_.size() ? counters_[offset].read(tick()) : 0xff;
}

void Pit::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset > 3) return;
  if (offset == 3) {
    write_control(value);
  } else {
    counters_[offset].write_count(value, tick());
  }
  update_irq0();
}

void Pit::write_control(std::uint8_t value) {
  const auto word = from_raw<PitControlWord>(value);
  if (word.sc == 3) {
    const auto command = from_raw<PitReadBack>(value);
    for (unsigned i = 0; i < counters_.size(); ++i) {
      if ((command.counters >> i & 1) == 0) continue;
      if (!command.no_count) counters_[i].latch_count(tick());
      if (!command.no_status) counters_[i].latch_status(tick());
    }
  } else if (word.rw == 0) {
    counters_[word.sc].latch_count(tick());
  } else {
    counters_[word.sc].write_control(word, tick());
  }
}

void Pit::set_gate2(bool level) { counters_[2].set_gate(level, tick()); }

bool Pit::output2() { return counters_[2].out(tick()); }

// Drives IRQ 0 to the level of OUT 0 and schedules its next change.
void Pit::update_irq0() {
  if (!irq0_) return;
  const bool level = counters_[0].out(tick());
  const std::uint64_t change = counters_[0].next_change(tick());
  if (change == PitCounter::kNever) {
    out0_change_.cancel();
  } else {
    out0_change_.schedule({ticks_up(change, kClock, core_clock_)});
  }
  if (level == irq0_level_) return;
  irq0_level_ = level;
  irq0_(level);
}

void Pit::visit(StateVisitor& visitor) {
  for (unsigned i = 0; i < counters_.size(); ++i) {
    counters_[i].visit("counter" + std::to_string(i) + ".", visitor);
  }
  visitor.field("irq0_level", irq0_level_);
  out0_change_.visit(visitor);
}

}  // namespace mint
