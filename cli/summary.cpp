// `mintsim check`: what a scenario amounts to.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/report.hpp"
#include "cli/table.hpp"
#include "emu/scenario/command_line.hpp"
#include "emu/scenario/resources.hpp"
#include "emu/scenario/units.hpp"

namespace mint {

namespace {

std::string join_cores(const OsSpec& os) {
  std::vector<unsigned> cores;
  for (ApicId core : os.cores) cores.push_back(core.value);
  return fmt::format("{}", fmt::join(cores, ","));
}

std::string join_functions(const OsSpec& os) {
  std::vector<std::string> functions;
  for (PciAddress function : os.pci) functions.push_back(to_string(function));
  return functions.empty() ? std::string(1, '-') : fmt::format("{}", fmt::join(functions, ","));
}

std::string slot(const Scenario& scenario, const OsSpec& os) {
  if (os.role == Role::kLeader || os.cores.empty()) return std::string(1, '-');
  return fmt::format("{:#x}", purgatory_place(scenario, os.cores[0]).start.value);
}

std::string uart(const OsSpec& os) {
  return os.uart ? fmt::format("COM{}", *os.uart) : std::string(1, '-');
}

}  // namespace

std::string scenario_summary(const Scenario& scenario) {
  const MachineProfile& machine = scenario.machine;
  std::string text =
      fmt::format("{}: {}\nmachine {}: {} cores at {:g} MHz, {} of RAM, hole \"{}\"\n",
                  scenario.name, scenario.description, machine.name, machine.cores,
                  static_cast<double>(machine.core_clock.count) / 1e6, format_size(machine.memory),
                  machine.hole == LegacyHole::kPc ? "pc" : "ram");
  if (scenario.bare_metal) {
    const auto& guest =
        scenario.bare_metal->program ? scenario.bare_metal->program : scenario.bare_metal->rom;
    return text + fmt::format("guest {}{}\n", guest ? guest->filename().string() : "?",
                              scenario.bare_metal->debug_parts ? ", with QEMU's debug parts" : "");
  }
  Table table({"", "role", "cores", "memory", "slot", "UART", "PCI", "pins", "kernel"});
  table.left_from(1);
  bool known = true;
  for (const OsSpec& os : scenario.os) {
    table.add({os.name, os.role == Role::kLeader ? "leader" : "follower", join_cores(os),
               to_string(os.memory), slot(scenario, os), uart(os), join_functions(os),
               fmt::format("{}", fmt::join(os.pins, ",")), os.kernel.name});
    known = known && !os.kernel.path.empty();
  }
  text += fmt::format("\n{}", table.text());
  for (const OsSpec& os : scenario.os) {
    if (!os.nic) continue;
    text += fmt::format("{}: NIC {} with address {} on network {}\n", os.name,
                        to_string(os.nic->function), to_string(os.nic->mac), os.nic->network);
  }
  if (!known) {
    return text +
           "\nSome kernels are not built yet (mintsim images build): they were not looked at.\n";
  }
  text += "\nKernel command lines\n";
  for (const OsSpec& os : scenario.os) {
    text += fmt::format("  {}: {}\n", os.name,
                        os.role == Role::kLeader ? leader_command_line(scenario)
                                                 : follower_command_line(scenario, os));
  }
  for (const OsSpec* os : scenario.followers()) {
    text += fmt::format("  {}: kexec -l {}\n", os->name,
                        fmt::join(boot_tool_arguments(scenario, *os), " "));
  }
  return text;
}

}  // namespace mint
