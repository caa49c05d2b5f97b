#include "emu/scenario/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "emu/scenario/resources.hpp"
#include "emu/scenario/units.hpp"

namespace mint {

namespace {

// Where the follower's MP floating pointer is in its purgatory slot (guest/kexec-tools).
constexpr std::uint64_t kMpTableOffset = 0x10;

class CommandLine {
 public:
  void add(std::string word) {
    if (word.empty()) return;
    if (!text_.empty()) text_ += ' ';
    text_ += word;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_console(CommandLine& line, const OsSpec& os) {
  if (os.uart) line.add(fmt::format("console=ttyS{},115200", *os.uart - 1));
}

// What both a leader with followers and a follower keep to.
void add_ownership(CommandLine& line, const Scenario& scenario, const OsSpec& os) {
  std::vector<std::string> functions;
  for (PciAddress function : os.pci) functions.push_back(to_string(function));
  line.add(fmt::format("mint.pci={}",
                       functions.empty() ? "none" : fmt::format("{}", fmt::join(functions, ","))));
  std::uint32_t pins = 0;
  for (unsigned pin : os.pins) pins |= 1U << pin;
  line.add(fmt::format("mint.pins={:#x}", pins));
  line.add(fmt::format("mint.uarts={:#x}", os.uart ? 1U << (*os.uart - 1) : 0U));
  if (os.uart) {
    line.add(fmt::format("mint.uartirq={}", scenario.machine.serial.irqs[*os.uart - 1]));
  }
  if (scenario.shared.lock) line.add(fmt::format("mint.lock={:#x}", scenario.shared.lock->value));
  // IPIs by shorthand would reach the cores of other OSes.
  line.add("no_ipi_broadcast=1");
}

// Physical destinations: logical APIC IDs of different kernels collide (thesis, 5.2).
void add_physical_apic(CommandLine& line, const OsSpec& os) {
  line.add(os.wide ? "possible_cpus=9" : "apic=bigsmp");
}

}  // namespace

std::string leader_command_line(const Scenario& scenario) {
  CommandLine line;
  const OsSpec* leader = scenario.leader();
  if (!leader) return {};
  add_console(line, *leader);
  if (!scenario.followers().empty()) {
    line.add(fmt::format("mem={}", format_size(leader->memory.end.value)));
    line.add(fmt::format("maxcpus={}", leader->cores.size()));
    add_ownership(line, scenario, *leader);
    add_physical_apic(line, *leader);
  }
  line.add(leader->cmdline);
  return line.take();
}

std::string follower_command_line(const Scenario& scenario, const OsSpec& follower) {
  CommandLine line;
  add_console(line, follower);
  line.add("mint.follower");
  if (!follower.cores.empty()) {
    line.add(fmt::format("mint.name={} mint.core={}", follower.name, follower.cores[0].value));
    line.add(fmt::format("mint.mp={:#x}",
                         purgatory_slot(follower.cores[0]).start.value + kMpTableOffset));
  }
  add_ownership(line, scenario, follower);
  line.add("mint.nopit");
  add_physical_apic(line, follower);
  // The leader's PCI functions are not to be looked at, and a panic must not reset the machine.
  line.add("pci=noearly panic=0 tsc=reliable");
  if (!follower.calibrate_tsc) {
    line.add(fmt::format("tsc_early_khz={}", scenario.machine.core_clock.count / 1000));
  }
  line.add(follower.cmdline);
  return line.take();
}

std::vector<std::string> boot_tool_arguments(const OsSpec& follower) {
  std::vector<std::string> map;
  // kexec-tools' ranges name their last byte.
  const auto add = [&](const MemoryRange& range) {
    map.push_back(fmt::format("{:#x}-{:#x}", range.start.value, range.end.value - 1));
  };
  if (follower.low_memory) add(*follower.low_memory);
  add(follower.memory);
  std::vector<unsigned> cores;
  for (ApicId core : follower.cores) cores.push_back(core.value);
  return {fmt::format("--mint-core={}", cores.empty() ? 0 : cores[0]),
          fmt::format("--mint-map={}", fmt::join(map, ",")),
          fmt::format("--mint-cores={}", fmt::join(cores, ",")),
          fmt::format("--mint-pins={}", fmt::join(follower.pins, ",")),
          fmt::format("--mem-min={:#x}", follower.memory.start.value),
          fmt::format("--mem-max={:#x}", follower.memory.end.value - 1)};
}

}  // namespace mint
