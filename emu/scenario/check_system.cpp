// Checks of one OS: kernel, cores, memory, devices.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "emu/scenario/checker.hpp"
#include "emu/scenario/repeat_os.hpp"
#include "emu/scenario/resources.hpp"
#include "emu/scenario/units.hpp"

namespace mint {

namespace {

class SystemChecker : Checker {
 public:
  using Checker::Checker;

  void check(const OsSpec& os) {
    check_needs(os);
    check_cores(os);
    check_memory(os);
    check_devices(os);
  }

 private:
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
    const bool slots =
        scenario_.purgatory == Purgatory::kSlot && scenario_.slot_check == SlotCheck::kScenario;
    const unsigned last = slots ? last_boot_core(machine_.hole) : kMaxCount;
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
                 ? fmt::format("list one of cores 1-{} first, or set start.purgatory = \"shared\"",
                               last)
                 : fmt::format("list one of cores 1-{} first, or set machine.hole = \"ram\" (cores "
                               "up to 27)",
                               last),
             scenario_.place("machine.hole"));
    }
  }

  // The firmware's MP table lists every core, and nr_cpus= takes the first ones of it.
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

  void check_ram(const OsSpec& os) {
    const std::uint64_t low = low_ram_end(machine_);
    const std::uint64_t high = high_ram_end(machine_);
    if (os.memory.end.value <= low) {
      if (os.role == Role::kFollower && os.memory.end.value > low - kFirmwareTables) {
        report(os, "memory",
               fmt::format("'{}' wants memory {}, and the firmware keeps its tables in the last "
                           "{} KB of RAM below 4G, {}",
                           os.name, to_string(os.memory), kFirmwareTables >> 10,
                           to_string(MemoryRange{{low - kFirmwareTables}, {low}})),
               "end it before them or set machine.memory higher",
               scenario_.place("machine.memory"));
      }
      return;
    }
    if (os.memory.start.value < kHighRam || os.memory.end.value > high) {
      const bool split = high > kHighRam;
      report(
          os, "memory",
          fmt::format("'{}' wants memory {}, but RAM{} ends at {}{}", os.name, to_string(os.memory),
                      split ? " below the PCI window" : "", format_size(low),
                      split ? fmt::format(" and goes on from 4G to {}", format_size(high)) : ""),
          split ? "choose a range within one of the two"
                : "choose a lower range or set machine.memory higher",
          scenario_.place("machine.memory"));
    } else if (os.role == Role::kFollower && scenario_.purgatory != Purgatory::kSlot) {
      report(os, "memory",
             fmt::format("'{}' wants memory above 4G, for which its core needs a purgatory slot of "
                         "its own",
                         os.name),
             "choose a range below 3G, or start.purgatory = \"slot\"",
             scenario_.place("start.purgatory"));
    }
  }

  void check_memory(const OsSpec& os) {
    if (os.memory.size() == 0) return;
    check_ram(os);
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
};

}  // namespace

void check_system(const Scenario& scenario, const OsSpec& os, Problems& problems) {
  SystemChecker(scenario, problems).check(os);
}

}  // namespace mint
