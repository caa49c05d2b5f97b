// The serial EEPROM of an 82540EM, a 93C46 with 64 words of 16 bits behind the four pins of EECD
// (SDM, chapter 5; Microwire instructions: data sheet of the 93C46).
//
// | word    | what | |
// |---------|------|-|
// | 00h-02h | MAC address | low byte of word 0 first |
// | 0Ah     | initialisation control 1 | signature 01 in bits 15:14 |
// | 0Bh-0Eh | subsystem, subsystem vendor, device, vendor | |
// | 0Fh     | initialisation control 2 | full flow control |
// | 3Fh     | checksum | all words add up to BABAh |
//
// An instruction is a start bit (the first one that is 1 after CS rises), an operation of two bits
// and an address of six; data follow. Bits are taken and given at rising edges of SK.
#pragma once

#include <array>
#include <cstdint>

#include "devices/ethernet.hpp"
#include "emu/base/state.hpp"

namespace mint {

class NicEeprom {
 public:
  static constexpr unsigned kWords = 64;

  explicit NicEeprom(const MacAddress& mac);

  std::uint16_t word(unsigned address) const { return words_[address % kWords]; }
  MacAddress mac() const;

  // The levels of the pins; DO follows.
  void set_pins(bool select, bool clock, bool in);
  bool out() const { return out_ != 0; }

  // Lets go of an instruction that is under way. The words stay.
  void reset();
  void visit(StateVisitor& visitor);

 private:
  void clock_in(bool in);
  void execute();
  void store();

  std::array<std::uint16_t, kWords> words_{};
  std::uint8_t selected_ = 0;
  std::uint8_t clock_ = 0;
  std::uint8_t out_ = 1;
  std::uint8_t writable_ = 0;  // EWEN
  std::uint8_t bits_ = 0;      // of the instruction, with the start bit
  std::uint8_t data_bits_ = 0;
  std::uint8_t reading_ = 0;
  std::uint8_t address_ = 0;
  std::uint16_t instruction_ = 0;
  std::uint16_t data_ = 0;
};

}  // namespace mint
