#include "devices/uart.hpp"

#include <algorithm>
#include <utility>

namespace mint {
namespace {

constexpr Hertz kClock{1'843'200};
constexpr std::uint64_t kClocksPerBit = 16;

enum Ier : std::uint8_t { kErbfi = 0x01, kEtbei = 0x02, kElsi = 0x04, kEdssi = 0x08 };
enum Iir : std::uint8_t {
  kNoInterrupt = 0x01,
  kModemStatus = 0x00,
  kTransmitterEmpty = 0x02,
  kReceivedData = 0x04,
  kLineStatus = 0x06,
  kTimeOut = 0x0c,
  kFifosOn = 0xc0,
};
enum Fcr : std::uint8_t { kFifoEnable = 0x01, kClearReceiver = 0x02, kClearTransmitter = 0x04 };
enum Lcr : std::uint8_t { kTwoStopBits = 0x04, kParity = 0x08, kDlab = 0x80 };
enum Mcr : std::uint8_t {
  kDtr = 0x01,
  kRts = 0x02,
  kOut1 = 0x04,
  kOut2 = 0x08,
  kLoop = 0x10,
};
enum Lsr : std::uint8_t { kDataReady = 0x01, kOverrun = 0x02, kThre = 0x20, kTemt = 0x40 };
enum Msr : std::uint8_t {
  kTeri = 0x04,
  kCts = 0x10,
  kDsr = 0x20,
  kRi = 0x40,
  kDcd = 0x80,
  kDeltas = 0x0f,
};

}  // namespace

Uart::Uart(EventQueue& queue, Hertz core_clock, const std::string& name, bool baud_timing,
           IrqLine irq, std::function<void(std::uint8_t)> output)
    : queue_(queue),
      core_clock_(core_clock),
      baud_timing_(baud_timing),
      irq_(std::move(irq)),
      output_(std::move(output)),
      modem_(kCts | kDsr | kDcd),
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
  ier_ = fcr_ = lcr_ = mcr_ = 0;
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

bool Uart::dlab() const { return (lcr_ & kDlab) != 0; }
bool Uart::fifos() const { return (fcr_ & kFifoEnable) != 0; }
bool Uart::loop() const { return (mcr_ & kLoop) != 0; }

std::size_t Uart::trigger() const {
  constexpr std::size_t kLevels[] = {1, 4, 8, 14};
  return fifos() ? kLevels[fcr_ >> 6] : 1;
}

// The pending interrupt of the highest priority (table IV).
std::uint8_t Uart::interrupt_id() const {
  if ((ier_ & kElsi) != 0 && overrun_) return kLineStatus;
  if ((ier_ & kErbfi) != 0 && receiver_.size() >= trigger()) return kReceivedData;
  if ((ier_ & kErbfi) != 0 && timed_out_) return kTimeOut;
  if ((ier_ & kEtbei) != 0 && thre_pending_) return kTransmitterEmpty;
  if ((ier_ & kEdssi) != 0 && (msr_ & kDeltas) != 0) return kModemStatus;
  return kNoInterrupt;
}

std::uint8_t Uart::line_status() const {
  std::uint8_t status = 0;
  if (!receiver_.empty()) status |= kDataReady;
  if (overrun_) status |= kOverrun;
  if (transmitter_.empty()) status |= kThre;
  if (transmitter_.empty() && !shifting_) status |= kTemt;
  return status;
}

std::uint64_t Uart::clock() const { return ticks_down(queue_.now().count, core_clock_, kClock); }

void Uart::at(Event& event, std::uint64_t tick) {
  event.schedule({ticks_up(tick, kClock, core_clock_)});
}

std::uint64_t Uart::stop_bit_ticks() const {
  // The divisor counts 16 bits down, so 0 is 65536.
  const std::uint64_t bit = kClocksPerBit * (divisor_ == 0 ? 65536U : divisor_);
  if ((lcr_ & kTwoStopBits) == 0) return bit;
  return (lcr_ & 3) == 0 ? bit * 3 / 2 : bit * 2;
}

std::uint64_t Uart::character_ticks() const {
  const std::uint64_t bit = kClocksPerBit * (divisor_ == 0 ? 65536U : divisor_);
  const unsigned bits = 1 + 5 + (lcr_ & 3U) + ((lcr_ & kParity) != 0 ? 1 : 0);
  return bits * bit + stop_bit_ticks();
}

std::uint8_t Uart::read_byte(std::uint64_t offset) {
  switch (offset) {
    case 0:
      return dlab() ? static_cast<std::uint8_t>(divisor_) : read_receiver();
    case 1:
      return dlab() ? static_cast<std::uint8_t>(divisor_ >> 8) : ier_;
    case 2: {
      const std::uint8_t id = interrupt_id();
      if (id == kTransmitterEmpty) {
        thre_pending_ = false;
        drive_irq();
      }
      return id | (fifos() ? kFifosOn : 0);
    }
    case 3:
      return lcr_;
    case 4:
      return mcr_;
    case 5: {
      const std::uint8_t status = line_status();
      overrun_ = false;
      drive_irq();
      return status;
    }
    case 6: {
      const std::uint8_t status = msr_;
      msr_ &= static_cast<std::uint8_t>(~kDeltas);
      drive_irq();
      return status;
    }
    case 7:
      return scr_;
    default:
      return 0xff;
  }
}

void Uart::write_byte(std::uint64_t offset, std::uint8_t value) {
  switch (offset) {
    case 0:
      if (dlab()) {
        divisor_ = static_cast<std::uint16_t>((divisor_ & 0xff00) | value);
      } else {
        write_thr(value);
      }
      return;
    case 1:
      if (dlab()) {
        divisor_ = static_cast<std::uint16_t>((divisor_ & 0x00ff) | value << 8);
        return;
      }
      // Enabling ETBEI while THRE is set is an interrupt of its own.
      if ((value & ~ier_ & kEtbei) != 0 && transmitter_.empty()) thre_pending_ = true;
      ier_ = value & 0x0f;
      return drive_irq();
    case 2:
      return write_fcr(value);
    case 3:
      lcr_ = value;
      return;
    case 4:
      mcr_ = value & 0x1f;
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

void Uart::write_fcr(std::uint8_t value) {
  const bool switched = ((value ^ fcr_) & kFifoEnable) != 0;
  // The other bits are not programmed unless bit 0 is 1 as well.
  fcr_ = (value & kFifoEnable) != 0 ? value & 0xc9 : 0;
  if (switched) first_after_enable_ = true;
  if (switched || (value & kClearReceiver) != 0) {
    receiver_.clear();
    timed_out_ = false;
    time_out_.cancel();
  }
  if ((switched || (value & kClearTransmitter) != 0) && !transmitter_.empty()) {
    transmitter_.clear();
    thre_pending_ = true;
  }
  fill_receiver();
  drive_irq();
}

void Uart::write_thr(std::uint8_t value) {
  thre_pending_ = false;
  thre_.cancel();
  drive_irq();
  if (!baud_timing_) {
    emit(value);
    thre_pending_ = true;
    return drive_irq();
  }
  if (transmitter_.size() < capacity()) {
    transmitter_.push_back(value);
  } else if (!fifos()) {
    transmitter_.back() = value;
  }
  if (transmitter_.size() >= 2) two_in_fifo_ = true;
  if (!shifting_) start_character(clock());
}

// Moves the next character into the shift register at clock tick `tick`.
void Uart::start_character(std::uint64_t tick) {
  shift_ = transmitter_.front();
  transmitter_.erase(transmitter_.begin());
  shifting_ = true;
  shift_end_ = tick + character_ticks();
  at(sent_, shift_end_);
  if (!transmitter_.empty()) return;
  // With the FIFOs on and only one character in them since the last THRE, the interrupt is late by
  // a character less its stop bit, except for the first one after FCR bit 0 changed (8.12).
  const bool delayed = fifos() && !two_in_fifo_ && !first_after_enable_;
  two_in_fifo_ = first_after_enable_ = false;
  if (delayed) {
    at(thre_, shift_end_ - stop_bit_ticks());
  } else {
    thre_pending_ = true;
    drive_irq();
  }
}

void Uart::character_sent() {
  shifting_ = false;
  const std::uint8_t sent = shift_;
  if (!transmitter_.empty()) start_character(shift_end_);
  emit(sent);
}

void Uart::emit(std::uint8_t value) {
  // Bits beyond the word length are not sent.
  value &= static_cast<std::uint8_t>((0x20U << (lcr_ & 3)) - 1);
  if (loop()) {
    receive(value);
  } else if (output_) {
    output_(value);
  }
}

void Uart::receive(std::uint8_t value) {
  if (receiver_.size() < capacity()) {
    receiver_.push_back(value);
  } else {
    // The FIFO keeps its characters and loses the new one, RBR is overwritten (8.4, OE).
    overrun_ = true;
    if (!fifos()) receiver_.back() = value;
  }
  restart_time_out();
  drive_irq();
}

std::uint8_t Uart::read_receiver() {
  if (!receiver_.empty()) {
    last_read_ = receiver_.front();
    receiver_.erase(receiver_.begin());
    timed_out_ = false;
    restart_time_out();
    fill_receiver();
    drive_irq();
  }
  return last_read_;
}

// The time-out of 8.11: four character times without a character received or read.
void Uart::restart_time_out() {
  if (!fifos() || receiver_.empty()) {
    time_out_.cancel();
  } else if (!baud_timing_) {
    timed_out_ = true;
  } else if (!timed_out_) {
    at(time_out_, clock() + 4 * character_ticks());
  }
}

void Uart::input(std::span<const std::uint8_t> characters) {
  typed_.insert(typed_.end(), characters.begin(), characters.end());
  fill_receiver();
}

// Without baud timing: what was typed, as far as there is room. With it: starts the next character.
void Uart::fill_receiver() {
  if (typed_.empty()) return;
  if (baud_timing_) {
    if (received_.pending()) return;
    typed_end_ = clock() + character_ticks();
    at(received_, typed_end_);
    return;
  }
  if (loop()) return;
  const std::size_t count = std::min(capacity() - receiver_.size(), typed_.size());
  const auto end = typed_.begin() + static_cast<std::ptrdiff_t>(count);
  receiver_.insert(receiver_.end(), typed_.begin(), end);
  typed_.erase(typed_.begin(), end);
  restart_time_out();
  drive_irq();
}

void Uart::next_typed() {
  const std::uint8_t value = typed_.front();
  typed_.erase(typed_.begin());
  if (!typed_.empty()) {
    typed_end_ += character_ticks();
    at(received_, typed_end_);
  }
  if (!loop()) receive(value);
}

void Uart::set_modem(Modem modem) {
  modem_ = static_cast<std::uint8_t>((modem.cts ? kCts : 0) | (modem.dsr ? kDsr : 0) |
                                     (modem.ri ? kRi : 0) | (modem.dcd ? kDcd : 0));
  update_modem();
  drive_irq();
}

void Uart::update_modem() {
  std::uint8_t lines = modem_;
  if (loop()) {
    lines = static_cast<std::uint8_t>(
        ((mcr_ & kRts) != 0 ? kCts : 0) | ((mcr_ & kDtr) != 0 ? kDsr : 0) |
        ((mcr_ & kOut1) != 0 ? kRi : 0) | ((mcr_ & kOut2) != 0 ? kDcd : 0));
  }
  const std::uint8_t changed = (lines ^ msr_) & 0xf0;
  auto deltas = static_cast<std::uint8_t>(changed >> 4);
  if ((lines & kRi) != 0) deltas &= static_cast<std::uint8_t>(~kTeri);  // trailing edge only
  msr_ = static_cast<std::uint8_t>(lines | (msr_ & kDeltas) | deltas);
}

void Uart::drive_irq() {
  const bool level = interrupt_id() != kNoInterrupt && (mcr_ & (kOut2 | kLoop)) == kOut2;
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
