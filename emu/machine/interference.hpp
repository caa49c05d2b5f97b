// Notices when an access of one OS spoils what another one is doing or owns. It only watches what
// really reached the board, in order:
//  - index and data register pairs (I/O APIC, CF8h/CFCh, CMOS): an OS accesses the data register
//    while the index that it wrote has been overwritten by another;
//  - the PIT's counter 2 and port 61h, which every kernel calibrates by: reprogrammed by another OS
//    between two accesses of one that is using it;
//  - redirection entries of pins that belong to another OS;
//  - IPIs to cores of another OS (but for INIT and SIPI, by which followers are started).
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

class InterferenceWatch {
 public:
  // An OS by its index in the scenario; none for a core that belongs to nobody.
  using OsIndex = std::optional<std::size_t>;
  struct World {
    std::function<OsIndex(const Core&)> os_of;
    std::function<OsIndex(unsigned core)> os_of_core;
    std::function<OsIndex(unsigned pin)> os_of_pin;
    std::function<std::string(std::size_t os)> name;
    std::function<std::string(const Core&)> where;  // the symbolised place that a core is at
  };
  explicit InterferenceWatch(World world) : world_(std::move(world)) {}

  // Before an access takes effect (a write) or after (a read).
  void accessed(Core& core, Cycles at, const Access& access);
  void redirection_written(Cycles at, unsigned pin, RedirectionEntry old, RedirectionEntry now);
  void message_delivered(const ApicBus::Delivery& delivery);

  const std::vector<Interference>& found() const { return found_; }
  // How many there were in all; `found` keeps the first of each kind and pair.
  std::uint64_t count() const { return count_; }
  // The OS whose access was seen last, and where it was.
  OsIndex last_os() const { return last_os_; }
  const std::string& last_place() const { return last_place_; }

 private:
  struct Pair {
    const char* name;
    std::map<std::size_t, std::uint64_t> selected;  // by OS: the index that it wrote last
    std::optional<std::size_t> owner;               // who wrote the index last
    std::uint64_t index = 0;
  };
  void index_written(Pair& pair, std::size_t os, std::uint64_t value);
  void data_accessed(Pair& pair, Core& core, std::size_t os, Cycles at, bool write);
  void pit_accessed(Core& core, std::size_t os, Cycles at, const Access& access);
  void report(Cycles at, std::size_t by, std::size_t to, const std::string& kind, std::string what);

  World world_;
  Pair io_apic_{"I/O APIC index", {}, {}, 0};
  Pair pci_{"PCI configuration address", {}, {}, 0};
  Pair cmos_{"CMOS index", {}, {}, 0};
  struct PitUse {
    Cycles last;
    bool spoiled = false;
  };
  std::map<std::size_t, PitUse> pit_;  // by OS: in the middle of using counter 2
  std::optional<std::size_t> pit_owner_;
  std::map<std::string, std::uint64_t> seen_;
  std::vector<Interference> found_;
  std::uint64_t count_ = 0;
  OsIndex last_os_;
  std::string last_place_;
  const Core* last_core_ = nullptr;
};

}  // namespace mint
