// 8042 keyboard controller (IBM PC/AT technical reference, "Keyboard controller") of a machine to
// which no keyboard is attached; there is no auxiliary port.
//
//   port 60h (offset 0) r  output buffer         w  data: parameter of a command, else to the
//   keyboard port 64h (offset 4) r  status                w  command
//
// Status: 0 output buffer full, 1 input buffer full, 2 system flag, 3 last write was a command,
// 4 keyboard not locked, 5 transmit time-out, 6 receive time-out, 7 parity error. As in the PS/2,
// bit 6 stands for both time-outs and bit 5 for auxiliary data.
// Command byte (20h/60h): 0 IRQ 1 on output buffer full, 2 system flag, 4 keyboard disabled,
// 6 translate.
// Output port (D0h/D1h): 0 RC (0 resets the processors), 1 A20GATE, 4 output buffer full, 6
// keyboard clock, 7 keyboard data.
//
// Commands take no time. A byte for the keyboard stays in the input buffer until the controller
// gives up waiting for a keyboard clock, then reads back as FEh with the time-out bit ("Sending
// data to the keyboard": 15 ms).
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "devices/byte_device.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

class Kbc : public ByteDevice {
 public:
  static constexpr std::uint64_t kDataPort = 0;
  static constexpr std::uint64_t kCommandPort = 4;

  // `a20` is called when A20GATE changes (it is on after reset), `init` when RC pulses low.
  Kbc(EventQueue& queue, Hertz core_clock, IrqLine irq1, std::function<void(bool)> a20,
      std::function<void()> init);

  void reset() override;
  void visit(StateVisitor& visitor) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  void command(std::uint8_t value);
  void data(std::uint8_t value);
  void answer(std::uint8_t value);
  void write_output_port(std::uint8_t value);
  void time_out();
  void drive_irq();

  EventQueue& queue_;
  Cycles time_out_;
  IrqLine irq1_;
  std::function<void(bool)> a20_;
  std::function<void()> init_;

  std::uint8_t status_ = 0;
  std::uint8_t output_ = 0;
  std::uint8_t output_port_ = 0;
  std::uint8_t awaiting_ = 0;           // command whose parameter is the next data byte, 0: none
  std::array<std::uint8_t, 32> ram_{};  // byte 0 is the command byte
  bool irq1_level_ = false;
  Event give_up_;
};

}  // namespace mint
