// The interrupts of an 82540EM: causes, mask, throttle and delays (SDM, 3.2.7 and 13.4.17 to
// 13.4.21).
//
// | offset | register | |
// |--------|----------|-|
// | C0h    | ICR  | causes; a read clears all of them, a write those that are ones |
// | C4h    | ITR  | least time between two interrupts, in units of 256 ns |
// | C8h    | ICS  | sets causes |
// | D0h, D8h | IMS, IMC | sets and clears bits of the mask; IMS reads as the mask |
// | 2820h, 282Ch | RDTR, RADV | delay after each received frame, and after the first one |
// | 3820h, 382Ch | TIDV, TADV | the same of transmit descriptors with IDE |
//
// The delays count in units of 1.024 us. With a relative delay of 0 a cause is raised at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "emu/base/event_queue.hpp"
#include "emu/base/state.hpp"

namespace mint {

// A cause that waits for more of its kind: the relative delay begins anew with each, the absolute
// one limits how long the first waits.
class NicDelay {
 public:
  NicDelay(EventQueue& queue, const std::string& name, Hertz core_clock,
           std::function<void()> expired);
  void happened();
  void flush();  // what waits is due now
  void cancel();
  std::uint32_t relative() const { return relative_; }
  std::uint32_t absolute() const { return absolute_; }
  // RDTR or TIDV, RADV or TADV.
  void set_relative(std::uint32_t value);
  void set_absolute(std::uint32_t value) { absolute_ = value & 0xFFFF; }
  void reset();
  void visit(StateVisitor& visitor);

 private:
  void expire();
  Cycles cycles(std::uint32_t units) const;

  EventQueue& queue_;
  Hertz core_clock_;
  std::function<void()> expired_;
  std::uint32_t relative_ = 0;
  std::uint32_t absolute_ = 0;
  Event relative_end_;
  Event absolute_end_;
};

class NicInterrupts {
 public:
  // `line` is told the level of the interrupt when it changes.
  NicInterrupts(EventQueue& queue, const std::string& name, Hertz core_clock,
                std::function<void(bool)> line);

  void raise(std::uint32_t causes);
  // A frame is in memory; a transmit descriptor that asks for it is done.
  void received() { receive_delay_.happened(); }
  void transmitted(bool delayed);

  // Nothing (false) when the register is none of these.
  std::optional<std::uint32_t> read(std::uint32_t offset);
  bool write(std::uint32_t offset, std::uint32_t value);

  void reset();
  void visit(StateVisitor& visitor);

 private:
  void update();

  EventQueue& queue_;
  Hertz core_clock_;
  std::function<void(bool)> line_;
  std::uint32_t icr_ = 0;
  std::uint32_t ims_ = 0;
  std::uint32_t itr_ = 0;
  std::uint8_t asserted_ = 0;
  Cycles next_allowed_;
  Event throttle_;
  NicDelay receive_delay_;
  NicDelay transmit_delay_;
};

}  // namespace mint
