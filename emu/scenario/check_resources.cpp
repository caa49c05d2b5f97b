// Checks across keys: does every OS have what it needs, and does nobody own what another owns.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "emu/scenario/load.hpp"
#include "emu/scenario/resources.hpp"
#include "emu/scenario/units.hpp"

namespace mint {

namespace {

class Checker {
 public:
  Checker(const Scenario& scenario, Problems& problems)
      : scenario_(scenario), machine_(scenario.machine), problems_(problems) {}

  void check() {
    if (scenario_.bare_metal) {
      check_bare_metal();
      return;
    }
    check_roles();
    for (const OsSpec& os : scenario_.os) {
      check_needs(os);
      check_cores(os);
      check_memory(os);
      check_devices(os);
    }
    for (std::size_t i = 0; i < scenario_.os.size(); i++) {
      for (std::size_t j = 0; j < i; j++) check_pair(scenario_.os[j], scenario_.os[i]);
    }
    check_shared();
    check_start();
    check_end();
  }

 private:
  // A problem at a key of an OS, perhaps with the place of the other side.
  void report(const OsSpec& os, std::string_view key, std::string what, std::string remedy,
              std::optional<Location> other = {}) {
    report(fmt::format("{}.{}", os.key, key), std::move(what), std::move(remedy), std::move(other));
  }
  void report(const std::string& path, std::string what, std::string remedy,
              std::optional<Location> other = {}) {
    problems_.push_back(
        {scenario_.place(path), std::move(what), std::move(other), std::move(remedy)});
  }
  Location place(const OsSpec& os, std::string_view key) const {
    return scenario_.place(fmt::format("{}.{}", os.key, key));
  }
  // Written, even if in a form that was refused: then that has been said already.
  bool written(const OsSpec& os, std::string_view key) const {
    return scenario_.places.contains(fmt::format("{}.{}", os.key, key));
  }

  void check_bare_metal() {
    const BareMetal& bare = *scenario_.bare_metal;
    if (!scenario_.os.empty()) {
      report(scenario_.os[0].key, "an [[os]] beside [bare_metal]",
             "remove one of the two: a bare-metal program is the only guest",
             scenario_.place("bare_metal"));
    }
    if (bare.program.has_value() == bare.rom.has_value()) {
      report("bare_metal",
             bare.program ? "[bare_metal] has both 'program' and 'rom'"
                          : "[bare_metal] has neither 'program' nor 'rom'",
             "give either program = \"x.elf\" (multiboot) or rom = \"x.bin\" (starts at the reset "
             "vector)");
    }
    if (bare.rom && !bare.modules.empty()) {
      report("bare_metal.modules", "modules are a matter of multiboot programs",
             "remove 'modules', or give 'program' instead of 'rom'");
    }
    if (scenario_.end.when == EndWhen::kDaemonsUp || scenario_.end.when == EndWhen::kKernelInit) {
      report("end.when", "a bare-metal guest has neither kernel_init nor daemons",
             "give \"exit\", \"console-text\" or \"power-off\"");
    }
    if (scenario_.end.when == EndWhen::kExit && !bare.debug_parts) {
      report("end.when", "'end.when' is \"exit\", but there is no port F4h without the debug parts",
             "set bare_metal.debug_parts = true", scenario_.place("bare_metal.debug_parts"));
    }
    check_text();
  }

  void check_roles() {
    if (scenario_.os.empty()) {
      if (scenario_.places.contains("os")) return;
      report("", "the scenario has nothing to run",
             "add an [[os]] with role = \"leader\", or [bare_metal]");
      return;
    }
    const OsSpec* first = nullptr;
    for (const OsSpec& os : scenario_.os) {
      if (os.role != Role::kLeader) continue;
      if (first) {
        report(os, "role", fmt::format("'{}' and '{}' are both leaders", first->name, os.name),
               "make all but one role = \"follower\"", place(*first, "role"));
      } else {
        first = &os;
      }
    }
    if (!first) {
      report(scenario_.os[0], "role", "there is no leader: nobody boots from the firmware",
             fmt::format("give one OS role = \"leader\", such as '{}'", scenario_.os[0].name));
    }
    for (std::size_t i = 0; i < scenario_.os.size(); i++) {
      for (std::size_t j = 0; j < i; j++) {
        if (scenario_.os[i].name != scenario_.os[j].name) continue;
        report(scenario_.os[i], "name",
               fmt::format("two OSes are called '{}'", scenario_.os[i].name),
               "give each its own name", place(scenario_.os[j], "name"));
      }
    }
  }

  void check_needs(const OsSpec& os) {
    if (os.kernel.name.empty() && !written(os, "kernel")) {
      report(os, "kernel", fmt::format("'{}' has no kernel", os.name),
             "add kernel = \"@linux-mint64\" or the path of a bzImage");
    }
    if (os.role == Role::kFollower && !os.disk && !os.initrd && !written(os, "disk") &&
        !written(os, "initrd")) {
      report(os, "disk",
             fmt::format("'{}' has neither disk nor initrd: it has no user space", os.name),
             "add disk = \"@disk-follower64\" or an initrd to live in");
    }
    if (os.memory.size() == 0 && !written(os, "memory")) {
      report(os, "memory", fmt::format("'{}' has no memory range", os.name),
             "add memory = \"START-END\", such as \"256M-512M\"");
    }
    if (os.cores.empty() && !written(os, "cores")) {
      report(os, "cores", fmt::format("'{}' has no core", os.name), "add cores = [N]");
    }
  }

  void check_cores(const OsSpec& os) {
    if (os.cores.empty()) return;
    for (std::size_t i = 0; i < os.cores.size(); i++) {
      const unsigned core = os.cores[i].value;
      if (core >= machine_.cores) {
        report(os, "cores",
               fmt::format("'{}' wants core {}, but the machine has {}", os.name, core,
                           machine_.cores == 1 ? "only core 0"
                                               : fmt::format("cores 0-{}", machine_.cores - 1)),
               core < 64 ? fmt::format("set machine.cores = {} or more (at most 64)", core + 1)
                         : "use a lower core",
               scenario_.place("machine.cores"));
      }
      if (std::count(os.cores.begin(), os.cores.begin() + static_cast<std::ptrdiff_t>(i),
                     os.cores[i]) != 0) {
        report(os, "cores", fmt::format("'{}' names core {} twice", os.name, core), "name it once");
      }
    }
    const ApicId boot = os.cores[0];
    if (os.role == Role::kLeader) {
      if (boot.value != 0) {
        report(os, "cores", fmt::format("the leader '{}' boots on core {}", os.name, boot.value),
               "begin the leader's cores with 0: the firmware runs there");
      }
      check_leader_cores(os);
      return;
    }
    const unsigned last = last_boot_core(machine_.hole);
    if (boot.value == 0) {
      report(os, "cores",
             fmt::format("follower '{}' boots on core 0, which runs the leader", os.name),
             fmt::format("boot it on one of cores 1-{}", last));
    } else if (boot.value > last) {
      const MemoryRange slot = purgatory_slot(boot);
      std::string why = fmt::format(
          "follower '{}' boots on core {}, whose purgatory slot 0x9000 * {} = {:#x}-{:#x}", os.name,
          boot.value, boot.value, slot.start.value, slot.end.value);
      if (boot.value >= 28) {
        why += " does not lie below 1 MB, where a started core must begin";
      } else {
        why += " runs into A0000h-FFFFFh, which is video memory and ROM with hole = \"pc\"";
      }
      report(os, "cores", why,
             boot.value >= 28 || machine_.hole == LegacyHole::kRam
                 ? fmt::format("list one of cores 1-{} first", last)
                 : fmt::format("list one of cores 1-{} first, or set machine.hole = \"ram\" (cores "
                               "up to 27)",
                               last),
             scenario_.place("machine.hole"));
    }
  }

  // The firmware's MP table lists every core, and maxcpus= takes the first ones of it.
  void check_leader_cores(const OsSpec& os) {
    std::vector<unsigned> cores;
    std::vector<unsigned> first;
    for (ApicId core : os.cores) {
      first.push_back(static_cast<unsigned>(cores.size()));
      cores.push_back(core.value);
    }
    if (cores == first || cores[0] != 0 || scenario_.followers().empty()) return;
    report(os, "cores",
           fmt::format("the leader's cores are {}, but Linux takes the first {} of the MP table",
                       fmt::join(cores, ", "), cores.size()),
           fmt::format("give cores = [{}]", fmt::join(first, ", ")));
  }

  void check_memory(const OsSpec& os) {
    if (os.memory.size() == 0) return;
    const std::uint64_t ram = low_ram_end(machine_);
    if (os.memory.end.value > ram) {
      report(
          os, "memory",
          fmt::format("'{}' wants memory {}, but RAM{} ends at {}", os.name, to_string(os.memory),
                      machine_.memory > kPciHole ? " below the PCI window" : "", format_size(ram)),
          machine_.memory > kPciHole ? "choose a range below 3G"
                                     : "choose a lower range or set machine.memory higher",
          scenario_.place("machine.memory"));
    }
    if (os.role == Role::kLeader) {
      if (os.memory.start.value != 0) {
        report(
            os, "memory",
            fmt::format("the leader's memory begins at {}", format_size(os.memory.start.value)),
            fmt::format("begin at 0: \"0-{}\"; firmware and boot loader load it low, and mem= only "
                        "sets the end",
                        format_size(os.memory.end.value)));
      }
    } else if (os.memory.start.value < kMegabyte) {
      report(os, "memory",
             fmt::format("the memory of follower '{}' begins at {}, in the first megabyte", os.name,
                         format_size(os.memory.start.value)),
             "begin at 1M or higher, outside the leader's range; below, it has its purgatory slot");
    }
    constexpr std::uint64_t kPage = 4096;
    if (os.memory.start.value % kPage != 0 || os.memory.end.value % kPage != 0) {
      report(os, "memory",
             fmt::format("memory {} of '{}' does not consist of whole pages", to_string(os.memory),
                         os.name),
             "use multiples of 4K");
    }
  }

  void check_devices(const OsSpec& os) {
    for (PciAddress function : os.pci) {
      if (function.device == 0 || function.device == 0x1F) {
        report(os, "pci",
               fmt::format("'{}' claims {}, the {} bridge", os.name, to_string(function),
                           function.device == 0 ? "host" : "ISA"),
               "remove it: bridges belong to nobody");
      }
    }
    if (os.disk && os.pci.empty() && written(os, "pci")) {
      report(os, "pci", fmt::format("'{}' has a disk, but no PCI function to drive it", os.name),
             "list its AHCI controller first, such as pci = [\"00:05.0\"], or leave 'pci' out");
    }
  }

  void check_pair(const OsSpec& a, const OsSpec& b) {
    for (ApicId core : b.cores) {
      if (std::find(a.cores.begin(), a.cores.end(), core) != a.cores.end()) {
        const MemoryRange slot = purgatory_slot(core);
        const bool both_boot = a.cores[0] == core && b.cores[0] == core &&
                               a.role == Role::kFollower && b.role == Role::kFollower;
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
    if (!shared.lock) return;
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
               purgatory_slot(os.cores[0]).overlaps(range)) {
      hit = "the purgatory slot";
      key = "cores";
    }
    if (!hit) return;
    report("shared.ranges",
           fmt::format("shared memory {} lies in {} of '{}'", to_string(range), *hit, os.name),
           "choose memory that no OS owns", place(os, key));
  }

  void check_start() {
    const bool followers = !scenario_.followers().empty();
    const StartMode mode = scenario_.start;
    if (!followers && (mode == StartMode::kParallel || mode == StartMode::kSequential)) {
      report("start.mode", "there is no follower to start",
             "add an [[os]] with role = \"follower\", or set start.mode = \"none\"");
    }
    if (followers && mode == StartMode::kNone) {
      report("start.mode", "nobody starts the followers",
             "choose \"parallel\" or \"sequential\", or remove the followers",
             scenario_.place(scenario_.followers()[0]->key));
    }
    if (followers && mode == StartMode::kKexecReboot) {
      report("start.mode",
             "a Kexec reboot ends the leader, and the followers would never be started",
             "remove the followers, or choose \"parallel\" or \"sequential\"",
             scenario_.place(scenario_.followers()[0]->key));
    }
  }

  void check_text() {
    const EndCondition& end = scenario_.end;
    if (end.when == EndWhen::kConsoleText && end.text.empty()) {
      report("end.when", "'end.when' is \"console-text\", but there is no text to wait for",
             "add end.text = \"...\"");
    }
    if (end.when != EndWhen::kConsoleText && !end.text.empty()) {
      report("end.text", "'end.text' has no meaning here",
             "remove it, or set end.when = \"console-text\"");
    }
  }

  void check_end() {
    const EndCondition& end = scenario_.end;
    check_text();
    if (end.when == EndWhen::kExit) {
      report("end.when", "'end.when' is \"exit\", which only bare-metal programs do",
             "give \"daemons-up\", \"kernel-init\", \"console-text\" or \"power-off\"");
    }
    const bool by_console = end.when == EndWhen::kDaemonsUp || end.when == EndWhen::kConsoleText;
    std::vector<std::string_view> names;
    for (const OsSpec& os : scenario_.os) {
      names.push_back(os.name);
      if (!by_console || os.uart || written(os, "uart") ||
          std::find(end.os.begin(), end.os.end(), os.name) == end.os.end()) {
        continue;
      }
      report(
          os, "uart",
          fmt::format("the run ends by what '{}' says on its console, and no UART is left for it",
                      os.name),
          "the board has four: name four OSes in end.os and give them uart = 1 to 4",
          scenario_.place("end.os"));
    }
    for (const std::string& name : end.os) {
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      const std::string_view near = did_you_mean(name, names);
      report("end.os",
             fmt::format("'end.os' names '{}', which is no OS of this scenario{}", name,
                         near.empty() ? "" : fmt::format(", did you mean '{}'?", near)),
             "name OSes that have an [[os]] table");
    }
  }

  const Scenario& scenario_;
  const MachineProfile& machine_;
  Problems& problems_;
};

}  // namespace

void check_resources(const Scenario& scenario, Problems& problems) {
  Checker(scenario, problems).check();
}

}  // namespace mint
