// Checks through a whole run that no OS touches what belongs to another: pages of memory (cores and
// DMA), PCI functions (their configuration and their registers), UARTs, I/O APIC pins, cores (by
// IPIs and by interrupts of devices). Memory that the scenario declares as shared is everybody's.
//
// Unlike InterferenceWatch, which tells of harm done, this tells of every touch. Allowed to the
// leader is what starts followers: it sends INIT and STARTUP, and places a follower as long as that
// one does not run. Its firmware and boot loader run before there is anybody else and are not
// watched; and until it places the first follower the first megabyte, where purgatories will be, is
// still its own.
//
// Pages are looked at where they enter a core's TLB: a page that an OS has rightly begun to use and
// goes on using when it is another's is not seen.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "devices/apic_bus.hpp"
#include "devices/ioapic.hpp"
#include "emu/machine/core.hpp"
#include "emu/scenario/run_result.hpp"

namespace mint {

class Isolation {
 public:
  // Where the firmware leaves tables for all: the first page and that of the EBDA.
  static constexpr std::uint64_t kBiosDataPage = 0;
  static constexpr std::uint64_t kEbdaPage = 0x9f;
  struct World {
    // The symbolised place of the code that a core runs.
    std::function<std::string(unsigned core)> where;
    // The PCI function whose BAR has an address: of memory, or a port.
    std::function<std::optional<PciAddress>(std::uint64_t address, bool port)> pci_at;
  };
  Isolation(const Scenario& scenario, World world);

  // By page of RAM: 1 + the number of its OS, 0 for nobody's and everybody's. For Cpu::watch_pages.
  const std::vector<std::uint8_t>& page_owners() const { return owners_; }
  std::optional<std::size_t> os_of_core(unsigned core) const;

  // The leader is in its kernel; before, nothing is looked at.
  void begin() { watching_ = true; }
  // The leader places a follower, or has done so.
  void placing(bool now) {
    placing_ = now;
    placed_ = placed_ || now;
  }

  void page_used(unsigned core, Cycles at, PhysAddr address, PageUse use);
  // By an OS's "disk" or "NIC".
  void dma(const char* by, std::size_t os, Cycles at, bool to_memory, PhysAddr address,
           std::uint64_t bytes);
  // A port or a register of a device.
  void accessed(unsigned core, Cycles at, const Access& access);
  void pci_configured(unsigned core, Cycles at, PciAddress function, unsigned offset, bool write);
  void redirection_written(unsigned core, Cycles at, unsigned pin);
  void message_delivered(const ApicBus::Delivery& delivery);

  std::uint64_t count() const { return count_; }
  // The first few of each kind, by and to the same OS.
  const std::vector<Interference>& found() const { return found_; }

 private:
  using OsIndex = std::optional<std::size_t>;
  OsIndex owner_of(PhysAddr address) const;
  OsIndex owner_of(PciAddress function) const;
  OsIndex owner_of_pin(unsigned pin) const;
  bool is_foreign(OsIndex by, OsIndex owner) const {
    return watching_ && by && owner && *by != *owner;
  }
  // What the leader's INIT and STARTUP make of the OSes whose boot cores get them.
  void started_or_stopped(const ApicBus::Delivery& delivery);
  void report(Cycles at, std::size_t by, std::size_t to, const char* kind, std::string what);

  const Scenario& scenario_;
  World world_;
  std::vector<std::uint8_t> owners_;
  bool watching_ = false;
  bool placing_ = false;
  bool placed_ = false;     // a follower, or a part of one
  std::vector<bool> runs_;  // by OS: a follower that the leader has started
  std::map<std::string, std::uint64_t> seen_;
  std::vector<Interference> found_;
  std::uint64_t count_ = 0;
};

}  // namespace mint
