// One counter of an 8254 (Intel 231164, "8254 programmable interval timer"), in ticks of its CLK
// input. Sections: "Programming the 8254" (count latch, read-back, byte order), "Mode definitions"
// (modes 0 to 5), "Operation common to all modes" (control word, GATE, when a count is loaded).
//
// Nothing runs per tick: the counter remembers when its counting element was loaded and works out
// count and OUT from that. Every function takes the number of CLK pulses so far; the numbers must
// not go back. A count or trigger that arrives after pulse n is loaded by pulse n + 1.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "devices/register_bits.hpp"
#include "emu/base/state.hpp"

namespace mint {

// "Control word format".
struct PitControlWord {
  std::uint8_t bcd : 1 = 0;
  std::uint8_t mode : 3 = 0;
  std::uint8_t rw : 2 = 0;  // 1 low byte, 2 high byte, 3 low then high; 0 is the latch command
  std::uint8_t sc : 2 = 0;  // counter; 3 is the read-back command
};

// "Read-back command format".
struct PitReadBack {
  std::uint8_t reserved_0 : 1 = 0;
  std::uint8_t counters : 3 = 0;
  std::uint8_t no_status : 1 = 0;
  std::uint8_t no_count : 1 = 0;
  std::uint8_t sc : 2 = 3;
};

// "Status byte".
struct PitStatus {
  std::uint8_t bcd : 1 = 0;
  std::uint8_t mode : 3 = 0;
  std::uint8_t rw : 2 = 0;
  std::uint8_t null_count : 1 = 0;
  std::uint8_t output : 1 = 0;
};

class PitCounter {
 public:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  // A control word for this counter, with RW other than 0.
  void write_control(PitControlWord control, std::uint64_t tick);
  void write_count(std::uint8_t byte, std::uint64_t tick);
  std::uint8_t read(std::uint64_t tick);
  void latch_count(std::uint64_t tick);
  void latch_status(std::uint64_t tick);
  void set_gate(bool level, std::uint64_t tick);

  bool out(std::uint64_t tick);
  // The next pulse after `tick` by which OUT may change if nothing is written until then, or
  // kNever.
  std::uint64_t next_change(std::uint64_t tick);

  void visit(std::string_view prefix, StateVisitor& visitor);

 private:
  unsigned mode() const;
  std::uint32_t modulus() const { return control_.bcd ? 10000 : 65536; }
  bool periodic() const { return mode() == 2 || mode() == 3; }
  bool triggered() const { return mode() == 1 || mode() == 5; }
  // Between the two bytes of a count in mode 0.
  bool held_by_first_byte() const { return mode() == 0 && write_high_; }
  std::uint64_t elapsed(std::uint64_t tick) const { return stopped_ ? elapsed_ : tick - start_; }
  std::uint32_t half_period() const { return low_half_ ? period_ / 2 : (period_ + 1) / 2; }
  std::uint64_t strobe() const;

  void settle(std::uint64_t tick);
  void load(std::uint64_t tick);
  void accept_count(std::uint16_t raw, std::uint64_t tick);
  void stop(std::uint64_t tick);
  std::uint16_t count(std::uint64_t tick) const;
  bool out_now(std::uint64_t tick) const;

  // Programming.
  PitControlWord control_{.rw = 3};
  std::uint8_t low_byte_ = 0;
  bool write_high_ = false;
  bool read_high_ = false;
  bool count_latched_ = false;
  bool status_latched_ = false;
  std::uint16_t latched_count_ = 0;
  PitStatus latched_status_;
  std::uint32_t initial_ = 0;  // the count register, 1 to the modulus
  bool count_written_ = false;
  bool null_count_ = true;
  bool gate_ = true;

  // Counting element.
  std::uint64_t load_at_ = kNever;  // pulse that moves initial_ to the counting element
  bool loaded_ = false;             // since the last control word
  bool stopped_ = false;
  bool low_half_ = false;               // mode 3
  std::uint32_t period_ = 0;            // the count that was loaded
  std::uint64_t start_ = 0;             // pulse of the load or of the last reload, while counting
  std::uint64_t elapsed_ = 0;           // pulses since then, while stopped
  std::uint64_t past_strobe_ = kNever;  // mode 4: the strobe, when GATE stopped counting after it
  std::uint16_t idle_count_ = 0;        // what reads as the count while nothing is loaded
};

}  // namespace mint
