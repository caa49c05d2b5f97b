#include "emu/machine/bare_metal_run.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "emu/machine/multiboot_loader.hpp"
#include "emu/machine/recorder.hpp"
#include "emu/machine/symbols.hpp"

namespace mint {
namespace {

class BareMetalRecorder final : public Recorder {
 public:
  BareMetalRecorder(const RunRequest& request, RunObserver& observer)
      : Recorder(request, observer) {
    open_console(0, "serial", 0);
    open_console(MachineObserver::kDebugConsole, "debugcon", 1);
    const auto& program = request.scenario.bare_metal->program;
    if (program && request.trace != nullptr && !request.trace->symbol().empty())
      watched_ = find_elf_function(*program, request.trace->symbol());
  }

  // The symbol that the trace asks for.
  std::uint32_t scenario_probe_at(Core&, std::uint64_t pc) override {
    return watched_ && watched_->address == pc ? kWatched : 0;
  }

  void debug_exit(std::uint32_t value) override {
    Recorder::debug_exit(value);
    exit_code_ = static_cast<int>(value);
    end(value == 0, fmt::format("the guest wrote {} to port F4h", value));
  }

  void console_byte(unsigned uart, std::uint8_t) override {
    const EndCondition& condition = request_.scenario.end;
    if (condition.when == EndWhen::kConsoleText && console_text(uart).ends_with(condition.text))
      goal_reached(fmt::format("\"{}\" printed", condition.text));
  }

  void platform_reset(const std::string& why) override {
    Recorder::platform_reset(why);
    end(false, fmt::format("the machine was reset by {}", why));
  }

 protected:
  void fill_result(RunResult& result) override {
    result.exit_code = exit_code_;
    result.serial_output = console_text(0);
  }

 private:
  std::optional<int> exit_code_;
  std::optional<ElfFunction> watched_;
};

std::vector<std::uint8_t> read_rom(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw BadInput(fmt::format("{}: cannot be read", path.string()));
  std::vector<std::uint8_t> rom{std::istreambuf_iterator<char>(file), {}};
  // Its end is at FFFFFFFFh; what a page is short of lies before it.
  rom.insert(rom.begin(), (4096 - rom.size() % 4096) % 4096, 0xff);
  return rom;
}

}  // namespace

RunResult run_bare_metal(const RunRequest& request, RunObserver& observer) {
  const BareMetal& bare_metal = *request.scenario.bare_metal;
  MachineSetup setup;
  setup.profile = request.scenario.machine;
  setup.seed = request.seed;
  setup.debug_parts = bare_metal.debug_parts;
  setup.debug_command_line = bare_metal.append;
  for (const MemoryRange& range : request.scenario.shared.ranges)
    setup.shared.emplace_back(range.start, range.size());
  if (bare_metal.rom) setup.rom = read_rom(*bare_metal.rom);

  BareMetalRecorder recorder(request, observer);
  Machine machine(std::move(setup), recorder);
  machine.power_on();
  if (bare_metal.program) {
    machine.leave_like_bios();
    const mint_registers registers = load_multiboot(machine.memory(), bare_metal);
    machine.cores()[0]->start_at(registers);
  }
  return recorder.run(machine);
}

}  // namespace mint
