// What follows from a scenario's keys without being written: default UARTs, disk controllers and
// pins.
#include "emu/scenario/resources.hpp"

#include <algorithm>
#include <set>

#include "emu/scenario/load.hpp"

namespace mint {

MemoryRange purgatory_slot(ApicId core) {
  const std::uint64_t start = kPurgatorySlot * core.value;
  return {PhysAddr{start}, PhysAddr{start + kPurgatorySlot}};
}

MemoryRange purgatory_place(const Scenario& scenario, ApicId core) {
  if (scenario.purgatory == Purgatory::kSlot) return purgatory_slot(core);
  return {PhysAddr{kOnePurgatory}, PhysAddr{kOnePurgatory + kPurgatorySlot}};
}

unsigned last_boot_core(LegacyHole hole) { return hole == LegacyHole::kPc ? 16 : 27; }

unsigned inta_pin(PciAddress function) { return 16 + function.device % 8; }

std::uint64_t low_ram_end(const MachineProfile& machine) {
  return std::min(machine.memory, kPciHole);
}

std::uint64_t high_ram_end(const MachineProfile& machine) {
  return kHighRam + machine.memory - low_ram_end(machine);
}

namespace {

void assign_uarts(Scenario& scenario) {
  std::set<unsigned> taken;
  for (const OsSpec& os : scenario.os) {
    if (os.uart) taken.insert(*os.uart);
  }
  for (OsSpec& os : scenario.os) {
    if (os.uart || scenario.places.contains(os.key + ".uart")) continue;
    unsigned uart = 1;
    while (taken.contains(uart)) uart++;
    if (uart > 4) return;
    os.uart = uart;
    taken.insert(uart);
  }
}

// A disk brings an AHCI controller, the next free one from 00:04.0 upwards.
void assign_controllers(Scenario& scenario) {
  std::set<PciAddress> taken;
  for (const OsSpec& os : scenario.os) taken.insert(os.pci.begin(), os.pci.end());
  unsigned device = kFirstDiskDevice;
  for (OsSpec& os : scenario.os) {
    const bool has_disk = os.disk.has_value() || os.role == Role::kLeader;
    if (!has_disk || scenario.places.contains(os.key + ".pci")) continue;
    PciAddress controller{0, static_cast<std::uint8_t>(device), 0};
    while (taken.contains(controller)) controller.device++;
    taken.insert(controller);
    os.pci.insert(os.pci.begin(), controller);
    device = controller.device + 1U;
  }
}

bool has_pin(const OsSpec& os, unsigned pin) {
  return std::find(os.pins.begin(), os.pins.end(), pin) != os.pins.end();
}

// Networks and MAC addresses that are left out, and the functions: the first free one from 00:08.0
// upwards whose INTA# is no other NIC's (a NIC interrupts by it) and no pin that another OS claims.
void assign_nics(Scenario& scenario) {
  std::set<PciAddress> taken;
  std::set<unsigned> wires;
  bool any = false;
  for (const OsSpec& os : scenario.os) {
    taken.insert(os.pci.begin(), os.pci.end());
    any = any || os.nic;
  }
  if (any && scenario.networks.empty() && !scenario.places.contains("network"))
    scenario.networks.push_back({.key = {}, .name = std::string(kDefaultNetwork), .pcap = false});
  for (std::size_t i = 0; i < scenario.os.size(); i++) {
    OsSpec& os = scenario.os[i];
    if (!os.nic) continue;
    NicSpec& nic = *os.nic;
    if (nic.network.empty() && !scenario.networks.empty())
      nic.network = scenario.networks.front().name;
    // Locally administered: 02, "MINT", a number.
    if (!nic.mac_given) nic.mac = {0x02, 'M', 'I', 'N', 'T', static_cast<std::uint8_t>(i)};
    for (std::uint8_t device = kFirstNicDevice; device < 0x1F; device++) {
      const PciAddress function{0, device, 0};
      const unsigned pin = inta_pin(function);
      const bool claimed =
          std::any_of(scenario.os.begin(), scenario.os.end(), [&](const OsSpec& other) {
            return &other != &os && other.pins_given && has_pin(other, pin);
          });
      if (taken.contains(function) || wires.contains(pin) || claimed) continue;
      nic.function = function;
      taken.insert(function);
      wires.insert(pin);
      os.pci.push_back(function);
      break;
    }
  }
}

// The UART's pin, a NIC's INTA#, the disk's INTA# where nobody else has that wire (AHCI uses MSI,
// so it can do without), and for the leader what comes with a PC: 8259 (0), keyboard (1), timer
// (2), RTC (8).
void assign_pins(Scenario& scenario) {
  std::set<unsigned> taken;
  for (const OsSpec& os : scenario.os) {
    taken.insert(os.pins.begin(), os.pins.end());
    if (os.nic) taken.insert(inta_pin(os.nic->function));
  }
  for (OsSpec& os : scenario.os) {
    if (os.pins_given || scenario.places.contains(os.key + ".pins")) continue;
    std::set<unsigned> pins;
    if (os.role == Role::kLeader && &os == &scenario.os[0]) pins = {0, 1, 2, 8};
    if (os.uart) pins.insert(scenario.machine.serial.irqs[*os.uart - 1]);
    for (PciAddress function : os.pci) {
      const bool is_nic = os.nic && os.nic->function == function;
      if (is_nic || !taken.contains(inta_pin(function))) pins.insert(inta_pin(function));
    }
    os.pins.assign(pins.begin(), pins.end());
    taken.insert(pins.begin(), pins.end());
  }
}

}  // namespace

void assign_resources(Scenario& scenario) {
  // The leader first, whatever the order in the file: it owns what the followers are given.
  std::stable_sort(scenario.os.begin(), scenario.os.end(),
                   [](const OsSpec& a, const OsSpec& b) { return a.role < b.role; });
  const bool alone = scenario.followers().empty();
  for (OsSpec& os : scenario.os) {
    if (os.role == Role::kLeader && os.cores.empty() &&
        !scenario.places.contains(os.key + ".cores")) {
      const unsigned count = alone ? scenario.machine.cores : 1;
      for (unsigned core = 0; core < count; core++) {
        os.cores.push_back({static_cast<std::uint8_t>(core)});
      }
    }
    if (os.memory.size() == 0 && alone && !scenario.places.contains(os.key + ".memory")) {
      os.memory = {PhysAddr{0}, PhysAddr{low_ram_end(scenario.machine)}};
    }
    if (os.up_marker.empty()) os.up_marker = "mint: daemons up";
  }
  for (Typing& typing : scenario.typing) {
    for (const OsSpec& os : scenario.os) {
      if (os.name == typing.os && typing.after.empty()) typing.after = os.up_marker;
    }
  }
  assign_uarts(scenario);
  assign_controllers(scenario);
  assign_nics(scenario);
  assign_pins(scenario);
  if (scenario.end.os.empty() && !scenario.os.empty()) {
    for (const OsSpec& os : scenario.os) {
      if (alone || os.role == Role::kFollower) scenario.end.os.push_back(os.name);
    }
  }
}

}  // namespace mint
