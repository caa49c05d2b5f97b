// The I/O APIC: 82093AA (Intel 290566-001) as it is in the P55 PCH (version 20h, with an EOI
// register; 5 Series chip set data sheet, 13.5).
//
// Memory (3.1):
//   00h  IOREGSEL  R/W  bits 7-0: index of the register in the window
//   10h  IOWIN     R/W  the register that IOREGSEL names, 32 bits
//   40h  EOIR      W    bits 7-0: vector; as an EOI message with this vector
// Registers behind the window (3.2):
//   00h  IOAPICID   R/W  bits 27-24
//   01h  IOAPICVER  R    00170020h: 24 entries, version 20h
//   02h  IOAPICARB  R    bits 27-24: takes the id when that is written
//   10h-3Fh  IOREDTBL[n], low word at 10h + 2n, high word at 11h + 2n   R/W
// Other indices and offsets read 0 and ignore writes.
//
// Access: IOREGSEL takes and gives any size, higher bits reading 0. IOWIN takes 32 bits or more; a
// shorter read gets the lowest bytes, a shorter write is ignored.
//
// Pins: set_irq() says whether the interrupt line on the pin is asserted; lines that are active low
// (PCI's INTx#) are told in the configuration, so that an entry for such a pin must say "active
// low", as the MP table's default for PCI is.
//
// Where the data sheet leaves it open: changing an entry's polarity is no edge; a second edge while
// the first message is on its way is lost with it; an entry that is made edge-triggered loses its
// Remote IRR (which is how software of the time gets rid of one that is stuck).
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "devices/apic_bus.hpp"
#include "devices/apic_message.hpp"
#include "devices/register_bits.hpp"
#include "emu/base/device.hpp"

namespace mint {

// Entry of the redirection table (3.2.4).
struct RedirectionEntry {
  std::uint64_t vector : 8 = 0;
  std::uint64_t delivery_mode : 3 = 0;
  std::uint64_t logical : 1 = 0;       // destination mode
  std::uint64_t send_pending : 1 = 0;  // delivery status
  std::uint64_t active_low : 1 = 0;
  std::uint64_t remote_irr : 1 = 0;
  std::uint64_t level_triggered : 1 = 0;
  std::uint64_t masked : 1 = 1;
  std::uint64_t reserved_17 : 39 = 0;
  std::uint64_t destination : 8 = 0;

  DeliveryMode mode() const { return static_cast<DeliveryMode>(delivery_mode); }
  // The other delivery modes are edge-triggered whatever the entry says.
  bool is_level() const {
    return level_triggered != 0 &&
           (mode() == DeliveryMode::kFixed || mode() == DeliveryMode::kLowestPriority);
  }
};

struct IoApicConfig {
  std::uint32_t active_low_pins = 0xFF0000;  // a bit for each: pins 16-23 are PIRQA#-PIRQH#
};

class IoApic final : public Device {
 public:
  static constexpr unsigned kPins = 24;
  using Observer = std::function<void(unsigned pin, RedirectionEntry old, RedirectionEntry now)>;

  IoApic(ApicBus& bus, const IoApicConfig& config = {});

  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
  void reset() override;
  void visit(StateVisitor& visitor) override;

  // The line on `pin` (0 to 23) is asserted or not.
  void set_irq(unsigned pin, bool asserted);

  // Called after every write to an entry, with the fields as the window showed and shows them.
  void set_observer(Observer observer) { observer_ = std::move(observer); }
  // Called before the end of an interrupt is taken for one of this pin, whoever it is told by.
  void set_end_observer(std::function<void(unsigned pin)> observer) {
    end_observer_ = std::move(observer);
  }
  RedirectionEntry redirection(unsigned pin) const { return entries_[pin]; }

  // The side towards the bus.
  void message_arrived(unsigned pin);
  void end_of_interrupt(Vector vector);

 private:
  struct IdRegister {
    std::uint32_t reserved_0 : 24 = 0;
    std::uint32_t id : 4 = 0;
    std::uint32_t reserved_28 : 4 = 0;
  };
  struct VersionRegister {
    std::uint32_t version : 8 = 0x20;
    std::uint32_t reserved_8 : 8 = 0;
    std::uint32_t max_redirection_entry : 8 = kPins - 1;
    std::uint32_t reserved_24 : 8 = 0;
  };

  std::uint32_t read_window() const;
  void write_window(std::uint32_t value);
  void write_entry(unsigned pin, bool high, std::uint32_t value);
  // Whether the pin is at the level that its entry calls active.
  bool active(unsigned pin) const;
  // Sends for a level-triggered pin that is active and has nothing outstanding.
  void sample_level(unsigned pin);
  void send(unsigned pin);

  ApicBus& bus_;
  const IoApicConfig config_;
  const std::uint8_t place_;
  Observer observer_;
  std::function<void(unsigned pin)> end_observer_;

  std::uint8_t index_ = 0;
  IdRegister id_;
  IdRegister arbitration_id_;
  std::array<RedirectionEntry, kPins> entries_;
  std::array<bool, kPins> levels_{};  // electrical
};

}  // namespace mint
