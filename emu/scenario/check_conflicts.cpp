// Checks of two sides: what one OS owns against what another owns, and against shared memory.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "emu/scenario/checker.hpp"
#include "emu/scenario/resources.hpp"
#include "emu/scenario/units.hpp"

namespace mint {

namespace {

class ConflictChecker : Checker {
 public:
  using Checker::Checker;

  void check() {
    for (std::size_t i = 0; i < scenario_.os.size(); i++) {
      for (std::size_t j = 0; j < i; j++) check_pair(scenario_.os[j], scenario_.os[i]);
    }
    check_shared();
  }

 private:
  void check_pair(const OsSpec& a, const OsSpec& b) {
    for (ApicId core : b.cores) {
      if (std::find(a.cores.begin(), a.cores.end(), core) != a.cores.end()) {
        const MemoryRange slot = purgatory_slot(core);
        const bool both_boot = scenario_.purgatory == Purgatory::kSlot && a.cores[0] == core &&
                               b.cores[0] == core && a.role == Role::kFollower &&
                               b.role == Role::kFollower;
        report(b, "cores",
               fmt::format("core {} belongs to both '{}' and '{}'{}", core.value, a.name, b.name,
                           both_boot ? fmt::format(", and so does its purgatory slot {:#x}-{:#x}",
                                                   slot.start.value, slot.end.value)
                                     : ""),
               "give each OS its own cores", place(a, "cores"));
      }
    }
    if (a.memory.size() != 0 && b.memory.size() != 0 && a.memory.overlaps(b.memory)) {
      report(
          b, "memory",
          fmt::format("memory {} of '{}' overlaps memory {} of '{}'", to_string(b.memory), b.name,
                      to_string(a.memory), a.name),
          fmt::format("move '{}' to {} or higher, or end '{}' at {}", b.name,
                      format_size(a.memory.end.value), a.name, format_size(b.memory.start.value)),
          place(a, "memory"));
    }
    if (a.disk && b.disk && !a.disk->name.starts_with('@') && !a.disk->path.empty() &&
        a.disk->path.lexically_normal() == b.disk->path.lexically_normal()) {
      report(b, "disk",
             fmt::format("'{}' and '{}' have the same disk {}", a.name, b.name, b.disk->name),
             "copy the image; only @NAME images give each OS a disk of its own", place(a, "disk"));
    }
    if (a.uart && a.uart == b.uart) {
      report(b, "uart", fmt::format("COM{} belongs to both '{}' and '{}'", *b.uart, a.name, b.name),
             "give each OS its own UART, 1-4", place(a, "uart"));
    }
    for (PciAddress function : b.pci) {
      if (std::find(a.pci.begin(), a.pci.end(), function) != a.pci.end()) {
        report(b, "pci",
               fmt::format("PCI function {} belongs to both '{}' and '{}'", to_string(function),
                           a.name, b.name),
               "give each OS its own functions, or leave 'pci' out", place(a, "pci"));
      }
    }
    for (unsigned pin : b.pins) {
      if (std::find(a.pins.begin(), a.pins.end(), pin) == a.pins.end()) continue;
      if (!a.pins_given && !b.pins_given && a.uart == b.uart) continue;  // said already
      const bool from_uart = !b.pins_given && b.uart && machine_.serial.irqs[*b.uart - 1] == pin;
      report(b,
             b.pins_given ? "pins"
             : from_uart  ? "uart"
                          : "pins",
             fmt::format("I/O APIC pin {} belongs to both '{}' and '{}'{}", pin, a.name, b.name,
                         from_uart ? fmt::format(" (COM{} interrupts on it)", *b.uart) : ""),
             from_uart ? "give its UART another IRQ in machine.serial.irqs, or choose another UART"
                       : "give each OS its own pins",
             place(a, a.pins_given ? "pins" : "uart"));
    }
  }

  void check_shared() {
    const SharedMemory& shared = scenario_.shared;
    for (const MemoryRange& range : shared.ranges) {
      for (const OsSpec& os : scenario_.os) {
        check_shared_range(range, os);
      }
      if (range.end.value > low_ram_end(machine_)) {
        report("shared.ranges",
               fmt::format("shared memory {} is not all RAM, which ends at {}", to_string(range),
                           format_size(low_ram_end(machine_))),
               "choose a lower range", scenario_.place("machine.memory"));
      }
      if (range.start.value < 0x1000 ||
          (range.start.value < kMegabyte && range.end.value > 0x9'FC00)) {
        report(
            "shared.ranges",
            fmt::format("shared memory {} reaches into BIOS data, EBDA or the video and ROM hole",
                        to_string(range)),
            "use the page 0x1000-0x2000 or memory above 1M that no OS owns");
      }
    }
    if (!shared.lock) {
      if (!scenario_.places.contains("shared.lock_scope")) return;
      report("shared.lock_scope", "'shared.lock_scope' is given, and the kernels take no lock",
             "remove it, or set shared.lock = \"0x1000\"", scenario_.place("shared.lock"));
      return;
    }
    const MemoryRange word{*shared.lock, *shared.lock + 4};
    const bool inside = std::any_of(
        shared.ranges.begin(), shared.ranges.end(),
        [&](const MemoryRange& r) { return r.start <= word.start && word.end <= r.end; });
    if (!inside) {
      report("shared.lock",
             fmt::format("the lock's word at {:#x} is in no shared range", shared.lock->value),
             "add its page to shared.ranges", scenario_.place("shared.ranges"));
    }
    if (shared.lock->value % 4 != 0) {
      report("shared.lock",
             fmt::format("the lock's address {:#x} is not a multiple of 4", shared.lock->value),
             "align it: a locked access that crosses a cache line is not atomic on every bus");
    }
  }

  void check_shared_range(const MemoryRange& range, const OsSpec& os) {
    MemoryRange own = os.memory;
    // Linux keeps the whole first megabyte out of its use (reserve_real_mode), so pages there can
    // be shared.
    own.start.value = std::max(own.start.value, kMegabyte);
    std::optional<std::string> hit;
    std::string key = "memory";
    if (own.start < own.end && own.overlaps(range)) {
      hit = fmt::format("memory {}", to_string(os.memory));
    } else if (os.role == Role::kFollower && !os.cores.empty() &&
               purgatory_place(scenario_, os.cores[0]).overlaps(range)) {
      hit = "the purgatory slot";
      key = "cores";
    }
    if (!hit) return;
    report("shared.ranges",
           fmt::format("shared memory {} lies in {} of '{}'", to_string(range), *hit, os.name),
           "choose memory that no OS owns", place(os, key));
  }
};

}  // namespace

void check_conflicts(const Scenario& scenario, Problems& problems) {
  ConflictChecker(scenario, problems).check();
}

}  // namespace mint
