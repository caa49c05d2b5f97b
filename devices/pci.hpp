// PCI host: configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2) and the decoding
// of what the functions of bus 0 claim.
//
// | port      | register       | |
// |-----------|----------------|---|
// | CF8h      | CONFIG_ADDRESS | 32-bit accesses only: 31 enable, 23:16 bus, 15:11 device, 10:8
// function, 7:2 register | | CFCh-CFFh | CONFIG_DATA    | 8, 16 or 32 bits of the register that
// CONFIG_ADDRESS names |
//
// Smaller accesses to CF8h-CFBh are not the host's (CF9h belongs to the reset control register):
// writes are ignored, reads give ones. CONFIG_ADDRESS is one register for all cores: two cores
// between their writes of the address and accesses of the data disturb each other as on the board.
//
// Functions are the machine's; the host resets and visits those that are plugged into it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "devices/pci_function.hpp"
#include "emu/base/device.hpp"

namespace mint {

class PciHost final : public Device {
 public:
  // A configuration access that reached the bus, for traces. `value` is what was read or written.
  struct ConfigAccess {
    unsigned device;
    unsigned function;
    unsigned offset;
    unsigned size;
    bool write;
    bool present;  // false: no such function; reads gave ones
    std::uint32_t value;
  };
  using Observer = std::function<void(const ConfigAccess&)>;

  // Offsets are from CF8h.
  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
  void reset() override;
  void visit(StateVisitor& visitor) override;

  // False when the place (device 0-31, function 0-7) is taken or does not exist.
  bool plug(unsigned device, unsigned function, PciFunction& pci_function);
  void observe(Observer observer) { observer_ = std::move(observer); }
  // Asked before each access to a function that exists; `value` is 0 for reads. Where the answer is
  // false the access does not happen: reads give ones.
  using Guard = std::function<bool(const ConfigAccess&)>;
  void guard(Guard guard) { guard_ = std::move(guard); }

  // Who answers; BARs move at run time, so this is asked at each access. Where BARs overlap, the
  // function with the lowest number wins, and its lowest BAR.
  PciTarget find_memory(PhysAddr address) const;
  PciTarget find_io(std::uint16_t port) const;
  // Whose BAR that is: device * 8 + function.
  std::optional<unsigned> function_at(std::uint64_t address, bool port) const;

  struct Slot {
    unsigned device;
    unsigned function;
    PciFunction* pci_function;
  };
  // By device and function number.
  std::vector<Slot> slots() const;

 private:
  std::uint32_t config_address_ = 0;
  std::map<unsigned, PciFunction*> functions_;  // by device * 8 + function
  Observer observer_;
  Guard guard_;
};

// What the firmware does for PCI, for a machine that runs without one: memory BARs from E0000000h
// up (a page each at least), I/O BARs from C000h up, decoding and bus mastering on, and
// the interrupt line of each function as docs/board.md wires it.
void assign_resources(PciHost& host);

}  // namespace mint
