// The part of engine_bench that takes more than a core: inter-processor interrupts, AHCI transfers,
// saving and restoring a chip's state, whole boots.
//
// `boot` is that of bench/boot-halt.toml, whose images are built when they are missing, and `ipi`
// the program of that name; an iteration is a whole run.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <stdexcept>

#include "bench/compare/measure.hpp"
#include "emu/machine/run.hpp"
#include "emu/scenario/problem.hpp"
#include "tests/devices/ahci_board.hpp"

namespace mint {
namespace {

namespace fs = std::filesystem;

class Silence final : public RunObserver {
 public:
  void progress(const Progress&) override {}
  void console(unsigned, std::string_view) override {}
};

benchmark::Counter rate(double count) { return {count, benchmark::Counter::kIsRate}; }

RunResult run_once(const bench::Target& target, const Installation& installation,
                   const fs::path& out) {
  LoadOptions options;
  options.profile_dirs.push_back(installation.profiles());
  Problems problems;
  RunRequest request;
  request.scenario = target.file.extension() == ".toml"
                         ? load_scenario(target.file.string(), options, problems)
                         : bare_metal_scenario(target.file, options, problems);
  check_files(request.scenario, problems);
  if (!problems.empty()) throw BadInput(to_string(problems[0]));
  request.out_dir = out;
  request.firmware_dir = installation.firmware;
  Silence silence;
  return run_scenario(request, silence);
}

void run_whole(benchmark::State& state, const char* what) {
  const Installation installation =
      find_installation(fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "mintsim");
  try {
    bench::Workbench workbench(installation);
    const bench::Target target = workbench.prepare(what);
    std::uint64_t instructions = 0;
    std::uint64_t cycles = 0;
    for ([[maybe_unused]] auto _ : state) {
      const RunResult result = run_once(target, installation, target.file.parent_path());
      if (!result.goal_met) throw BadInput(result.reason);
      instructions += result.instructions;
      cycles = result.end.count;
    }
    state.counters["instructions"] = rate(static_cast<double>(instructions));
    state.counters["simulated_cycles"] = static_cast<double>(cycles);
  } catch (const BadInput& error) {
    state.SkipWithError(error.what());
  }
}

void ipi(benchmark::State& state) { run_whole(state, "ipi"); }
BENCHMARK(ipi)->Unit(benchmark::kMillisecond);

void boot(benchmark::State& state) { run_whole(state, MINTSIM_SOURCE_DIR "/bench/boot-halt.toml"); }
BENCHMARK(boot)->Unit(benchmark::kMillisecond);

// READ DMA EXT of 64 KB, one after the other, over the disk's first 64 MB.
void ahci(benchmark::State& state) {
  AhciBoard board;
  if (!board.bring_up()) return state.SkipWithError("the port does not come up");
  constexpr std::uint8_t kReadDmaExt = 0x25;
  constexpr std::uint16_t kSectors = 128;
  const Cycles begin = board.queue_.now();
  std::uint64_t lba = 0;
  for ([[maybe_unused]] auto _ : state) {
    if (!board.command(kReadDmaExt, lba, kSectors, {{AhciBoard::kBuffer, kSectors * 512}}))
      return state.SkipWithError("a command fails");
    lba = (lba + kSectors) % 131'072;
  }
  const auto bytes = static_cast<double>(state.iterations()) * kSectors * 512;
  state.counters["bytes"] = rate(bytes);
  state.counters["simulated_MB_s"] = bytes / 1e6 * static_cast<double>(AhciBoard::kClock.count) /
                                     static_cast<double>((board.queue_.now() - begin).count);
}
BENCHMARK(ahci);

// The chips' part of a snapshot: a controller's and a disk's state, out and in again.
void state_of_chips(benchmark::State& state) {
  AhciBoard board;
  if (!board.bring_up()) return state.SkipWithError("the port does not come up");
  for ([[maybe_unused]] auto _ : state) {
    restore(*board.ahci_, save(*board.ahci_));
    restore(*board.disk_, save(*board.disk_));
  }
  state.counters["snapshots"] = rate(static_cast<double>(state.iterations()));
}
BENCHMARK(state_of_chips);

}  // namespace
}  // namespace mint
