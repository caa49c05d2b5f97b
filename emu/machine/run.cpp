#include "emu/machine/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "emu/machine/bare_metal_run.hpp"
#include "emu/machine/os_recorder.hpp"

namespace mint {
namespace {

constexpr char kPostSignature[] = "MINTPOST";
constexpr std::size_t kPostName = 28;
constexpr std::size_t kPostEntry = kPostName + 4;

// Writes the profile's waits into the table of the ROM (docs/board.md, "Firmware ROM").
void set_post_waits(std::vector<std::uint8_t>& rom, const std::vector<PostWait>& waits) {
  std::size_t table = 0;
  while (table + 16 <= rom.size() && std::memcmp(&rom[table], kPostSignature, 8) != 0) table += 16;
  if (table + 16 > rom.size()) throw std::runtime_error("bios.bin has no table of waits");
  const std::size_t count = rom[table + 8] | rom[table + 9] << 8;
  const std::size_t first = table + 10;
  if (count * kPostEntry > rom.size() - first)
    throw std::runtime_error("the table of waits in bios.bin is damaged");
  for (const PostWait& wait : waits) {
    std::size_t entry = 0;
    const auto name_of = [&](std::size_t i) {
      const char* name = reinterpret_cast<const char*>(&rom[first + i * kPostEntry]);
      return std::string(name, strnlen(name, kPostName));
    };
    while (entry < count && name_of(entry) != wait.name) ++entry;
    if (entry == count) {
      std::string known;
      for (std::size_t i = 0; i < count; ++i) known += (i == 0 ? "" : ", ") + name_of(i);
      throw BadInput(fmt::format("machine.post.{}: the firmware has no such wait; it has {}",
                                 wait.name, known));
    }
    std::memcpy(&rom[first + entry * kPostEntry + kPostName], &wait.milliseconds, 4);
  }
}

std::vector<std::uint8_t> read_firmware(const RunRequest& request) {
  const std::filesystem::path path = request.firmware_dir / "bios.bin";
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(fmt::format("{}: cannot be read", path.string()));
  std::vector<std::uint8_t> rom{std::istreambuf_iterator<char>(file), {}};
  set_post_waits(rom, request.scenario.machine.post);
  return rom;
}

MachineSetup setup_of(const RunRequest& request) {
  const Scenario& scenario = request.scenario;
  MachineSetup setup;
  setup.profile = scenario.machine;
  setup.seed = request.seed;
  setup.rom = read_firmware(request);
  for (const MemoryRange& range : scenario.shared.ranges)
    setup.shared.emplace_back(range.start, range.size());
  for (const OsSpec& os : scenario.os) {
    if (!os.disk || os.pci.empty()) continue;
    setup.disks.push_back({.pci_device = os.pci.front().device,
                           .image = os.disk->path.string(),
                           .serial = "MINT-" + os.name,
                           .group = static_cast<unsigned>(&os - scenario.os.data())});
  }
  for (const OsSpec& os : scenario.os) {
    const auto has_it = [&os](const OsSpec& other) { return other.uart == os.uart; };
    if (os.uart && std::ranges::count_if(scenario.os, has_it) == 1)
      setup.uart_groups[*os.uart - 1] = static_cast<unsigned>(&os - scenario.os.data());
  }
  for (const NetworkSpec& network : scenario.networks) setup.networks.push_back(network.name);
  for (const OsSpec& os : scenario.os) {
    if (!os.nic) continue;
    unsigned network = 0;
    while (scenario.networks[network].name != os.nic->network) ++network;
    setup.nics.push_back(
        {.pci_device = os.nic->function.device, .mac = os.nic->mac, .network = network});
  }
  setup.groups.resize(setup.profile.cores);
  setup.start_delays.resize(setup.profile.cores);
  for (const OsSpec& os : scenario.os)
    setup.start_delays[os.cores.front().value] = {os.start_delay_us *
                                                  (setup.profile.core_clock.count / 1'000'000)};
  for (std::size_t i = 0; i < scenario.os.size(); ++i)
    for (const ApicId core : scenario.os[i].cores)
      setup.groups[core.value] = static_cast<unsigned>(i);
  return setup;
}

// What the recorder can follow only where all OSes have come to the same time.
std::string why_one_job(const RunRequest& request) {
  const EndCondition& end = request.scenario.end;
  if (request.trace != nullptr) return "the run is recorded";
  if (request.console_to_observer) return "consoles are shown";
  if (!request.scenario.meetings.empty()) return "OSes meet";
  // In what order its cores run within a slice hangs on all others' events.
  for (const OsSpec& os : request.scenario.os)
    if (os.cores.size() > 1) return "an OS has several cores";
  if (end.stall_s > 0) return "the scenario ends when OSes stall";
  if (end.when != EndWhen::kDaemonsUp && end.when != EndWhen::kConsoleText)
    return "of what the scenario waits for";
  return "";
}

}  // namespace

RunResult run_scenario(const RunRequest& request, RunObserver& observer) {
  if (request.scenario.bare_metal) return run_bare_metal(request, observer);
  MachineSetup setup = setup_of(request);
  setup.jobs = request.jobs;
  setup.known_code = request.known_code;
  std::string one_job;
  if (request.jobs > 1) {
    one_job = why_one_job(request);
    if (one_job.empty()) one_job = why_not_lanes(setup, Ownership(setup));
    if (one_job.empty()) {
      OsRecorder recorder(request, observer);
      Machine machine(setup, recorder);
      machine.power_on();
      RunResult result = recorder.run(machine);
      result.jobs = request.jobs;
      if (result.one_job.empty()) return result;
      one_job = std::move(result.one_job);
    }
  }
  setup.jobs = 1;
  OsRecorder recorder(request, observer);
  Machine machine(std::move(setup), recorder);
  machine.power_on();
  RunResult result = recorder.run(machine);
  result.one_job = std::move(one_job);
  return result;
}

}  // namespace mint
