#include "devices/kbc.hpp"

#include <utility>

namespace mint {
namespace {

constexpr std::uint8_t kNoResponse = 0xfe;
constexpr Hertz kMilliseconds{1000};

}  // namespace

Kbc::Kbc(EventQueue& queue, Hertz core_clock, IrqLine irq1, std::function<void(bool)> a20,
         std::function<void()> init)
    : queue_(queue),
      time_out_{ticks_up(15, kMilliseconds, core_clock)},
      irq1_(std::move(irq1)),
      a20_(std::move(a20)),
      init_(std::move(init)),
      give_up_(queue, "kbc.give_up", [this](Cycles) { time_out(); }) {
  reset();
}

void Kbc::reset() {
  status_ = {};
  output_ = 0;
  awaiting_ = 0;
  command_byte_ = {.disable_keyboard = 1};
  ram_ = {};
  give_up_.cancel();
  write_output_port({});
  drive_irq();
}

std::uint8_t Kbc::read_byte(std::uint64_t offset) {
  if (offset == kCommandPort) return to_raw(status_);
  if (offset != kDataPort) return 0xff;
  status_.output_full = status_.time_out = 0;
  drive_irq();
  return output_;
}

void Kbc::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset == kCommandPort) {
    status_.command = 1;
    command(value);
  } else if (offset == kDataPort) {
    status_.command = 0;
    data(value);
  }
}

void Kbc::command(std::uint8_t value) {
  awaiting_ = 0;
  if (value >= 0xf0) {  // pulses the output port bits that are 0 in the low nibble
    if ((value & 1) == 0 && init_) init_();
    return;
  }
  if (value < 0x20) return;
  if (value == 0x20) return answer(to_raw(command_byte_));
  if (value < 0x40) return answer(ram_[value - 0x20]);
  if (value < 0x60) return;
  if (value < 0x80) {
    awaiting_ = value;
    return;
  }
  switch (value) {
    case 0xa9:  // auxiliary port test: its clock is stuck low, as there is none
      return answer(0x01);
    case 0xaa:  // self-test: passed
      status_.system_flag = 1;
      return answer(0x55);
    case 0xab:  // keyboard interface test: no error
      return answer(0x00);
    case 0xad:
      command_byte_.disable_keyboard = 1;
      return;
    case 0xae:
      command_byte_.disable_keyboard = 0;
      return;
    case 0xc0:  // input port: keyboard not inhibited, no manufacturing jumper
      return answer(0xa0);
    case 0xd0: {
      KbcOutputPort port = output_port_;
      port.output_full = status_.output_full;
      port.input_empty = !status_.input_full;
      return answer(to_raw(port));
    }
    case 0xd1:
    case 0xd2:
    case 0xd3:
      awaiting_ = value;
      return;
    case 0xe0:  // test inputs: keyboard clock and data, pulled up
      return answer(0x03);
    default:
      return;
  }
}

void Kbc::data(std::uint8_t value) {
  const std::uint8_t command = std::exchange(awaiting_, 0);
  if (command >= 0x60 && command < 0x80) {
    if (command != 0x60) {
      ram_[command - 0x60] = value;
      return;
    }
    command_byte_ = from_raw<KbcCommandByte>(value);
    status_.system_flag = command_byte_.system_flag;
    drive_irq();
  } else if (command == 0xd1) {
    write_output_port(from_raw<KbcOutputPort>(value));
  } else if (command == 0xd2 || command == 0xd3) {
    // Without an auxiliary port D3h has no buffer of its own: the byte is not marked as auxiliary.
    answer(value);
  } else {
    command_byte_.disable_keyboard = 0;
    status_.input_full = 1;
    give_up_.schedule(queue_.now() + time_out_);
  }
}

void Kbc::time_out() {
  status_.input_full = 0;
  status_.time_out = 1;
  answer(kNoResponse);
}

void Kbc::answer(std::uint8_t value) {
  output_ = value;
  status_.output_full = 1;
  drive_irq();
}

void Kbc::write_output_port(KbcOutputPort port) {
  const bool a20_changes = port.a20_gate != output_port_.a20_gate;
  output_port_ = port;
  if (a20_changes && a20_) a20_(port.a20_gate != 0);
  if (!port.rc && init_) init_();
}

void Kbc::drive_irq() {
  const bool level = status_.output_full && command_byte_.enable_irq;
  if (level == irq1_level_) return;
  irq1_level_ = level;
  if (irq1_) irq1_(level);
}

void Kbc::visit(StateVisitor& visitor) {
  visitor.field("status", status_);
  visitor.field("output", output_);
  visitor.field("output_port", output_port_);
  visitor.field("awaiting", awaiting_);
  visitor.field("command_byte", command_byte_);
  visitor.field("ram", ram_);
  visitor.field("irq1_level", irq1_level_);
  give_up_.visit(visitor);
}

}  // namespace mint
