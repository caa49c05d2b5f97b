// The counter of the local APIC's timer (SDM vol. 3A, 10.5.4): counts down from the initial count
// at the timer clock over the divide configuration; at zero it stops (one-shot) or starts again
// from the initial count (periodic).
//
// Everything is kept in ticks of the timer clock since time 0, so no rounding adds up: the k-th
// expiry of a periodic timer is at the cycle of its k-th tick, however long the run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "emu/base/event_queue.hpp"
#include "emu/base/state.hpp"
#include "emu/base/types.hpp"

namespace mint {

class LapicTimer {
 public:
  // `expired` is called when the count reaches zero while the timer is not masked.
  LapicTimer(EventQueue& queue, std::string name, Hertz core_clock, Hertz timer_clock,
             std::function<void()> expired);

  void reset();
  // A write starts the timer; 0 stops it.
  void write_initial_count(std::uint32_t count);
  // Only bits 0, 1 and 3 count (figure 10-10). The count goes on from where it is.
  void write_divide_configuration(std::uint32_t value);
  // The mode can change while the timer runs: it says what happens at the next zero.
  void configure(bool periodic, bool masked);

  std::uint32_t initial_count() const { return initial_; }
  std::uint32_t divide_configuration() const { return divide_configuration_; }
  std::uint32_t current_count();
  void visit(StateVisitor& visitor);

 private:
  std::uint64_t now() const { return ticks_down(queue_.now().count, core_clock_, timer_clock_); }
  std::uint64_t divisor() const;
  // Takes the zeros up to now into account.
  void catch_up();
  void schedule();

  EventQueue& queue_;
  const Hertz core_clock_;
  const Hertz timer_clock_;
  const std::function<void()> expired_;
  Event event_;

  std::uint32_t initial_ = 0;
  std::uint32_t divide_configuration_ = 0;
  bool periodic_ = false;
  bool masked_ = true;
  // The count was `count_` at tick `base_` of the timer clock; 0: the timer is stopped.
  std::uint32_t count_ = 0;
  std::uint64_t base_ = 0;
};

}  // namespace mint
