#include "devices/lapic_timer.hpp"

#include <utility>

namespace mint {

LapicTimer::LapicTimer(EventQueue& queue, std::string name, Hertz core_clock, Hertz timer_clock,
                       std::function<void()> expired)
    : queue_(queue),
      core_clock_(core_clock),
      timer_clock_(timer_clock),
      expired_(std::move(expired)),
      event_(queue, std::move(name), [this](Cycles) {
        catch_up();
        schedule();
      }) {}

void LapicTimer::reset() {
  initial_ = 0;
  divide_configuration_ = 0;
  periodic_ = false;
  masked_ = true;
  count_ = 0;
  base_ = 0;
  schedule();
}

std::uint64_t LapicTimer::divisor() const {
  // Bits 3, 1 and 0: 000 divides by 2, 001 by 4, ... 110 by 128, 111 by 1.
  const unsigned code = (divide_configuration_ >> 1 & 4) | (divide_configuration_ & 3);
  return std::uint64_t{1} << ((code + 1) % 8);
}

void LapicTimer::catch_up() {
  if (count_ == 0) return;
  const std::uint64_t steps = (now() - base_) / divisor();
  if (steps < count_) return;
  if (periodic_) {
    const std::uint64_t whole_periods = (steps - count_) / initial_ * initial_;
    base_ += (count_ + whole_periods) * divisor();
    count_ = initial_;
  } else {
    count_ = 0;
  }
  if (!masked_) expired_();
}

void LapicTimer::schedule() {
  // Nothing can be seen of the zeros of a masked timer but the count, which is computed when read.
  if (count_ == 0 || masked_) {
    event_.cancel();
    return;
  }
  event_.schedule({ticks_up(base_ + count_ * divisor(), timer_clock_, core_clock_)});
}

std::uint32_t LapicTimer::current_count() {
  catch_up();
  schedule();
  if (count_ == 0) return 0;
  return static_cast<std::uint32_t>(count_ - (now() - base_) / divisor());
}

void LapicTimer::write_initial_count(std::uint32_t count) {
  catch_up();
  initial_ = count;
  count_ = count;
  base_ = now();
  schedule();
}

void LapicTimer::write_divide_configuration(std::uint32_t value) {
  const std::uint32_t count = current_count();
  divide_configuration_ = value & 0b1011;
  count_ = count;
  base_ = now();
  schedule();
}

void LapicTimer::configure(bool periodic, bool masked) {
  catch_up();
  periodic_ = periodic;
  masked_ = masked;
  schedule();
}

void LapicTimer::visit(StateVisitor& visitor) {
  visitor.field("timer.initial", initial_);
  visitor.field("timer.divide_configuration", divide_configuration_);
  visitor.field("timer.periodic", periodic_);
  visitor.field("timer.masked", masked_);
  visitor.field("timer.count", count_);
  visitor.field("timer.base", base_);
  event_.visit(visitor);
}

}  // namespace mint
