#include "emu/machine/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace mint {

Scheduler::Scheduler(std::vector<EventQueue*> queues, std::vector<Core*> cores, Core::Turns& turns,
                     Cycles slice)
    : queues_(std::move(queues)), cores_(std::move(cores)), turns_(turns), slice_(slice) {}

void Scheduler::stop() {
  stopped_ = true;
  turns_.end = queues_.front()->now() + slice_;
}

void Scheduler::settle(const std::vector<Core*>& cores, Cycles end) {
  // No access is any core's turn.
  const Core::Horizons nobody{.all = {{0}, ApicId{0}}, .group = {}};
  for (Core* core : cores)
    while (core->runnable() && core->time() < end) {
      core->resume(end, nobody);
      if (core->waiting()) break;
    }
}

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
  turns_.end = Cycles::max();
  leaving_ = false;
  while (!stopped_) {
    if (leaving_) return End::kLeft;
    Core* first = nullptr;
    for (Core* core : cores_)
      if (core->runnable() && (first == nullptr || core->time() < first->time())) first = core;
    EventQueue* queue = queues_.front();
    for (EventQueue* other : queues_)
      if (other->next_in_order() < queue->next_in_order()) queue = other;
    const Cycles event = queue->next();
    if (first == nullptr && event == Cycles::max()) return End::kIdle;
    if (first == nullptr || event <= first->time()) {
      for (EventQueue* other : queues_) other->advance_to(event);
      queue->run_one();
      continue;
    }
    const Core::Horizons horizons = others(*first);
    Cycles limit = event;
    if (horizons.all.time != Cycles::max()) limit = std::min(limit, horizons.all.time + slice_);
    first->resume(limit, horizons);
  }
  settle(cores_, turns_.end);
  return End::kStopped;
}

}  // namespace mint
