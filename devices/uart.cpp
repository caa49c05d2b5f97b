#include "devices/uart.hpp"

#include <utility>

namespace mint {

Uart::Uart(EventQueue& queue, Hertz core_clock, const std::string& name, bool baud_timing,
           IrqLine irq, std::function<void(std::uint8_t)> output)
    : queue_(queue),
      core_clock_(core_clock),
      baud_timing_(baud_timing),
      irq_(std::move(irq)),
      output_(std::move(output)),
      modem_{.cts = 1, .dsr = 1, .dcd = 1},
      sent_(queue, name + ".sent", [this](Cycles) { character_sent(); }),
      thre_(queue, name + ".thre",
            [this](Cycles) {
              thre_pending_ = true;
              drive_irq();
            }),
      received_(queue, name + ".received", [this](Cycles) { next_typed(); }),
      time_out_(queue, name + ".time_out", [this](Cycles) {
        timed_out_ = true;
        drive_irq();
      }) {
  reset();
}

void Uart::reset() {
  // "Master reset" (table I) leaves the divisor and the scratch register alone.
  ier_ = {};
  fcr_ = {};
  lcr_ = {};
  mcr_ = {};
  msr_ = modem_;
  overrun_ = thre_pending_ = timed_out_ = shifting_ = two_in_fifo_ = first_after_enable_ = false;
  receiver_.clear();
  transmitter_.clear();
  sent_.cancel();
  thre_.cancel();
  time_out_.cancel();
  drive_irq();
  fill_receiver();
}

std::size_t Uart::trigger() const {
  constexpr std::size_t kLevels[] = {1, 4, 8, 14};
  return fifos() ? kLevels[fcr_.trigger] : 1;
}

// The pending interrupt of the highest priority (table IV).
UartInterrupt Uart::interrupt() const {
  if (ier_.elsi && overrun_) return UartInterrupt::kLineStatus;
  if (ier_.erbfi && receiver_.size() >= trigger()) return UartInterrupt::kReceivedData;
  if (ier_.erbfi && timed_out_) return UartInterrupt::kTimeOut;
  if (ier_.etbei && thre_pending_) return UartInterrupt::kThrEmpty;
  if (ier_.edssi && (msr_.dcts || msr_.ddsr || msr_.teri || msr_.ddcd)) {
    return UartInterrupt::kModemStatus;
  }
  return UartInterrupt::kNone;
}

UartLsr Uart::line_status() const {
  UartLsr lsr;
  lsr.dr = !receiver_.empty();
  lsr.oe = overrun_;
  lsr.thre = transmitter_.empty();
  lsr.temt = transmitter_.empty() && !shifting_;
  return lsr;
}

std::uint8_t Uart::read_byte(std::uint64_t offset) {
  switch (offset) {
    case 0:
      return dlab() ? static_cast<std::uint8_t>(divisor_) : read_receiver();
    case 1:
      return dlab() ? static_cast<std::uint8_t>(divisor_ >> 8) : to_raw(ier_);
    case 2:
      return identify_interrupt();
    case 3:
      return to_raw(lcr_);
    case 4:
      return to_raw(mcr_);
    case 5: {
      const UartLsr lsr = line_status();
      overrun_ = false;
      drive_irq();
      return to_raw(lsr);
    }
    case 6: {
      const UartMsr msr = msr_;
      msr_.dcts = msr_.ddsr = msr_.teri = msr_.ddcd = 0;
      drive_irq();
      return to_raw(msr);
    }
    case 7:
      return scr_;
    default:
      return 0xff;
  }
}

std::uint8_t Uart::identify_interrupt() {
  UartIir iir;
  iir.id = static_cast<std::uint8_t>(interrupt());
  iir.fifos_enabled = fifos() ? 3 : 0;
  if (interrupt() == UartInterrupt::kThrEmpty) {
    thre_pending_ = false;
    drive_irq();
  }
  return to_raw(iir);
}

void Uart::write_byte(std::uint64_t offset, std::uint8_t value) {
  switch (offset) {
    case 0:
      if (!dlab()) return write_thr(value);
      divisor_ = static_cast<std::uint16_t>((divisor_ & 0xff00) | value);
      return;
    case 1:
      if (!dlab()) return write_ier(value);
      divisor_ = static_cast<std::uint16_t>((divisor_ & 0x00ff) | value << 8);
      return;
    case 2:
      return write_fcr(value);
    case 3:
      lcr_ = from_raw<UartLcr>(value);
      return;
    case 4:
      mcr_ = from_raw<UartMcr>(value);
      mcr_.reserved_5 = 0;
      update_modem();
      fill_receiver();
      return drive_irq();
    case 7:
      scr_ = value;
      return;
    default:  // LSR and MSR are for factory testing only
      return;
  }
}

void Uart::write_ier(std::uint8_t value) {
  const bool was_enabled = ier_.etbei != 0;
  ier_ = from_raw<UartIer>(value);
  ier_.reserved_4 = 0;
  // Enabling ETBEI while THRE is set is an interrupt of its own.
  if (ier_.etbei && !was_enabled && transmitter_.empty()) thre_pending_ = true;
  drive_irq();
}

void Uart::write_fcr(std::uint8_t value) {
  const auto fcr = from_raw<UartFcr>(value);
  const bool switched = fcr.enable != fcr_.enable;
  // The other bits are not programmed unless bit 0 is 1 as well.
  fcr_ = fcr.enable ? fcr : UartFcr{};
  if (switched) first_after_enable_ = true;
  if (switched || fcr_.clear_receiver) {
    receiver_.clear();
    timed_out_ = false;
    time_out_.cancel();
  }
  if ((switched || fcr_.clear_transmitter) && !transmitter_.empty()) {
    transmitter_.clear();
    two_in_fifo_ = false;
    thre_pending_ = true;
  }
  fcr_.clear_receiver = fcr_.clear_transmitter = 0;  // these clear themselves
  fill_receiver();
  drive_irq();
}

void Uart::set_modem(Modem modem) {
  modem_ = {.cts = modem.cts, .dsr = modem.dsr, .ri = modem.ri, .dcd = modem.dcd};
  update_modem();
  drive_irq();
}

void Uart::update_modem() {
  const UartMsr before = msr_;
  msr_ = modem_;
  if (loop()) msr_ = {.cts = mcr_.rts, .dsr = mcr_.dtr, .ri = mcr_.out1, .dcd = mcr_.out2};
  msr_.dcts = before.dcts | (msr_.cts ^ before.cts);
  msr_.ddsr = before.ddsr | (msr_.dsr ^ before.dsr);
  msr_.teri = before.teri | (before.ri & ~msr_.ri);
  msr_.ddcd = before.ddcd | (msr_.dcd ^ before.dcd);
}

void Uart::drive_irq() {
  const bool level = interrupt() != UartInterrupt::kNone && mcr_.out2 && !loop();
  if (level == irq_level_) return;
  irq_level_ = level;
  if (irq_) irq_(level);
}

void Uart::visit(StateVisitor& visitor) {
  visitor.field("ier", ier_);
  visitor.field("fcr", fcr_);
  visitor.field("lcr", lcr_);
  visitor.field("mcr", mcr_);
  visitor.field("msr", msr_);
  visitor.field("scr", scr_);
  visitor.field("divisor", divisor_);
  visitor.field("modem", modem_);
  visitor.field("overrun", overrun_);
  visitor.field("thre_pending", thre_pending_);
  visitor.field("timed_out", timed_out_);
  visitor.blob("receiver", receiver_);
  visitor.field("last_read", last_read_);
  visitor.blob("typed", typed_);
  visitor.field("typed_next", typed_next_);
  visitor.field("typed_end", typed_end_);
  visitor.blob("transmitter", transmitter_);
  visitor.field("shift", shift_);
  visitor.field("shifting", shifting_);
  visitor.field("shift_end", shift_end_);
  visitor.field("two_in_fifo", two_in_fifo_);
  visitor.field("first_after_enable", first_after_enable_);
  visitor.field("irq_level", irq_level_);
  sent_.visit(visitor);
  thre_.visit(visitor);
  received_.visit(visitor);
  time_out_.visit(visitor);
}

}  // namespace mint
