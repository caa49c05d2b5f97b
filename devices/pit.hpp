// 8254 programmable interval timer (Intel 231164), as in the PC: CLK of all counters is 1.193182
// MHz, GATE of counters 0 and 1 is high, OUT of counter 0 is IRQ 0, GATE and OUT of counter 2 are
// at port 61h (system_ports.hpp).
//
//   40h-42h r  latched status, else latched count, else count of counter 0-2  "Read operations"
//   40h-42h w  count, in the byte order of RW                                 "Write operations"
//   43h w      SC1 SC0 RW1 RW0 M2 M1 M0 BCD                             "Control word format"
//              SC = 11: 1 1 COUNT# STATUS# CNT2 CNT1 CNT0 0             "Read-back command"
//              RW = 00: latch the count of counter SC                   "Counter latch command"
//   43h r      no operation: the data bus floats
//
// CLK is derived from the core clock by integer division of absolute time, so it never drifts. The
// data sheet leaves the state at power-on undefined; here: mode 0 without a count.
#pragma once

#include <array>
#include <cstdint>

#include "devices/byte_device.hpp"
#include "devices/pit_counter.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

class Pit final : public ByteDevice {
 public:
  static constexpr Hertz kClock{1'193'182};

  // `irq0` may be empty: then no events are needed at all.
  Pit(EventQueue& queue, Hertz core_clock, IrqLine irq0);

  void reset() override;
  void visit(StateVisitor& visitor) override;

  void set_gate2(bool level);
  bool output2();
  // CLK pulses since power-on.
  std::uint64_t tick() const { return ticks_down(queue_.now().count, core_clock_, kClock); }

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  void write_control(std::uint8_t value);
  void update_irq0();

  EventQueue& queue_;
  Hertz core_clock_;
  IrqLine irq0_;
  std::array<PitCounter, 3> counters_;
  bool irq0_level_ = false;
  Event out0_change_;
};

}  // namespace mint
