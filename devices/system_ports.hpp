// The system control ports of the PC, as Intel's I/O controller hubs have them (ICH9 data sheet
// 316972, chapter 13.7 "Processor interface registers" and 13.7.5 "Reset control register").
//
// Port 61h, NMI status and control (SystemPortB):
//   0 RW  gate of 8254 counter 2          4 RO  refresh toggle: flips every 15.085 us
//   1 RW  speaker data enable             5 RO  OUT of 8254 counter 2
//   2 RW  SERR# NMI disable               6 RO  IOCHK# NMI status (always 0)
//   3 RW  IOCHK# NMI disable              7 RO  SERR# NMI status (always 0)
//
// Port 92h, fast A20 and init (SystemPortA):
//   0 RW  INIT_NOW: a change from 0 to 1 pulses INIT# of the processors
//   1 RW  ALT_A20_GATE; A20 is on when this or the 8042's A20GATE is on
//   2-7   reserved, 0
//
// Port CF9h, reset control (ResetControl):
//   1 RW  SYS_RST: 1 makes the reset a hard one, 0 pulses INIT# only
//   2 RW  RST_CPU: a change from 0 to 1 starts the reset
//   3 RW  FULL_RST: a hard reset also cycles the power
//
// Port 80h, POST code (PostCode): keeps the byte that was written.
#pragma once

#include <cstdint>
#include <functional>

#include "devices/byte_device.hpp"
#include "devices/pit.hpp"

namespace mint {

class SystemPortB final : public ByteDevice {
 public:
  explicit SystemPortB(Pit& pit) : pit_(pit) {}

  void reset() override;
  void visit(StateVisitor& visitor) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  Pit& pit_;
  std::uint8_t control_ = 0;  // bits 0-3
};

class SystemPortA final : public ByteDevice {
 public:
  // `a20` is called when the A20 line changes; it is on at power-on, since the 8042's output is.
  // `init` pulses INIT# of all cores.
  SystemPortA(std::function<void(bool)> a20, std::function<void()> init)
      : a20_(std::move(a20)), init_(std::move(init)) {}

  // Input: A20GATE of the 8042.
  void set_kbc_a20(bool level);
  bool a20() const { return kbc_a20_ || (control_ & 2) != 0; }

  void reset() override;
  void visit(StateVisitor& visitor) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  void change(bool kbc_a20, std::uint8_t control);

  std::function<void(bool)> a20_;
  std::function<void()> init_;
  bool kbc_a20_ = true;
  std::uint8_t control_ = 0;  // bits 0-1
};

class ResetControl final : public ByteDevice {
 public:
  ResetControl(std::function<void()> init, std::function<void()> hard_reset)
      : init_(std::move(init)), hard_reset_(std::move(hard_reset)) {}

  void reset() override { control_ = 0; }
  void visit(StateVisitor& visitor) override { visitor.field("control", control_); }

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override { return offset == 0 ? control_ : 0xff; }
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  std::function<void()> init_;
  std::function<void()> hard_reset_;
  std::uint8_t control_ = 0;
};

class PostCode final : public ByteDevice {
 public:
  // `shown` is called with each code written and may be empty.
  explicit PostCode(std::function<void(std::uint8_t)> shown = {}) : shown_(std::move(shown)) {}

  std::uint8_t code() const { return code_; }
  void reset() override { code_ = 0; }
  void visit(StateVisitor& visitor) override { visitor.field("code", code_); }

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override { return offset == 0 ? code_ : 0xff; }
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  std::function<void(std::uint8_t)> shown_;
  std::uint8_t code_ = 0;
};

}  // namespace mint
