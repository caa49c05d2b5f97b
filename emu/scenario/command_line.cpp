#include "emu/scenario/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "emu/scenario/resources.hpp"
#include "emu/scenario/units.hpp"

namespace mint {

namespace {

// The interrupts that Linux takes the four serial ports of a PC to have.
constexpr unsigned kUsualUartIrqs[] = {4, 3, 4, 3};

class CommandLine {
 public:
  void add(const std::string& word) {
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
  line.add(fmt::format("mint.pci={}", fmt::join(functions, ",")));
  std::uint32_t pins = 0;
  for (unsigned pin : os.pins) pins |= 1U << pin;
  line.add(fmt::format("mint.pins={:#x}", pins));
  line.add(fmt::format("mint.uarts={:#x}", os.uart ? 1U << (*os.uart - 1) : 0U));
  if (os.uart) {
    const unsigned irq = scenario.machine.serial.irqs[*os.uart - 1];
    if (irq != kUsualUartIrqs[*os.uart - 1]) line.add(fmt::format("mint.uartirq={}", irq));
  }
  if (!scenario.shared.lock) return;
  const LockScope scope = scenario.shared.scope;
  line.add(fmt::format("mint.lock={:#x}", scenario.shared.lock->value) +
           (scope == LockScope::kAll
                ? ""
                : fmt::format(",{}", kLockScopes[static_cast<unsigned>(scope)])));
}

// A pin as the boot tool's MP table wants it: with the device whose INTA# it is, or as an ISA IRQ.
std::string pin_argument(const OsSpec& os, unsigned pin) {
  for (PciAddress function : os.pci) {
    if (inta_pin(function) == pin) {
      return fmt::format("{}=pci{:02x}:{:02x}", pin, function.bus, function.device);
    }
  }
  return std::to_string(pin);
}

// Linux puts the trampoline for its own cores at the end of base memory. Slots from 16 on reach
// there; then it goes into slot 0, which is the leader's anyway.
bool needs_low_trampoline(const Scenario& scenario) {
  if (scenario.purgatory != Purgatory::kSlot) return false;
  constexpr unsigned kFirstSlotAtEnd = 16;
  for (const OsSpec* follower : scenario.followers()) {
    if (!follower->cores.empty() && follower->cores[0].value >= kFirstSlotAtEnd) return true;
  }
  return false;
}

}  // namespace

std::string leader_command_line(const Scenario& scenario) {
  CommandLine line;
  const OsSpec* leader = scenario.leader();
  if (!leader) return {};
  add_console(line, *leader);
  if (!scenario.followers().empty()) {
    line.add(fmt::format("mem={} nr_cpus={} mint.physapic", format_size(leader->memory.end.value),
                         leader->cores.size()));
    add_ownership(line, scenario, *leader);
    if (needs_low_trampoline(scenario)) line.add("mint.trampoline=0x2000");
  } else {
    if (leader->memory.end.value < low_ram_end(scenario.machine)) {
      line.add(fmt::format("mem={}", format_size(leader->memory.end.value)));
    }
    if (leader->cores.size() < scenario.machine.cores) {
      line.add(fmt::format("nr_cpus={}", leader->cores.size()));
    }
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
  }
  add_ownership(line, scenario, follower);
  if (!follower.use_pit) {
    line.add(fmt::format("mint.nopit tsc=reliable tsc_early_khz={}",
                         scenario.machine.core_clock.count / 1000));
  }
  line.add(follower.cmdline);
  return line.take();
}

std::vector<std::string> boot_tool_arguments(const Scenario& scenario, const OsSpec& follower) {
  const std::uint64_t first = follower.memory.start.value;
  const std::uint64_t last = follower.memory.end.value - 1;  // ranges name their last byte
  std::vector<unsigned> cores;
  for (ApicId core : follower.cores) cores.push_back(core.value);
  std::vector<std::string> pins;
  for (unsigned pin : follower.pins) pins.push_back(pin_argument(follower, pin));
  std::vector<std::string> arguments{fmt::format("--mint-core={}", cores.empty() ? 0 : cores[0]),
                                     fmt::format("--mint-cores={}", fmt::join(cores, ",")),
                                     fmt::format("--mint-map={:#x}-{:#x}", first, last),
                                     fmt::format("--mem-min={:#x}", first),
                                     fmt::format("--mem-max={:#x}", last)};
  // Without a UART and a disk it has none.
  if (!pins.empty()) {
    arguments.insert(arguments.begin() + 2, fmt::format("--mint-pins={}", fmt::join(pins, ",")));
  }
  constexpr const char* kPurgatories[] = {"slot", "locked", "shared", "none"};
  if (scenario.purgatory != Purgatory::kSlot) {
    arguments.push_back(
        fmt::format("--purgatory={}", kPurgatories[static_cast<unsigned>(scenario.purgatory)]));
  }
  if (scenario.slot_check == SlotCheck::kNobody) arguments.emplace_back("--mint-unchecked");
  return arguments;
}

}  // namespace mint
