#include "devices/system_ports.hpp"

namespace mint {
namespace {

// Counter 1 of the AT requests a refresh every 18 pulses of the 8254's clock.
constexpr std::uint64_t kRefreshTicks = 18;

}  // namespace

std::uint8_t SystemPortB::read_byte(std::uint64_t offset) {
  if (offset != 0) return 0xff;
  const bool refresh = (pit_.tick() / kRefreshTicks & 1) != 0;
  return static_cast<std::uint8_t>(control_ | (refresh ? 0x10 : 0) | (pit_.output2() ? 0x20 : 0));
}

void SystemPortB::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset != 0) return;
  control_ = value & 0x0f;
  pit_.set_gate2((control_ & 1) != 0);
}

void SystemPortB::reset() {
  control_ = 0;
  pit_.set_gate2(false);
}

void SystemPortB::visit(StateVisitor& visitor) { visitor.field("control", control_); }

void SystemPortA::change(bool kbc_a20, std::uint8_t control) {
  const bool before = a20();
  kbc_a20_ = kbc_a20;
  control_ = control;
  if (a20() != before && a20_) a20_(a20());
}

void SystemPortA::set_kbc_a20(bool level) { change(level, control_); }

std::uint8_t SystemPortA::read_byte(std::uint64_t offset) { return offset == 0 ? control_ : 0xff; }

void SystemPortA::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset != 0) return;
  const bool init = (value & 1) != 0 && (control_ & 1) == 0;
  change(kbc_a20_, value & 3);
  if (init && init_) init_();
}

void SystemPortA::reset() { change(true, 0); }

void SystemPortA::visit(StateVisitor& visitor) {
  visitor.field("kbc_a20", kbc_a20_);
  visitor.field("control", control_);
}

void ResetControl::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset != 0) return;
  const bool start = (value & 4) != 0 && (control_ & 4) == 0;
  control_ = value & 0x0e;
  if (!start) return;
  const auto& pulse = (control_ & 2) != 0 ? hard_reset_ : init_;
  if (pulse) pulse();
}

void PostCode::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset != 0) return;
  code_ = value;
  if (shown_) shown_(value);
}

}  // namespace mint
