// The two cascaded 8259A interrupt controllers of a PC (Intel 8259A data sheet 231468-003) with the
// edge/level registers of the PCH (5 Series chip set data sheet, 13.4).
//
// Offsets: 0, 1: master (ports 20h, 21h); 2, 3: slave (A0h, A1h); 4, 5: ELCR1, ELCR2 (4D0h, 4D1h).
// Each 8259A has two addresses, A0 = 0 and A0 = 1:
//   A0 = 0, write, bit 4 set            ICW1: starts the initialisation
//   A0 = 0, write, bits 4 and 3 clear   OCW2: end of interrupt, rotation, priority
//   A0 = 0, write, bit 4 clear, 3 set   OCW3: special mask mode, poll, what is read
//   A0 = 0, read                        IRR or ISR, as OCW3 said last
//   A0 = 1, write                       ICW2, ICW3, ICW4 after an ICW1, else OCW1 (the mask, IMR)
//   A0 = 1, read                        IMR
//   either, read, after a poll command  the poll word
// ELCR: a bit of 1 makes the input level-triggered; IRQ 0, 1, 2, 8 and 13 are always
// edge-triggered.
//
// An input must stay high until it is acknowledged: in edge mode too, a request goes away with its
// line ("default IR7"). An acknowledge with nothing requested gives IR7 and sets no ISR bit.
//
// Not the data sheet's: ICW1's LTIM does nothing (in the PCH the ELCR has taken its place); the
// MCS-80 mode (ICW4 bit 0 clear) answers like 8086 mode; after power-on, until it is initialised,
// an 8259A masks all its inputs. Accesses of more than one byte are taken byte by byte.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "devices/register_bits.hpp"
#include "emu/base/device.hpp"

namespace mint {

// One 8259A.
class Intel8259A {
 public:
  // Initialisation command words (figure 7).
  struct Icw1 {
    std::uint8_t icw4_needed : 1 = 0;
    std::uint8_t single : 1 = 0;
    std::uint8_t call_interval_4 : 1 = 0;
    std::uint8_t level_triggered : 1 = 0;
    std::uint8_t one : 1 = 1;
    std::uint8_t mcs80_address : 3 = 0;
  };
  struct Icw4 {
    std::uint8_t mode_8086 : 1 = 0;
    std::uint8_t auto_eoi : 1 = 0;
    std::uint8_t buffered : 2 = 0;
    std::uint8_t special_fully_nested : 1 = 0;
    std::uint8_t reserved_5 : 3 = 0;
  };
  // Operation command words (figure 8).
  struct Ocw2 {
    std::uint8_t level : 3 = 0;
    std::uint8_t zero : 2 = 0;
    std::uint8_t end_of_interrupt : 1 = 0;
    std::uint8_t specific : 1 = 0;
    std::uint8_t rotate : 1 = 0;
  };
  struct Ocw3 {
    std::uint8_t read_isr : 1 = 0;
    std::uint8_t read_register : 1 = 0;
    std::uint8_t poll : 1 = 0;
    std::uint8_t one : 1 = 1;
    std::uint8_t zero : 1 = 0;
    std::uint8_t special_mask_mode : 1 = 0;
    std::uint8_t enable_special_mask_mode : 1 = 0;
    std::uint8_t zero_7 : 1 = 0;
  };
  struct PollWord {
    std::uint8_t level : 3 = 0;
    std::uint8_t reserved_3 : 4 = 0;
    std::uint8_t interrupt : 1 = 0;
  };

  // The INTA cycle's result: the input, and the vector that this chip would answer.
  struct Answer {
    unsigned input;
    Vector vector;
  };

  void reset();
  std::uint8_t read(bool a0);
  void write(bool a0, std::uint8_t value);
  void set_input(unsigned input, bool level);
  void set_level_triggered(std::uint8_t inputs);
  std::uint8_t level_triggered() const { return level_triggered_; }
  // The INT output.
  bool output() const { return candidate().has_value(); }
  Answer acknowledge();

  bool has_slave_on(unsigned input) const { return !icw1_.single && (icw3_ >> input & 1) != 0; }
  std::uint8_t slave_id() const { return icw3_ & 7; }
  // Which inputs have slaves that may ask again while one of their interrupts is in service.
  void set_is_master(bool master) { master_ = master; }

  void visit(StateVisitor& visitor, std::string_view prefix);

 private:
  enum class Expects : std::uint8_t { kOcw1, kIcw2, kIcw3, kIcw4 };

  std::uint8_t requests() const;  // IRR
  // The input that INT asks for.
  std::optional<unsigned> candidate() const;
  // The input of highest priority among `inputs`.
  std::optional<unsigned> highest(std::uint8_t inputs) const;
  unsigned rank(unsigned input) const { return (input - lowest_ - 1) & 7; }
  void take(unsigned input);
  void initialise(Icw1 word);
  void operate(Ocw2 word);
  void operate(Ocw3 word);

  Icw1 icw1_;
  std::uint8_t icw2_ = 0;
  std::uint8_t icw3_ = 0;
  Icw4 icw4_;
  Expects expects_ = Expects::kOcw1;
  std::uint8_t imr_ = 0xFF;
  std::uint8_t isr_ = 0;
  std::uint8_t edges_ = 0;   // rising edges not yet acknowledged
  std::uint8_t inputs_ = 0;  // levels
  std::uint8_t level_triggered_ = 0;
  std::uint8_t lowest_ = 7;  // the input of lowest priority
  bool read_isr_ = false;
  bool poll_ = false;
  bool special_mask_ = false;
  bool rotate_in_auto_eoi_ = false;
  bool master_ = false;
};

class Pic final : public Device {
 public:
  // `intr` is the master's INT.
  explicit Pic(IrqLine intr);

  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
  void reset() override;
  void visit(StateVisitor& visitor) override;

  // The level of IRQ `irq` (0 to 15); 2 is the cascade and has no pin.
  void set_irq(unsigned irq, bool level);
  bool intr() const { return output_; }
  // The INTA cycle. INTR goes low in it, and high again if there is another request.
  Vector acknowledge();

 private:
  static constexpr unsigned kCascade = 2;

  std::uint8_t read_byte(std::uint64_t offset);
  void write_byte(std::uint64_t offset, std::uint8_t value);
  void update();
  void drive(bool level);

  const IrqLine intr_;
  Intel8259A master_;
  Intel8259A slave_;
  bool output_ = false;
};

}  // namespace mint
