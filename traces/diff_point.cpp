#include "traces/diff_point.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "traces/diff_events.hpp"

namespace mint {

std::uint8_t os_of_core(const StoredRun& run, unsigned core) {
  for (const StoredOs& os : run.os) {
    const std::string list = "," + os.cores + ",";
    if (list.find(fmt::format(",{},", core)) != std::string::npos)
      return static_cast<std::uint8_t>(os.number);
  }
  return TraceEvent::kNone;
}

const Item* block_before(const std::vector<Item>& items, std::size_t before) {
  while (before-- > 0)
    if (items[before].what == Item::What::kBlock) return &items[before];
  return nullptr;
}

PointFinder::Side::Side(RunStore& store, const StoredRun& of, const ScenarioRunner& scenario_runner,
                        const Installation& installed)
    : run(of), checkpoints(store, of.id), runner(scenario_runner), installation(installed) {}

void PointFinder::Side::start(const std::vector<Window>& windows) {
  process.emplace(fmt::format("run {}", run.id), windows, checkpoints,
                  [this](WindowSink& sink, RerunProcess::Memory& memory) {
                    Rerun again(run, runner, installation, folder.path());
                    for (const OsSpec& os : again.request().scenario.os)
                      for (const ApicId core : os.cores) memory[core.value] = os.memory;
                    again.run(sink);
                  });
}

// Other than as stored, a run tells nothing of why the stored ones part.
void PointFinder::Side::check() {
  const auto mismatch = process->mismatch();
  if (!mismatch) return;
  throw StoreError(fmt::format(
      "run {} comes out otherwise with this program, from before {} on (recorded by mintsim {}, "
      "{}): what is stored tells no more",
      run.id, run.time(*mismatch), run.program_version, run.program_hash.substr(0, 12)));
}

PointFinder::PointFinder(RunStore& store, const StoredRun& a, const StoredRun& b,
                         const ScenarioRunner& runner, const Installation& installation)
    : store_(store), a_(store, a, runner, installation), b_(store, b, runner, installation) {}

Divergence PointFinder::coarse(RunStore& store, const StoredRun& run_a, const StoredRun& run_b,
                               const Parting& parting) {
  Divergence d = window_of(run_a, parting);
  narrow_by_events(store, run_a, run_b, parting, d);
  return d;
}

Divergence PointFinder::window_of(const StoredRun& a, const Parting& parting) {
  Divergence d;
  d.core_a = parting.cores.a;
  d.core_b = parting.cores.b;
  d.os = a.os_name(os_of_core(a, parting.cores.a));
  d.retired = parting.a.from;
  d.until = parting.a.to;
  d.at_a = parting.at;
  return d;
}

std::vector<Divergence> PointFinder::find(std::vector<Parting> partings) {
  std::vector<Found> found = locate(std::move(partings));
  std::vector<Divergence> list;
  list.reserve(found.size());
  for (const Found& each : found) list.push_back(describe(each));
  if (list.empty()) return list;
  capture(found.front(), list.front());
  follow(found.front(), list.front());
  return list;
}

}  // namespace mint
