// 8042 keyboard controller (IBM PC/AT technical reference, "Keyboard controller") of a machine to
// which no keyboard is attached; there is no auxiliary port.
//
//   60h (offset 0) r  output buffer    w  data: parameter of a command, else for the keyboard
//   64h (offset 4) r  status           w  command
//
// Commands take no time. A byte for the keyboard stays in the input buffer until the controller
// gives up waiting for a keyboard clock, then reads back as FEh with the time-out bit ("Sending
// data to the keyboard": 15 ms).
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "devices/byte_device.hpp"
#include "devices/register_bits.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

struct KbcStatus {
  std::uint8_t output_full : 1 = 0;
  std::uint8_t input_full : 1 = 0;
  std::uint8_t system_flag : 1 = 0;
  std::uint8_t command : 1 = 0;     // the last write went to 64h
  std::uint8_t not_locked : 1 = 1;  // the keyboard's lock switch
  std::uint8_t auxiliary : 1 = 0;   // as in the PS/2: output buffer is from the auxiliary port
  std::uint8_t time_out : 1 = 0;    // likewise: of either direction
  std::uint8_t parity_error : 1 = 0;
};

// The byte that commands 20h and 60h read and write.
struct KbcCommandByte {
  std::uint8_t enable_irq : 1 = 0;
  std::uint8_t enable_auxiliary_irq : 1 = 0;
  std::uint8_t system_flag : 1 = 0;
  std::uint8_t inhibit_override : 1 = 0;
  std::uint8_t disable_keyboard : 1 = 0;
  std::uint8_t disable_auxiliary : 1 = 0;
  std::uint8_t translate : 1 = 0;
  std::uint8_t reserved_7 : 1 = 0;
};

// Commands D0h and D1h.
struct KbcOutputPort {
  std::uint8_t rc : 1 = 1;  // 0 resets the processors
  std::uint8_t a20_gate : 1 = 1;
  std::uint8_t undefined_2 : 2 = 3;
  std::uint8_t output_full : 1 = 0;
  std::uint8_t input_empty : 1 = 1;
  std::uint8_t keyboard_clock : 1 = 1;
  std::uint8_t keyboard_data : 1 = 1;
};

class Kbc final : public ByteDevice {
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
  void write_output_port(KbcOutputPort port);
  void time_out();
  void drive_irq();

  EventQueue& queue_;
  Cycles time_out_;
  IrqLine irq1_;
  std::function<void(bool)> a20_;
  std::function<void()> init_;

  KbcStatus status_;
  KbcOutputPort output_port_;
  std::uint8_t output_ = 0;
  std::uint8_t awaiting_ = 0;  // command whose parameter is the next data byte, 0: none
  KbcCommandByte command_byte_;
  std::array<std::uint8_t, 32> ram_{};  // byte 0 is command_byte_ instead
  bool irq1_level_ = false;
  Event give_up_;
};

}  // namespace mint
