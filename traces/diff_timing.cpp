#include "traces/diff_timing.hpp"

#include <fmt/format.h>

#include <map>

namespace mint {
namespace {

constexpr std::uint64_t kDataBytes = 512;  // what a controller moves less of is its own bookkeeping

std::vector<OwnedEvent> timed_events(RunStore& store, std::int64_t run) {
  std::vector<OwnedEvent> events;
  store.events(run, [&](const TraceEvent& e) {
    switch (e.kind) {
      // Things of one core or device, in an order that times do not change.
      case TraceKind::kStart:
      case TraceKind::kModeSwitch:
      case TraceKind::kInterrupt:
      case TraceKind::kDiskCommand:
      case TraceKind::kRedirection:
      case TraceKind::kPostCode:
      case TraceKind::kProbe:
        events.emplace_back(e);
        break;
      default:
        break;
    }
    return true;
  });
  return events;
}

// Events that come in order among themselves: of a core, or of a disk.
std::uint64_t lane_of(const TraceEvent& e) {
  if (e.kind == TraceKind::kDiskCommand) return 1000 + e.argument(0);
  return e.core;
}

std::string disk_parts(const TraceEvent& a, const TraceEvent& b) {
  static constexpr DiskArgument kParts[] = {DiskArgument::kWait,     DiskArgument::kOverhead,
                                            DiskArgument::kSeek,     DiskArgument::kRotation,
                                            DiskArgument::kTransfer, DiskArgument::kBus};
  std::string text;
  for (const DiskArgument part : kParts) {
    const auto i = static_cast<std::size_t>(part);
    if (a.argument(i) == b.argument(i)) continue;
    text += fmt::format("{}{} {} / {} cycles", text.empty() ? ": " : ", ",
                        describe(a.kind).arguments[i], a.argument(i), b.argument(i));
  }
  return text;
}

bool same_content(const TraceEvent& a, const TraceEvent& b) {
  if (a.kind != b.kind || a.text != b.text) return false;
  if (a.kind == TraceKind::kDiskCommand) {
    for (const DiskArgument i :
         {DiskArgument::kCommand, DiskArgument::kLba, DiskArgument::kSectors})
      if (a.argument(static_cast<std::size_t>(i)) != b.argument(static_cast<std::size_t>(i)))
        return false;
    return true;
  }
  for (std::size_t i = 0; i < a.arguments.size(); ++i)
    if (a.argument(i) != b.argument(i)) return false;
  return true;
}

}  // namespace

std::vector<StageDifference> stage_differences(RunStore& store, const StoredRun& a,
                                               const StoredRun& b) {
  std::vector<StageDifference> list;
  const auto length = [](const StoredRun& run, const StoredStage& stage) {
    return stage.ended ? std::optional(seconds(*stage.ended - stage.begun, run.core_clock))
                       : std::nullopt;
  };
  for (const StoredStage& stage : store.stages(a.id))
    list.push_back({a.os_name(static_cast<std::uint8_t>(stage.os)), stage.stage, length(a, stage),
                    std::nullopt});
  for (const StoredStage& stage : store.stages(b.id)) {
    const std::string os = b.os_name(static_cast<std::uint8_t>(stage.os));
    StageDifference* known = nullptr;
    for (StageDifference& each : list)
      if (each.os == os && each.stage == stage.stage) known = &each;
    if (known == nullptr) known = &list.emplace_back(StageDifference{os, stage.stage, {}, {}});
    known->b = length(b, stage);
  }
  return list;
}

std::optional<TimeDifference> first_time_difference(RunStore& store, const StoredRun& a,
                                                    const StoredRun& b) {
  std::map<std::uint64_t, std::vector<OwnedEvent>> lanes;
  for (OwnedEvent& e : timed_events(store, b.id)) lanes[lane_of(e.event)].push_back(e);
  std::map<std::uint64_t, std::size_t> next;
  std::optional<TimeDifference> first;
  for (const OwnedEvent& in_a : timed_events(store, a.id)) {
    const TraceEvent& x = in_a.event;
    if (first && x.at >= first->at_a) continue;
    const std::uint64_t lane = lane_of(x);
    std::size_t& i = next[lane];
    if (i >= lanes[lane].size()) continue;
    const TraceEvent& y = lanes[lane][i++].event;
    if (!same_content(x, y)) {
      i = lanes[lane].size();  // no longer the same events
      continue;
    }
    const std::string parts = x.kind == TraceKind::kDiskCommand ? disk_parts(x, y) : "";
    if (x.at == y.at && parts.empty()) continue;
    std::string what = event_text(x) + parts;
    if (x.core != TraceEvent::kNone) what = fmt::format("core {}: {}", x.core, what);
    first = TimeDifference{x.at, y.at, std::move(what)};
    i = lanes[lane].size();
  }
  return first;
}

std::optional<DataDifference> first_disk_data_difference(RunStore& store, const StoredRun& a,
                                                         const StoredRun& b) {
  // By disk: what it moved to memory, in order.
  std::map<std::uint64_t, std::vector<OwnedEvent>> lanes;
  const auto is_data = [](const TraceEvent& e) {
    return e.kind == TraceKind::kDma && e.argument(1) != 0 && e.argument(3) >= kDataBytes;
  };
  store.events(b.id, [&](const TraceEvent& e) {
    if (is_data(e)) lanes[e.argument(0)].emplace_back(e);
    return true;
  });
  std::map<std::uint64_t, std::size_t> next;
  std::optional<OwnedEvent> found;
  std::optional<DataDifference> first;
  // Data move before the record of their command, at the same time.
  store.events(a.id, [&](const TraceEvent& e) {
    if (found) {
      if (e.kind != TraceKind::kDiskCommand || e.argument(0) != found->event.argument(0))
        return true;
      first = DataDifference{
          found->event.at,
          fmt::format("{}: {} bytes that it moved to memory at {:x}h differ", event_text(e),
                      found->event.argument(3), found->event.argument(2))};
      return false;
    }
    if (!is_data(e)) return true;
    std::size_t& i = next[e.argument(0)];
    const auto& lane = lanes[e.argument(0)];
    if (i >= lane.size()) return true;
    const TraceEvent& other = lane[i++].event;
    const bool same_place =
        other.argument(3) == e.argument(3) && other.argument(2) == e.argument(2);
    if (!same_place) {
      i = lane.size();  // no longer the same commands
    } else if (other.argument(4) != e.argument(4)) {
      found.emplace(e);
    }
    return true;
  });
  return first;
}

}  // namespace mint
