// Which OS has which part of the machine to itself: cores, serial ports, disks and their pins. A
// lane is such an OS, by its number in MachineSetup::groups; what has no owner is the board's.
//
// It decides nothing about what an OS may do: every core reaches every device. It tells which
// accesses no other OS can see, so that their order among the OSes need not be kept.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "devices/apic_bus.hpp"
#include "devices/ioapic.hpp"
#include "devices/pci.hpp"

namespace mint {

struct MachineSetup;

class Ownership {
 public:
  using Lane = std::optional<unsigned>;  // none: the board's

  explicit Ownership(const MachineSetup& setup);
  // A PCI function at device * 8 + function; after it has been plugged in.
  void plug(unsigned function, const PciFunction& chip);

  unsigned lanes() const { return lanes_; }
  unsigned of_core(unsigned core) const { return cores_[core]; }
  Lane of_uart(unsigned uart) const { return uart < uarts_.size() ? uarts_[uart] : Lane{}; }
  Lane of_disk(unsigned disk) const { return disks_[disk]; }
  // PCI functions by device * 8 + function, pins of the I/O APIC.
  Lane of_function(unsigned function) const;
  Lane of_pin(unsigned pin) const { return pins_[pin]; }
  // Whether all of an access goes to a serial port of the lane, or to a disk controller.
  bool owns_port(unsigned lane, std::uint16_t port, unsigned size) const;
  PciTarget memory_of(unsigned lane, PhysAddr address, unsigned size) const;
  // Whose device answers to any of an access.
  Lane of_port(std::uint16_t port, unsigned size) const;
  Lane of_memory(PhysAddr address, unsigned size) const;
  // Of a message that stayed within a lane.
  Lane of_message(const ApicBus::Delivery& delivery) const;
  // Whether two lanes drive one pin.
  bool shares_pins() const { return shares_pins_; }

 private:
  void drive(unsigned pin, unsigned lane);

  unsigned lanes_ = 1;
  std::vector<unsigned> cores_;
  std::array<Lane, 4> uarts_{};
  std::vector<Lane> disks_;
  std::map<unsigned, unsigned> functions_;
  std::array<Lane, IoApic::kPins> pins_{};
  std::vector<std::vector<const PciFunction*>> chips_;  // by lane
  bool shares_pins_ = false;
};

}  // namespace mint
