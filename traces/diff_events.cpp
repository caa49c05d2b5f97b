#include "traces/diff_events.hpp"

#include <algorithm>

namespace mint {
namespace {

// Events of one core in a window that are its own doing, with instructions since its start.
std::vector<OwnedEvent> own_events(RunStore& store, const StoredRun& run, const Window& window) {
  std::vector<OwnedEvent> found;
  unsigned epoch = 0;
  std::uint64_t base = 0;
  store.events(run.id, [&](const TraceEvent& e) {
    if (e.core != window.core) return true;
    switch (e.kind) {
      case TraceKind::kStart:
        ++epoch;
        base = e.retired;
        break;
      case TraceKind::kException:
      case TraceKind::kInterrupt:
      case TraceKind::kEoi:
      case TraceKind::kIpi:
      case TraceKind::kLapicWrite:
      case TraceKind::kPciConfig:
      case TraceKind::kExit: {
        TraceEvent mine = e;
        mine.retired -= base;
        if (epoch == window.epoch && mine.retired >= window.from && mine.retired <= window.to)
          found.emplace_back(mine);
        break;
      }
      default:
        break;
    }
    return epoch <= window.epoch;
  });
  return found;
}

}  // namespace

void narrow_by_events(RunStore& store, const StoredRun& run_a, const StoredRun& run_b,
                      const Parting& parting, Divergence& d) {
  const std::vector<OwnedEvent> a = own_events(store, run_a, parting.a);
  const std::vector<OwnedEvent> b = own_events(store, run_b, parting.b);
  const auto same = [](const TraceEvent& x, const TraceEvent& y) {
    return x.kind == y.kind && x.retired == y.retired &&
           std::equal(x.arguments.begin(), x.arguments.end(), y.arguments.begin(),
                      y.arguments.end());
  };
  std::size_t i = 0;
  for (; i < a.size() && i < b.size() && same(a[i].event, b[i].event); ++i)
    d.retired = a[i].event.retired;
  const auto tell = [&](const std::vector<OwnedEvent>& events, std::string& does, Cycles& at) {
    if (i >= events.size()) return;
    does = event_text(events[i].event);
    at = events[i].event.at;
    d.until = std::min(d.until, events[i].event.retired);
  };
  tell(a, d.does_a, d.at_a);
  tell(b, d.does_b, d.at_b);
}

}  // namespace mint
