// Notices when an access of one OS spoils what another one is doing or owns. It only watches what
// really reached the board, in order:
//  - index and data register pairs (I/O APIC, CF8h/CFCh, CMOS): an OS accesses the data register
//    while the index that it wrote has been overwritten by another, or reads CF8h back then;
//  - the PIT's counter 2 and port 61h, which every kernel calibrates by (see PitWatch);
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
#include "emu/machine/pit_watch.hpp"
#include "emu/scenario/run_result.hpp"

namespace mint {

class InterferenceWatch {
 public:
  // An OS by its index in the scenario; none for a core that belongs to nobody.
  using OsIndex = std::optional<std::size_t>;
  struct World {
    std::function<OsIndex(unsigned core)> os_of_core;
    std::function<OsIndex(unsigned pin)> os_of_pin;
    std::function<std::string(std::size_t os)> name;
    // The symbolised place of the code of a core that makes the access at hand.
    std::function<std::string(unsigned core)> where;
    // A time of the machine's clock for people.
    std::function<std::string(Cycles at)> time;
  };
  explicit InterferenceWatch(World world) : world_(std::move(world)) {}

  // Before an access takes effect (a write) or after (a read).
  void accessed(unsigned core, Cycles at, const Access& access);
  void redirection_written(Cycles at, unsigned pin, RedirectionEntry old, RedirectionEntry now);
  void message_delivered(const ApicBus::Delivery& delivery);

  // What something else has noticed: `kind` groups what is alike.
  void report(Cycles at, std::size_t by, std::size_t to, const std::string& kind, std::string what);

  const std::vector<Interference>& found() const { return found_; }
  // What spoiled something of `to` last, at or before `at`; null when nothing did.
  const Interference* last_to(const std::string& to, Cycles at) const;
  // How many there were in all; `found` keeps the first few of each kind and pair.
  std::uint64_t count() const { return count_; }
  // The OS whose access was seen last.
  OsIndex last_os() const { return last_os_; }

 private:
  struct Selection {
    std::uint64_t index;
    Cycles at;
    std::string where;
    bool used = false;  // its data register has been accessed
  };
  struct Pair {
    const char* name;
    std::map<std::size_t, Selection> selected;  // by OS: the index that it wrote last
    std::optional<std::size_t> owner;           // who wrote the index last
  };
  void index_written(Pair& pair, unsigned core, std::size_t os, Cycles at, std::uint64_t value);
  void data_accessed(Pair& pair, unsigned core, std::size_t os, Cycles at, const Access& access);
  void index_read_back(Pair& pair, unsigned core, std::size_t os, Cycles at, const Access& access);
  void pit_accessed(unsigned core, std::size_t os, Cycles at, const Access& access);

  World world_;
  Pair io_apic_{"I/O APIC index", {}, {}};
  Pair pci_{"PCI configuration address", {}, {}};
  Pair cmos_{"CMOS index", {}, {}};
  PitWatch pit_;
  std::map<std::string, std::uint64_t> seen_;
  std::vector<Interference> found_;
  std::uint64_t count_ = 0;
  OsIndex last_os_;
  unsigned last_core_ = 0;
};

}  // namespace mint
