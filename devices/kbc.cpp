#include "devices/kbc.hpp"

#include <utility>

namespace mint {
namespace {

enum Status : std::uint8_t {
  kOutputFull = 0x01,
  kInputFull = 0x02,
  kSystemFlag = 0x04,
  kWasCommand = 0x08,
  kNotLocked = 0x10,
  kTimeOut = 0x40,
};
enum CommandByte : std::uint8_t { kEnableIrq = 0x01, kKeyboardDisabled = 0x10, kTranslate = 0x40 };
enum OutputPort : std::uint8_t { kNoReset = 0x01, kA20 = 0x02, kOutputFullPin = 0x10 };

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
  output_port_ = kA20;
  reset();
}

void Kbc::reset() {
  status_ = kNotLocked;
  output_ = 0;
  awaiting_ = 0;
  ram_ = {};
  ram_[0] = kKeyboardDisabled;
  give_up_.cancel();
  write_output_port(0xff);
  drive_irq();
}

std::uint8_t Kbc::read_byte(std::uint64_t offset) {
  if (offset == kCommandPort) return status_;
  if (offset != kDataPort) return 0xff;
  status_ &= static_cast<std::uint8_t>(~(kOutputFull | kTimeOut));
  drive_irq();
  return output_;
}

void Kbc::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset == kCommandPort) {
    status_ |= kWasCommand;
    command(value);
  } else if (offset == kDataPort) {
    status_ &= static_cast<std::uint8_t>(~kWasCommand);
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
      status_ |= kSystemFlag;
      return answer(0x55);
    case 0xab:  // keyboard interface test: no error
      return answer(0x00);
    case 0xad:
      ram_[0] |= kKeyboardDisabled;
      return;
    case 0xae:
      ram_[0] &= static_cast<std::uint8_t>(~kKeyboardDisabled);
      return;
    case 0xc0:  // input port: keyboard not inhibited, no manufacturing jumper
      return answer(0xa0);
    case 0xd0:
      return answer(static_cast<std::uint8_t>(output_port_ |
                                              ((status_ & kOutputFull) != 0 ? kOutputFullPin : 0)));
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
    ram_[command - 0x60] = value;
    if (command == 0x60) {
      status_ = static_cast<std::uint8_t>((status_ & ~kSystemFlag) | (value & kSystemFlag));
      drive_irq();
    }
  } else if (command == 0xd1) {
    write_output_port(value);
  } else if (command == 0xd2 || command == 0xd3) {
    // Without an auxiliary port D3h has no buffer of its own: the byte is not marked as auxiliary.
    answer(value);
  } else {
    ram_[0] &= static_cast<std::uint8_t>(~kKeyboardDisabled);
    status_ |= kInputFull;
    give_up_.schedule(queue_.now() + time_out_);
  }
}

void Kbc::time_out() {
  status_ = static_cast<std::uint8_t>((status_ & ~kInputFull) | kTimeOut);
  answer(kNoResponse);
}

void Kbc::answer(std::uint8_t value) {
  output_ = value;
  status_ |= kOutputFull;
  drive_irq();
}

void Kbc::write_output_port(std::uint8_t value) {
  const std::uint8_t changed = value ^ output_port_;
  output_port_ = value & static_cast<std::uint8_t>(~kOutputFullPin);
  if ((changed & kA20) != 0 && a20_) a20_((value & kA20) != 0);
  if ((value & kNoReset) == 0 && init_) init_();
}

void Kbc::drive_irq() {
  const bool level = (status_ & kOutputFull) != 0 && (ram_[0] & kEnableIrq) != 0;
  if (level == irq1_level_) return;
  irq1_level_ = level;
  if (irq1_) irq1_(level);
}

void Kbc::visit(StateVisitor& visitor) {
  visitor.field("status", status_);
  visitor.field("output", output_);
  visitor.field("output_port", output_port_);
  visitor.field("awaiting", awaiting_);
  visitor.field("ram", ram_);
  visitor.field("irq1_level", irq1_level_);
  give_up_.visit(visitor);
}

}  // namespace mint
