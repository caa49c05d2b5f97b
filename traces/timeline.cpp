#include "traces/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace mint {
namespace {

class Builder {
 public:
  explicit Builder(const StoredRun& run) : run_(run) {}

  void add(const TraceEvent& e) {
    timeline_.end = std::max(timeline_.end, ns(e.at.count));
    switch (e.kind) {
      case TraceKind::kStage:
        return stage(e);
      case TraceKind::kLock:
        return lock(e);
      case TraceKind::kInterrupt:
        return interrupt(e);
      case TraceKind::kEoi:
        return eoi(e);
      case TraceKind::kMessage:
        return message(e);
      case TraceKind::kDiskCommand:
        return disk(e);
      case TraceKind::kConsole:
        timeline_.lines.push_back({e.os, ns(e.argument(1)), event_text(e)});
        return;
      case TraceKind::kDma:
      case TraceKind::kNicDma:
      case TraceKind::kMark:
      case TraceKind::kCheckpoint:
      case TraceKind::kSample:
      case TraceKind::kBlock:
      case TraceKind::kAccess:
      case TraceKind::kClock:
        return;
      default:
        timeline_.points.push_back(
            {ns(e.at.count), e.core == TraceEvent::kNone ? -1 : e.core, e.kind, event_text(e)});
    }
  }

  Timeline take() { return std::move(timeline_); }

 private:
  std::uint64_t ns(std::uint64_t cycles) const {
    return ticks_down(cycles, run_.core_clock, Hertz{1'000'000'000});
  }

  void stage(const TraceEvent& e) {
    const auto number = static_cast<unsigned>(e.argument(0));
    if (e.argument(1) != 0) {
      timeline_.stages.push_back({e.os, number, e.core, ns(e.at.count), {}});
      return;
    }
    for (Timeline::Stage& s : timeline_.stages)
      if (s.os == e.os && s.stage == number && !s.end) s.end = ns(e.at.count);
  }

  void lock(const TraceEvent& e) {
    const auto open = open_locks_.find(e.core);
    const std::uint64_t at = ns(e.at.count);
    const auto step = static_cast<LockStep>(e.argument(0));
    if (step == LockStep::kRelease) {
      if (open == open_locks_.end()) return;
      timeline_.locks[open->second].released = at;
      open_locks_.erase(open);
      return;
    }
    if (open == open_locks_.end()) {
      open_locks_[e.core] = timeline_.locks.size();
      timeline_.locks.push_back({e.os, e.core, {}, {}, {}});
    }
    Timeline::Lock& lock = timeline_.locks[open_locks_[e.core]];
    (step == LockStep::kWait ? lock.waits : lock.taken) = at;
  }

  void interrupt(const TraceEvent& e) {
    const auto vector = static_cast<unsigned>(e.argument(0));
    Timeline::Interrupt one{e.core, vector, ns(e.at.count), {}, {}};
    const auto raised = raised_.find({e.core, vector});
    if (raised != raised_.end()) {
      one.message = raised->second;
      raised_.erase(raised);
    }
    open_interrupts_[e.core].push_back(timeline_.interrupts.size());
    timeline_.interrupts.push_back(one);
  }

  // An EOI ends what is in service with the highest priority; handlers nest.
  void eoi(const TraceEvent& e) {
    std::vector<std::size_t>& open = open_interrupts_[e.core];
    if (open.empty()) return;
    timeline_.interrupts[open.back()].end = ns(e.at.count);
    open.pop_back();
  }

  void message(const TraceEvent& e) {
    static constexpr std::uint64_t kLapic = 1;
    static constexpr std::uint64_t kIoApic = 2;
    Timeline::Message m;
    m.sent = ns(e.argument(6));
    m.arrived = ns(e.at.count);
    m.to = e.argument(5);
    m.mode = static_cast<unsigned>(e.argument(0));
    m.vector = static_cast<unsigned>(e.argument(1));
    if (e.argument(2) == kLapic) {
      m.from = static_cast<int>(e.argument(3));
      m.origin = fmt::format("core {}", m.from);
    } else {
      m.origin = e.argument(2) == kIoApic ? fmt::format("I/O APIC pin {}", e.argument(4))
                                          : fmt::format("PCI function 00:{:02x}.{}",
                                                        e.argument(3) >> 3, e.argument(3) & 7);
    }
    for (unsigned core = 0; core < 64; ++core)
      if ((m.to >> core & 1) != 0) raised_[{core, m.vector}] = timeline_.messages.size();
    timeline_.messages.push_back(std::move(m));
  }

  void disk(const TraceEvent& e) {
    const auto argument = [&e](DiskArgument a) { return e.argument(static_cast<std::size_t>(a)); };
    Timeline::Disk d;
    d.disk = static_cast<unsigned>(argument(DiskArgument::kDisk));
    d.received = ns(argument(DiskArgument::kReceived));
    d.finished = ns(e.at.count);
    d.command = static_cast<unsigned>(argument(DiskArgument::kCommand));
    d.lba = argument(DiskArgument::kLba);
    d.sectors = argument(DiskArgument::kSectors);
    for (std::size_t i = 0; i < d.parts.size(); ++i)
      d.parts[i] = ns(e.argument(static_cast<std::size_t>(DiskArgument::kWait) + i));
    d.cache_hit = argument(DiskArgument::kCacheHit) != 0;
    d.failed = argument(DiskArgument::kError) != 0;
    timeline_.disks.push_back(d);
  }

  const StoredRun& run_;
  Timeline timeline_;
  std::map<unsigned, std::size_t> open_locks_;                    // by core
  std::map<unsigned, std::vector<std::size_t>> open_interrupts_;  // by core
  std::map<std::pair<unsigned, unsigned>, std::size_t> raised_;   // by core and vector
};

}  // namespace

Timeline read_timeline(RunStore& store, const StoredRun& run) {
  Builder builder(run);
  store.events(run.id, [&](const TraceEvent& e) {
    builder.add(e);
    return true;
  });
  return builder.take();
}

}  // namespace mint
