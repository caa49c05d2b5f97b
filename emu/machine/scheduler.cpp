#include "emu/machine/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace mint {

Scheduler::Scheduler(EventQueue& queue, std::vector<Core*> cores, Cycles slice)
    : queue_(queue), cores_(std::move(cores)), slice_(slice) {}

// The next of the other running cores, and the next of those in its group.
Core::Horizons Scheduler::others(const Core& core) const {
  Core::Horizons horizons;
  const auto lower = [](Core::Horizon& horizon, const Core& other) {
    if (other.time() < horizon.time) horizon = {other.time(), other.id()};
  };
  for (const Core* other : cores_) {
    if (other == &core || !other->runnable()) continue;
    lower(horizons.all, *other);
    if (other->group() == core.group()) lower(horizons.group, *other);
  }
  return horizons;
}

Scheduler::End Scheduler::run() {
  stopped_ = false;
  while (!stopped_) {
    Core* first = nullptr;
    for (Core* core : cores_)
      if (core->runnable() && (first == nullptr || core->time() < first->time())) first = core;
    const Cycles event = queue_.next();
    if (first == nullptr && event == Cycles::max()) return End::kIdle;
    if (first == nullptr || event <= first->time()) {
      queue_.run_next();
      continue;
    }
    const Core::Horizons horizons = others(*first);
    Cycles limit = event;
    if (horizons.all.time != Cycles::max()) limit = std::min(limit, horizons.all.time + slice_);
    first->resume(limit, horizons);
  }
  return End::kStopped;
}

}  // namespace mint
