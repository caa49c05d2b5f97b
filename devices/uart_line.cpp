// The serial side of the 16550A: characters on their way out and in.
#include <algorithm>
#include <cstddef>

#include "devices/uart.hpp"

namespace mint {
namespace {

constexpr Hertz kClock{1'843'200};
constexpr std::uint64_t kClocksPerBit = 16;

}  // namespace

std::uint64_t Uart::clock() const { return ticks_down(queue_.now().count, core_clock_, kClock); }

void Uart::at(Event& event, std::uint64_t tick) {
  event.schedule({ticks_up(tick, kClock, core_clock_)});
}

std::uint64_t Uart::bit_ticks() const {
  // The divisor counts 16 bits down, so 0 is 65536.
  return kClocksPerBit * (divisor_ == 0 ? 65536U : divisor_);
}

std::uint64_t Uart::stop_bit_ticks() const {
  if (!lcr_.stb) return bit_ticks();
  return lcr_.word_length == 0 ? bit_ticks() * 3 / 2 : bit_ticks() * 2;
}

std::uint64_t Uart::character_ticks() const {
  const unsigned start_data_parity = 1 + 5 + lcr_.word_length + lcr_.pen;
  return start_data_parity * bit_ticks() + stop_bit_ticks();
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
  // a character less its stop bit, except for the first one after FCR bit 0 changed (8.11).
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
  value &= static_cast<std::uint8_t>((0x20U << lcr_.word_length) - 1);
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

void Uart::take_typed(std::size_t count) {
  typed_next_ += count;
  if (typed_waiting() > 0) return;
  typed_.clear();
  typed_next_ = 0;
}

// Without baud timing: what was typed, as far as there is room. With it: starts the next character.
void Uart::fill_receiver() {
  if (typed_waiting() == 0) return;
  if (baud_timing_) {
    if (received_.pending()) return;
    typed_end_ = clock() + character_ticks();
    at(received_, typed_end_);
    return;
  }
  if (loop()) return;
  const std::size_t count = std::min(capacity() - receiver_.size(), typed_waiting());
  const auto first = typed_.begin() + static_cast<std::ptrdiff_t>(typed_next_);
  receiver_.insert(receiver_.end(), first, first + static_cast<std::ptrdiff_t>(count));
  take_typed(count);
  restart_time_out();
  drive_irq();
}

// A typed character has come to its end on the line.
void Uart::next_typed() {
  const std::uint8_t value = typed_[typed_next_];
  take_typed(1);
  if (typed_waiting() > 0) {
    typed_end_ += character_ticks();
    at(received_, typed_end_);
  }
  if (!loop()) receive(value);
}

}  // namespace mint
